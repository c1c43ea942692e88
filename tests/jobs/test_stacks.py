"""Whole runs of the room on the sandbox: three days, what is so now, and what is published of both."""

import gzip
import json
import shutil
import tempfile
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from assets.stacks.assets import STACKS_ASSETS
from assets.stacks.checks import CHECKS
from core.windows import start_of
from jobs.stacks import JOBS
from resources.clients.lake.local_store import LocalObjectStore
from resources.clients.postgres.embedded import DBT_ROLE, OWNER
from resources.clients.postgres.server import EmbeddedServer
from resources.io_managers.postgres import PostgresIOManager
from resources.stacks import StacksObjectIOManager, StacksResource

DAYS = ("2021-01-14", "2021-01-15", "2021-01-16")


@pytest.fixture(scope="module")
def home():
    made = Path(tempfile.mkdtemp(prefix="headwater-stacks-"))
    server = EmbeddedServer(made, (OWNER, DBT_ROLE))
    server.start()
    yield made
    server.release()
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def runs(home):
    """Runs a job on the sandbox below a home of the module's own."""
    instance = dg.DagsterInstance.ephemeral()
    defs = dg.Definitions(
        assets=STACKS_ASSETS,
        asset_checks=CHECKS,
        jobs=JOBS,
        resources={
            "stacks": StacksResource(stage="local"),
            "stacks_objects": StacksObjectIOManager(stage="local"),
            "postgres": PostgresIOManager(stage="local"),
        },
    )

    def run(job, first=None, last=None, raises=True):
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last or first}
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("HEADWATER_HOME", str(home))
            return defs.resolve_job_def(job).execute_in_process(
                instance=instance, tags=tags if first else {}, raise_on_error=raises
            )

    return run


@pytest.fixture(scope="module")
def materialized(runs):
    """Everything once."""
    results = [runs("stacks_days_job", DAYS[0], DAYS[-1]), runs("stacks_moment_job"), runs("stacks_once_a_day_job")]
    return results + [runs("stacks_publish_job", day) for day in DAYS]


def objects(home):
    store = LocalObjectStore(home / "lake")
    return {found.key: store.read(found.key) for found in store.list("") if not found.key.startswith("raw/")}


def document(home, key):
    return json.loads(gzip.decompress(objects(home)[key]))


def test_everything_is_published_and_every_check_passes(materialized, home):
    assert all(result.success for result in materialized)
    checks = [check for result in materialized for check in result.get_asset_check_evaluations()]
    assert {check.check_name for check in checks} == {
        "conserved",
        "still_canonical",
        "advances",
        "up_to_date",
        "complete",
    }
    assert [check for check in checks if not check.passed] == []
    found = objects(home)
    for name in ("daily_txs", "addx_dailyactive", "addx_growth", "wallet_balances_raw", "wallet_balances"):
        assert (
            found[f"{name}/latest.json.gz"] == found[f"{name}/{DAYS[-1]}.json.gz"] != found[f"{name}/{DAYS[0]}.json.gz"]
        )
    counts = document(home, "daily_txs/latest.json.gz")
    assert list(counts) == [str(start_of(date.fromisoformat(day))) for day in (DAYS[0], DAYS[2])]
    assert sum(document(home, "wallet_balances/latest.json.gz").values()) == len(
        document(home, "wallet_balances_raw/latest.json.gz")["whale_balances"]
    )
    spot = document(home, "spot_stats/latest.json.gz")
    assert spot["stacking_apy"].endswith("%")
    assert len(document(home, "mining_data/last100_overview.json.gz")["block_heights"]) > 50


def test_a_second_run_publishes_the_same_bytes_and_a_backfill_no_latest(materialized, runs, home):
    before = objects(home)
    runs("stacks_days_job", DAYS[0], DAYS[-1])
    runs("stacks_moment_job")
    runs("stacks_once_a_day_job")
    runs("stacks_publish_job", DAYS[2])
    runs("stacks_publish_job", DAYS[0])
    assert objects(home) == before


def test_what_is_so_now_is_not_written_into_a_day_that_is_over(runs):
    result = runs("stacks_moment_job", DAYS[0], raises=False)
    assert not result.success


def test_a_day_that_is_not_over_is_refused(runs):
    result = runs("stacks_days_job", "2021-01-17", raises=False)
    assert not result.success
