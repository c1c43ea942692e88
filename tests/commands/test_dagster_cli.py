"""Dagster's own commands on this project, as processes, from a shell that exports nothing but DAGSTER_HOME."""

import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from assets.ethereum.tables import BLOCKS
from resources.clients.duckdb.warehouse import DuckDbWarehouse
from tests.standins.runs import ALL_DAYS
from tests.standins.warm.warm import COLD

pytestmark = [pytest.mark.xdist_group("run"), pytest.mark.slow]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    path = tmp_path_factory.mktemp("home")
    (path / "dagster.yaml").write_text((ROOT / "deploy/local/dagster.yaml").read_text())
    return path


def _started(home, *command, python=sys.executable, **settings):
    beside = Path(python).parent
    return subprocess.Popen(
        [beside / command[0], *command[1:]],
        cwd=ROOT,
        env={"PATH": f"{beside}:{os.environ['PATH']}", "HEADWATER_HOME": str(home), "DAGSTER_HOME": str(home)}
        | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _said(process):
    said, _ = process.communicate(timeout=900)
    return process.returncode, said


def _documented(file):
    """The command of ``dagster asset materialize`` as the page prints it."""
    (line,) = re.findall(r"^ {4}dagster (asset materialize .*)$", (ROOT / file).read_text(), re.MULTILINE)
    return [word.strip("'") for word in re.findall(r"'[^']*'|\S+", line)]


def test_days_and_a_range_reach_the_history_of_the_ui(home):
    day = _documented("README.md")
    assert day[-2:] == ["--partition", "2024-01-02"]
    for partition in ("2024-01-02", "2024-01-03"):
        code, said = _said(_started(home, "dagster", *day[:-1], partition))
        assert code == 0, said[-3000:]
        assert "Ethereum node: sandbox: the embedded sample chain" in said
    range_ = [word.replace("layer=lake", "layer=warehouse") for word in day[:-2]]
    code, said = _said(_started(home, "dagster", *range_, "--partition-range", "2024-01-02...2024-01-03"))
    assert code == 0, said[-3000:]
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert [run.status.value for run in instance.get_runs()] == ["SUCCESS"] * 3
    rows = DuckDbWarehouse(str(home / "warehouse.duckdb")).count_by_day(BLOCKS, ALL_DAYS)
    assert rows == {date(2024, 1, 2): 35, date(2024, 1, 3): 37}


def test_a_node_that_is_not_there_is_told_in_seconds_and_in_the_runs_log(home):
    day = _documented("README.md")
    code, said = _said(_started(home, "dagster", *day, ETHEREUM_PROVIDER_URI="http://127.0.0.1:1"))
    assert code == 1
    assert "host, port and scheme of ETHEREUM_PROVIDER_URI" in said
    with dg.DagsterInstance.from_config(str(home)) as instance:
        (run,) = instance.get_runs(limit=1)
        entries = [entry for entry in instance.all_logs(run.run_id) if "attempt" in entry.user_message]
    assert [entry.user_message.split(" at ")[0].split(": ")[1] for entry in entries[:3]] == [
        f"attempt {number} of 4" for number in (1, 2, 3)
    ]
    assert entries[2].timestamp - entries[0].timestamp < 30


def test_what_reads_the_definitions_finds_them(home):
    """Side by side: each of them waits for the definitions to load."""
    days = ["--from", "2024-01-02", "--to", "2024-01-03", "--noprompt"]
    backfill = _started(home, "dagster", "job", "backfill", "-w", "workspace.yaml", "-j", "ethereum_load_job", *days)
    validate = _started(home, "dagster", "definitions", "validate", "-w", "workspace.yaml")
    listed, checked = _started(home, "dg", "list", "defs", "--json"), _started(home, "dg", "check", "defs", python=COLD)
    code, said = _said(listed)
    assert code == 0, said[-3000:]
    assert "marts/ethereum/daily_chain_metrics" in said
    for process, words in (
        (checked, "All definitions loaded successfully"),
        (validate, "All code locations passed validation"),
        (backfill, "Launched backfill job"),
    ):
        code, said = _said(process)
        assert code == 0, said[-3000:]
        assert words in said
    with dg.DagsterInstance.from_config(str(home)) as instance:
        (backfill,) = instance.get_backfills()
        queued = instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": backfill.backfill_id}))
    assert {run.tags["dagster/partition"] for run in queued} == {"2024-01-02", "2024-01-03"}
