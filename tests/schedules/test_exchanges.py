"""When days of bars are fetched, looked at again, and asked for again."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.automation_tick_evaluation_context import build_run_requests_with_backfill_policies
from dagster._core.definitions.events import AssetKeyPartitionKey

from assets.exchanges.assets import EXCHANGES_ASSETS, LAKE_ASSETS, RAW_KEY, ohlcv_1m_raw
from assets.exchanges.download import UNFETCHED
from assets.exchanges.partitions import partition_of
from core.errors import SettingError
from core.settings.exchanges import Exchanges
from resources.stages import resources_for
from schedules.exchanges import (
    RepairedDay,
    daily_jobs,
    days_to_repair,
    exchanges_daily_schedule,
    exchanges_markets_schedule,
    exchanges_repair_sensor,
    request_of,
)

SPOT, FUTURES = "ccxt.binance.spot.v7", "ccxt.binance.futures.v7.3"


def test_yesterday_and_the_days_before_it_of_each_job(monkeypatch):
    monkeypatch.setenv("HEADWATER_STAGE", "test")
    monkeypatch.setenv("EXCHANGES_USER", "ann")
    with dg.build_schedule_context(scheduled_execution_time=datetime(2024, 1, 5, 1, 20, tzinfo=UTC)) as context:
        requests = list(exchanges_daily_schedule(context))

    assert exchanges_daily_schedule.cron_schedule == "20 1 * * *"
    assert [str(request.partition_key) for request in requests] == [
        f"2024-01-0{day}|{job}" for job in (SPOT, FUTURES) for day in (4, 3, 2)
    ]
    assert len({request.run_key for request in requests}) == 6
    assert requests[0].tags["user"] == "ann"
    assert requests[0].tags["exchanges/task"] == "download.periodic_daily.ccxt.binance.spot.v7"


def test_a_job_that_is_no_partition_is_refused():
    with pytest.raises(SettingError, match=r"nasdaq\.x"):
        daily_jobs(Exchanges.read({"EXCHANGES_JOBS": f"{SPOT},nasdaq.x"}))


def test_yesterdays_closes_are_compared_once_markets_has_its_own(monkeypatch):
    monkeypatch.setenv("HEADWATER_STAGE", "prod")
    with dg.build_schedule_context(scheduled_execution_time=datetime(2024, 1, 5, 6, 0, tzinfo=UTC)) as context:
        requests = list(exchanges_markets_schedule(context))
    assert [str(request.partition_key) for request in requests] == [f"2024-01-04|{job}" for job in (SPOT, FUTURES)]


@pytest.fixture
def raw():
    """The raw asset, whose fourth day fails and whose second lacks minutes."""

    @dg.asset(
        key=RAW_KEY,
        partitions_def=dg.MultiPartitionsDefinition(
            {
                "job": dg.StaticPartitionsDefinition([SPOT]),
                "day": dg.DailyPartitionsDefinition("2024-01-01", timezone="UTC"),
            }
        ),
    )
    def raw(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        if "2024-01-04" in context.partition_key:
            context.log_event(dg.AssetMaterialization(RAW_KEY, partition=context.partition_key))
            raise ValueError("one symbol is missing")
        return dg.MaterializeResult(metadata={UNFETCHED: 10 if "2024-01-02" in context.partition_key else 0})

    return raw


def test_days_that_were_missed_or_failed_or_lack_minutes_are_asked_for(raw):
    with dg.DagsterInstance.ephemeral() as instance:
        for day in ("2024-01-02", "2024-01-03", "2024-01-04"):
            key = partition_of(SPOT, day)
            dg.materialize([raw], partition_key=key, instance=instance, raise_on_error=False)
        found = days_to_repair(instance, [SPOT], datetime(2024, 1, 6, 3, tzinfo=UTC))
        early = days_to_repair(instance, [SPOT], datetime(2024, 1, 6, 2, 59, tzinfo=UTC))

    missed = [RepairedDay(SPOT, day) for day in ("2024-01-05", "2024-01-04")]
    missed += [RepairedDay(SPOT, "2024-01-02", unfetched_only=True)]
    missed += [RepairedDay(SPOT, day) for day in ("2024-01-01", "2023-12-31", "2023-12-30")]
    assert found == missed
    assert early == missed[1:]


def test_the_sensor_asks_only_for_symbols_with_gaps_where_a_day_is_there():
    now = datetime(2024, 1, 6, 3, 30, tzinfo=UTC)
    whole, gaps = (
        request_of(RepairedDay(SPOT, "2024-01-05"), now),
        request_of(RepairedDay(SPOT, "2024-01-02", True), now),
    )

    assert whole.run_config == {}
    assert gaps.run_config == {"ops": {ohlcv_1m_raw.op.name: {"config": {"unfetched_only": True}}}}
    assert str(gaps.partition_key) == f"2024-01-02|{SPOT}"
    assert (whole.run_key, gaps.run_key) == (
        f"repair:2024-01-06T03:{SPOT}:2024-01-05",
        f"gaps:2024-01-06:{SPOT}:2024-01-02",
    )


@pytest.mark.parametrize(
    "path", ["local/dagster.yaml", "compose/dagster.yaml", "ecs/dagster.yaml", "kubernetes/values.yaml"]
)
def test_one_run_of_a_job_goes_at_a_time_in_every_deployment(raw, path):
    document = yaml.safe_load((Path(__file__).parents[2] / "deploy" / path).read_text())
    runs = document.get("additionalInstanceConfig", document)["concurrency"]["runs"]
    (limit,) = [one for one in runs["tag_concurrency_limits"] if "job" in one["key"]]
    assert limit["value"] == {"applyLimitPerUniqueValue": True}
    assert limit["limit"] == 1

    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize([raw], partition_key=partition_of(SPOT, "2024-01-03"), instance=instance)
        (run,) = instance.get_runs()
    assert run.tags[limit["key"]] == SPOT


def test_a_backfill_is_one_run_for_each_day_and_carries_the_tag_that_the_queue_limits():
    graph = dg.Definitions(assets=EXCHANGES_ASSETS, resources=resources_for("local")).resolve_asset_graph()
    keys = [str(partition_of(SPOT, f"2024-01-0{day}")) for day in (1, 2, 3)]
    days = [asset for asset in LAKE_ASSETS if asset.partitions_def]
    wanted = {AssetKeyPartitionKey(asset.key, key) for asset in days for key in keys}
    with dg.DagsterInstance.ephemeral() as instance:
        requests = build_run_requests_with_backfill_policies(wanted, graph, instance)

    assert [str(request.partition_key) for request in requests] == keys
    assert [request.tags["dagster/partition/job"] for request in requests] == [SPOT] * 3
    assert all(set(request.asset_selection) == {asset.key for asset in days} for request in requests)


def test_the_sensor_asks_for_what_was_missed_of_every_job(monkeypatch):
    monkeypatch.setenv("EXCHANGES_JOBS", SPOT)
    with dg.DagsterInstance.ephemeral() as instance, dg.build_sensor_context(instance) as context:
        found = exchanges_repair_sensor(context)
    assert 6 <= len(found.run_requests) <= 7
    assert {request.tags["exchanges/job"] for request in found.run_requests} == {SPOT}
