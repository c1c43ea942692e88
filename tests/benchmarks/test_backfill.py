"""The days that are backfilled, the Dagster that does it, and the whole part on a few days."""

import os
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from assets.ethereum.tables import BLOCKS, TABLES
from benchmarks import engines, run
from benchmarks.backfill import EXPORTED, make_lake
from benchmarks.measure import CommandFailed
from benchmarks.replay_node import replaying
from benchmarks.served import Backfill, ServedDagster, session
from benchmarks.synthetic import DAY
from core.windows import DayWindow, dates_of
from resources.clients.lake.lake import Lake
from resources.clients.lake.local_store import LocalObjectStore

# Says its own process and a child's, of which both pass over the gentle way to end.
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork()
os.write(1, f"{os.getpid()}\\n".encode())  # in one piece: both speak at once
time.sleep(600)
"""


def test_every_day_has_the_rows_of_the_synthetic_day_at_its_own_date(tmp_path):
    with replaying(2) as node:
        rows = engines.ours(node, 2, tmp_path, "off").rows
    day, lake = Lake(LocalObjectStore(tmp_path / "lake")), Lake(LocalObjectStore(tmp_path / "year"))
    window = DayWindow(DAY - timedelta(days=2), DAY)
    published = make_lake(day, lake, tmp_path, window)
    assert published == 3 * sum(rows.values()) > 3_000
    for table in TABLES:
        opened = lake.open(table, list(window))
        assert {one.manifest.rows for one in opened.days} == {rows.get(table.name, 0)}
        for one in opened.days:
            assert set(one.table(["block_date"])["block_date"].to_pylist()) <= {one.day}
    assert {table.name for table in EXPORTED} == set(rows)
    blocks = lake.open(BLOCKS, list(window)).table(["number", "timestamp", "block_date"])
    numbers = blocks["number"].to_pylist()
    assert sorted(numbers) == list(range(min(numbers), min(numbers) + 6))
    assert dates_of(blocks["timestamp"].combine_chunks()).to_pylist() == blocks["block_date"].to_pylist()


def _alive(process):
    """Whether it runs: one that ended counts as not there, also before its parent takes note."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _two_processes(log):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = log.read_text().split()
        if len(found) == 2:
            return [int(process) for process in found]
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def test_a_session_ends_with_all_that_was_started_in_it_also_when_it_fails(tmp_path):
    processes = []

    def fail():
        with session([sys.executable, "-c", STUBBORN], os.environ, tmp_path / "log", patience=0.2):
            processes.extend(_two_processes(tmp_path / "log"))
            assert all(map(_alive, processes))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert len(processes) == 2
    assert not any(map(_alive, processes))


class Answering(ServedDagster):
    """Answers from a list."""

    def __init__(self, home, *answers):
        super().__init__(home)
        self.log.write_text("so it went")
        self._answers = list(answers)

    def ask(self, query, **variables):
        status, *runs = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        results = [{"status": run, "startTime": 1, "endTime": 3} for run in runs]
        return {"partitionBackfillOrError": {"status": status}, "runsOrError": {"results": results}}


def test_a_backfill_is_at_rest_before_it_is_done_and_counts_its_runs_at_the_end(tmp_path):
    dagster = Answering(tmp_path, ["REQUESTED"], ["REQUESTED", "STARTED"], ["REQUESTED", "SUCCESS"])
    assert [dagster.follow("b").at_rest for _ in range(3)] == [False, False, True]
    dagster = Answering(tmp_path, ["REQUESTED", "SUCCESS"], ["COMPLETED_SUCCESS", "SUCCESS", "SUCCESS"])
    assert [run["status"] for run in dagster.runs_of("b", 5)] == ["SUCCESS", "SUCCESS"]
    assert not Backfill(True, []).at_rest


@pytest.mark.parametrize(
    "answer", [["REQUESTED", "SUCCESS", "FAILURE"], ["COMPLETED_FAILED"], ["CANCELED", "CANCELED"]]
)
def test_a_backfill_that_fails_is_no_figure(tmp_path, answer):
    with pytest.raises(CommandFailed, match="so it went"):
        Answering(tmp_path, answer).runs_of("b", 5)


def test_a_backfill_that_takes_too_long_is_given_up(tmp_path):
    with pytest.raises(CommandFailed, match="not done in 0 s: so it went"):
        Answering(tmp_path, ["REQUESTED", "STARTED"]).runs_of("b", 0)


@pytest.mark.slow
@pytest.mark.xdist_group("ui")
def test_a_backfill_of_two_days_takes_one_run_for_each_group(home, tmp_path):
    output = tmp_path / "results.md"
    run.main(["--parts", "backfill", "--backfill-days", "2", "--output", str(output)])
    text = output.read_text()
    assert "## Backfill from the UI, 2 days of 2 blocks" in text
    for group, tables in (("loads", len(TABLES)), ("aggregates", 6)):
        (line,) = [line for line in text.splitlines() if line.startswith(f"| {group} ")]
        assert [cell.strip() for cell in line.split("|")][2:5] == [str(tables), "2", "1"]
    (budget,) = [
        line for line in text.splitlines() if line.startswith("| 365-day backfill, runs for each asset group ")
    ]
    assert budget.split("|")[2].strip() == "1"
    assert not [path for path in home.iterdir() if path.name.startswith("bench-")]
