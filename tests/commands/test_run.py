"""What ``make run`` does: three days from the embedded chain to a printed table of figures that add up."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from assets.ethereum.tables import TABLES
from benchmarks.scaling import objects_of_a_day
from definitions import defs
from resources.clients.duckdb.warehouse import DuckDbWarehouse
from tests.conftest import SAMPLE_DAYS
from tests.standins.runs import LAKE, QUIET, WAREHOUSE, Graph
from tests.standins.warm.warm import COLD

pytestmark = pytest.mark.xdist_group("run")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """``make run`` without anything named, in a home of its own, by the command the Makefile holds."""
    home = tmp_path_factory.mktemp("home")
    (home / "dagster.yaml").write_text((ROOT / "deploy/local/dagster.yaml").read_text())
    assert "$(BIN)/python -m commands run $(or $(ROOM),ethereum) " in (ROOT / "Makefile").read_text()
    return subprocess.run(
        [sys.executable, "-m", "commands", "run", "ethereum"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HEADWATER_HOME": str(home), "DAGSTER_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def _ask(chain, method, *params):
    return chain.answer({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})["result"]


def _number(value):
    return int(value, 16)


def test_it_exits_0_and_says_what_it_does(run):
    assert run.returncode == 0, run.stdout + run.stderr
    for words in ("Exporting 2024-01-02 to 2024-01-04", "Loading", "Aggregating", "78 of 78 checks passed", "make dev"):
        assert words in run.stdout
    assert "Traceback" not in run.stderr
    assert run.stdout.index("Ethereum node: sandbox: the embedded sample chain") < run.stdout.index("Exporting")


def test_the_table_holds_what_the_recorded_answers_add_up_to(run, recorded_chain):
    printed = {line.split()[0]: line.split()[1:] for line in run.stdout.splitlines() if line.startswith("2024-01-0")}
    ranges = {"2024-01-02": range(7, 42), "2024-01-03": range(42, 79), "2024-01-04": range(79, 116)}
    assert printed.keys() == ranges.keys()
    for day, numbers in ranges.items():
        blocks = [_ask(recorded_chain, "eth_getBlockByNumber", hex(number), True) for number in numbers]
        receipts = [r for number in numbers for r in _ask(recorded_chain, "eth_getBlockReceipts", hex(number))]
        transactions = [tx for block in blocks for tx in block["transactions"]]
        burnt = sum(_number(b["baseFeePerGas"]) * _number(b["gasUsed"]) for b in blocks)
        fees = sorted(_number(b["baseFeePerGas"]) for b in blocks)
        middle = (fees[(len(fees) - 1) // 2] + fees[len(fees) // 2]) / 2
        assert printed[day] == [
            str(len(blocks)),
            str(sum(not block["transactions"] for block in blocks)),
            str(len(transactions)),
            str(sum(receipt["status"] == "0x0" for receipt in receipts)),
            str(len({tx["from"] for tx in transactions})),
            f"{sum(_number(tx['value']) for tx in transactions) / 10**18:,.4f}",
            f"{middle / 10**9:,.4f}",
            f"{burnt:,}",
        ]


def _backfill(*arguments, python=sys.executable, **settings):
    return subprocess.run(
        [python, "-m", "commands", "backfill", "ethereum", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]} | settings,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def test_a_wrong_range_is_refused_in_words(tmp_path):
    done = _backfill("2024-01-04", "2024-01-02", HEADWATER_HOME=str(tmp_path))
    assert done.returncode == 2
    assert "a window of days cannot end (2024-01-02) before it starts (2024-01-04)" in done.stderr


def test_the_sandbox_is_not_exported_unless_that_is_meant(tmp_path):
    done = _backfill("2024-01-03", "2024-01-03", HEADWATER_HOME=str(tmp_path), DAGSTER_HOME=str(tmp_path))
    assert done.returncode == 1
    assert "Ethereum node: sandbox: the embedded sample chain" in done.stdout
    assert f"Lake: {tmp_path / 'lake'}, parquet" in done.stdout
    assert "pass --sandbox if that is meant" in done.stderr
    assert not (tmp_path / "lake").exists()


def test_a_wrong_stage_is_a_sentence(tmp_path):
    done = _backfill("2024-01-03", "2024-01-03", HEADWATER_HOME=str(tmp_path), HEADWATER_STAGE="staging")
    assert done.returncode == 1
    assert "HEADWATER_STAGE='staging': expected one of local, test, preprod, prod." in done.stderr
    assert "Traceback" not in done.stderr


def test_a_record_that_is_not_there_is_a_sentence(tmp_path):
    home = {"HEADWATER_HOME": str(tmp_path), "DAGSTER_HOME": str(tmp_path / "none")}
    done = _backfill("2024-01-03", "2024-01-03", "--sandbox", **home)
    assert done.returncode == 1
    assert f"DAGSTER_HOME: {tmp_path / 'none'} is not the absolute path of a directory." in done.stderr
    assert "Traceback" not in done.stderr


def test_a_failure_names_the_step_and_the_reason(tmp_path):
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    home = {"HEADWATER_HOME": str(tmp_path), "DAGSTER_HOME": str(tmp_path)}
    done = _backfill("2024-01-06", "2024-01-06", "--sandbox", python=COLD, **home)
    assert done.returncode == 1
    assert "Ethereum day 2024-01-06 is not complete" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


LAKE_KEYS = [f"export/{table.name}/block_date=2024-01-03/_manifest.json" for table in TABLES]


def test_dagsters_own_command_materializes_every_asset_against_a_given_node(tmp_path, node_uri):
    """In stage test nothing falls back on an embedded default: node and lake are the ones that were given."""
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("dagster")), "asset", "materialize", "-f", "definitions.py"),
            *("--select", "tag:room=ethereum", "--partition", "2024-01-03"),
        ],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "HEADWATER_STAGE": "test",
            "HEADWATER_HOME": str(tmp_path / "home"),
            "ETHEREUM_PROVIDER_URI": node_uri,
            "LAKE_URI": str(tmp_path / "given"),
        },
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert [key for key in LAKE_KEYS if not (tmp_path / "given" / key).is_file()] == []
    objects = [path for path in (tmp_path / "given/export").rglob("*") if path.is_file()]
    assert len(objects) == objects_of_a_day()  # as docs/scaling.md reckons
    warehouse = DuckDbWarehouse(str(tmp_path / "home/warehouse.duckdb"))
    day = warehouse.query("SELECT blocks_cnt FROM ethereum.daily_chain_metrics WHERE day = DATE '2024-01-03'")
    assert day.to_pylist() == [{"blocks_cnt": 37}]


def test_the_full_refresh_job_rebuilds_what_increments_built(tmp_path, node_uri, monkeypatch):
    graph = Graph(tmp_path, node_uri)
    graph.run(f"{LAKE} or {WAREHOUSE}", *SAMPLE_DAYS)
    job = defs.resolve_job_def("ethereum_full_refresh_job")
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path))
    for _ in range(2):
        assert job.execute_in_process(run_config=QUIET).success
        assert {row["day"] for row in graph.marts()["daily_chain_metrics"]} == set(SAMPLE_DAYS)
