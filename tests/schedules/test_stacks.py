"""Days named in UTC, read again, published after they were read; and reorganised days shown as stale."""

import warnings
from datetime import UTC, datetime, timedelta

import dagster as dg
import psycopg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from assets.stacks.assets import DAYS as DAYS_ASSETS
from assets.stacks.chain_state import CHAIN_KEY
from assets.stacks.extract.days import FIRST_DAY, load_day, span_of
from assets.stacks.public.assets import OBJECTS_OF_DAYS
from assets.stacks.tables import BLOCK_RANGE, FOLLOWING, FROM_NODE
from core.errors import DatabaseUnavailable
from definitions import defs
from jobs.stacks import JOBS
from resources.stacks import StacksResource
from resources.stages import resources_for
from sandbox.stacks.chain import make_chain
from sandbox.stacks.indexer import SCHEMA
from sandbox.stacks.story import Story
from schedules import stacks as schedules
from tests.standins.stacks import indexer_of

DAYS = [FIRST_DAY + timedelta(number) for number in range(3)]
TABLES = [dg.AssetKey(table.warehouse_key) for table in (*FROM_NODE, *FOLLOWING)]
OBJECTS = [asset.key for asset in OBJECTS_OF_DAYS]


@pytest.fixture
def instance(tmp_path):
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


def written(instance, keys, *days):
    for key in keys:
        for day in days:
            instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=day))


@pytest.mark.parametrize(
    ("at", "first", "last"),
    [
        ("2024-03-02T00:45:00+00:00", "2024-02-29", "2024-03-01"),
        ("2024-03-01T19:45:00-05:00", "2024-02-29", "2024-03-01"),
        ("2024-01-01T00:45:00+00:00", "2023-12-30", "2023-12-31"),
    ],
)
def test_the_day_that_ended_and_the_one_before_are_one_run(at, first, last):
    with dg.build_schedule_context(scheduled_execution_time=datetime.fromisoformat(at)) as context:
        request = schedules.stacks_days_schedule(context)
    assert request.run_key == last
    assert request.tags == {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }


def test_crons_are_utc():
    found = {one.name: (one.cron_schedule, one.execution_timezone) for one in schedules.SCHEDULES}
    assert found == {
        "stacks_days_schedule": ("45 0 * * *", "UTC"),
        "stacks_moment_schedule": ("*/30 * * * *", "UTC"),
        "stacks_once_a_day_schedule": ("15 1 * * *", "UTC"),
        "stacks_lunar_schedule": ("20 1 * * *", "UTC"),
    }


def test_no_job_warns_of_policies_that_differ():
    mixed = dg.define_asset_job("mixed", selection=dg.AssetSelection.assets(*DAYS_ASSETS, *OBJECTS_OF_DAYS))
    warned = [job.name for job in (*JOBS, mixed) if any("BackfillPolicies" in told for told in warnings_of(job))]
    assert warned == ["mixed"]


def warnings_of(job):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        dg.Definitions(schedules.STACKS_ASSETS, jobs=[job], resources=resources_for("test")).resolve_job_def(job.name)
    return [str(one.message) for one in told]


def test_lunarcrush_is_left_alone_without_a_key(monkeypatch):
    context = dg.build_schedule_context()
    assert "STACKS_LUNAR_KEY" in schedules.stacks_lunar_schedule(context).skip_message
    monkeypatch.setenv("STACKS_LUNAR_KEY", "a-key")
    assert isinstance(schedules.stacks_lunar_schedule(context), dg.RunRequest)


def test_a_day_is_published_once_its_tables_are_there_and_again_when_they_are_newer(instance, monkeypatch):
    yesterday = (datetime.now(UTC).date() - timedelta(1)).isoformat()

    def sense():
        found = schedules.stacks_publish_sensor(dg.build_sensor_context(instance))
        return (
            [] if isinstance(found, dg.SkipReason) else [(one.partition_key, one.run_key) for one in found.run_requests]
        )

    written(instance, TABLES[:-1], yesterday)
    assert sense() == []
    written(instance, TABLES[-1:], yesterday)
    ((day, first),) = sense()
    assert day == yesterday
    written(instance, OBJECTS, yesterday)
    assert sense() == []
    written(instance, TABLES[:1], yesterday)
    ((day, second),) = sense()
    assert (day, second != first) == (yesterday, True)


class Given(StacksResource):
    """The resource with a database of the test's own."""

    def indexer(self):
        return OPENED["indexer"]


OPENED = {}


def sense_reorgs(instance, database, cursor=None):
    class Io:
        def postgres(self):
            return database

    context = dg.build_sensor_context(
        instance, cursor=cursor, resources={"stacks": Given(stage="local"), "postgres": Io()}
    )
    return schedules.stacks_reorg_sensor(context)


def status(instance, day):
    resolver = CachingStaleStatusResolver(instance, defs.resolve_asset_graph(), LoadingContextForTest(instance))
    return resolver.get_status(dg.AssetKey(BLOCK_RANGE.warehouse_key), day)


def test_a_reorganised_day_is_stale_and_named_until_it_is_read_again(postgres_server, database, instance):
    with indexer_of(postgres_server, make_chain(Story(days=3))) as (indexer, owner):
        OPENED["indexer"] = indexer
        load(database, indexer)
        days = [day.isoformat() for day in DAYS]
        written(instance, [CHAIN_KEY], *days)
        written(instance, TABLES, *days)
        assert sense_reorgs(instance, database).asset_events == []
        owner.execute(f"SET search_path = {SCHEMA}")
        with indexer.snapshot() as snapshot:
            last = span_of(snapshot, DAYS[1]).last
        psycopg.ClientCursor(owner).execute(OTHER_BLOCK, {"last": last})
        result = sense_reorgs(instance, database)
        for event in result.asset_events:
            instance.report_runless_asset_event(event)
        assert [status(instance, day) for day in days] == [StaleStatus.FRESH, StaleStatus.STALE, StaleStatus.FRESH]
        (named,) = (event for event in result.asset_events if isinstance(event, dg.AssetCheckEvaluation))
        assert named.partition == days[1]
        assert f"{days[1]}: block {last} is 0x" in named.description
        assert sense_reorgs(instance, database, result.cursor).asset_events == []  # said once
        load(database, indexer)
        written(instance, [CHAIN_KEY, *TABLES], days[1])
        assert status(instance, days[1]) == StaleStatus.FRESH
        assert sense_reorgs(instance, database).asset_events == []


def load(database, indexer):
    with indexer.snapshot() as snapshot:
        for day in DAYS:
            load_day(database, snapshot, day, span_of(snapshot, day))


OTHER_BLOCK = """
    UPDATE blocks SET index_block_hash = sha256(index_block_hash) WHERE canonical AND block_height = %(last)s
"""


def test_a_database_that_does_not_answer_is_no_failure_of_the_sensor(instance, database):
    class Broken:
        def snapshot(self):
            raise DatabaseUnavailable("Stacks database at nowhere: down.")

    OPENED["indexer"] = Broken()
    assert "down" in sense_reorgs(instance, database).skip_message
