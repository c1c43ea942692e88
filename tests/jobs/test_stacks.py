"""Whole runs of the room on the sandbox: three days, what is so now, and what is published of both."""

import gzip
import json
import shutil
import tempfile
import time
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from assets.stacks.assets import STACKS_ASSETS
from assets.stacks.checks import CHECKS
from assets.stacks.moments.assets import MOMENTS
from assets.stacks.public.assets import DAILY_ONCE, HALF_HOURLY
from core.windows import start_of
from jobs.stacks import JOBS
from resources.clients.lake.local_store import LocalObjectStore
from resources.clients.postgres.embedded import DBT_ROLE, OWNER
from resources.clients.postgres.server import EmbeddedServer
from resources.io_managers.postgres import PostgresIOManager
from resources.stacks import StacksObjectIOManager, StacksResource, sample_stacks
from sandbox.stacks.server import Fault

KEY = "a-key-that-nobody-may-see"
NOW = (*HALF_HOURLY, *DAILY_ONCE)
FOLLOWING = "what_follows"
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
        jobs=[*JOBS, dg.define_asset_job(FOLLOWING, selection=dg.AssetSelection.assets(*MOMENTS, *NOW))],
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
        "as_the_indexer_keeps_them",
        "as_in_the_database",
        "still_canonical",
        "advances",
        "up_to_date",
        "complete",
    }
    assert [check for check in checks if not check.passed] == []
    by_day = [(check.check_name, check.partition) for check in checks if check.partition]
    assert sorted(by_day) == [(name, day) for name in ("conserved", "still_canonical") for day in DAYS]
    compared = {check.check_name: check.metadata["compared"].value for check in checks if "compared" in check.metadata}
    assert compared["as_the_indexer_keeps_them"] > 60
    assert compared["as_in_the_database"] > 1
    drawn = [
        event.materialization.metadata["picture"].value
        for event in materialized[0].get_asset_materialization_events()
        if "picture" in event.materialization.metadata
    ]
    assert [text.split("(")[0] for text in drawn] == ["![Transactions, Active addresses]"] * len(DAYS)
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


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_the_machines_time_zone_changes_nothing(materialized, runs, home, monkeypatch, zone):
    before = objects(home)
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        for job, day in (
            ("stacks_moment_job", None),
            ("stacks_once_a_day_job", None),
            ("stacks_days_job", DAYS[1]),
            ("stacks_publish_job", DAYS[1]),
        ):
            assert runs(job, day).success
    finally:
        monkeypatch.undo()
        time.tzset()
    assert objects(home) == before


def test_no_key_is_in_what_is_kept_published_or_logged(materialized, runs, home, monkeypatch, capfd):
    for name in ("STACKS_API_KEY", "STACKS_LUNAR_KEY"):
        monkeypatch.setenv(name, KEY)
    for job in ("stacks_moment_job", "stacks_lunar_job"):
        result = runs(job)
        assert result.success
        assert KEY not in "".join(str(event) for event in result.all_events)
    sample_stacks(home).server.faults = [Fault("/v2/info", 403, f"who is {KEY}?")]
    failed = runs("stacks_moment_job", raises=False)
    assert not failed.success
    assert KEY not in "".join(str(event) for event in failed.all_events)
    out, err = capfd.readouterr()
    assert KEY not in out + err
    for path in (home / "lake").rglob("*.gz"):
        assert KEY.encode() not in gzip.decompress(path.read_bytes())
    assert "lunar/spot.json.gz" in objects(home)


def test_what_follows_from_kept_answers_needs_no_network(materialized, runs, home, monkeypatch):
    """Last: the APIs do not come back."""
    monkeypatch.setattr("resources.clients.http.api.FIRST_PAUSE", 0.0)
    before = objects(home)
    sample_stacks(home).server.stop()
    assert not runs("stacks_moment_job", raises=False).success
    for key in before:
        (home / "lake" / key).unlink()
    assert runs(FOLLOWING).success
    for day in DAYS:
        assert runs("stacks_publish_job", day).success
    after = objects(home)
    assert after == {key: data for key, data in before.items() if not key.startswith("lunar/")}
