"""When days of bars are fetched, looked at again, and asked for again."""

from datetime import UTC, date, datetime

import dagster as dg
import pytest

from assets.exchanges.assets import RAW_KEY
from assets.exchanges.partitions import partition_of
from core.errors import SettingError
from core.settings.exchanges import Exchanges
from schedules.exchanges import daily_jobs, days_to_repair, exchanges_daily_schedule

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


def test_missed_and_failed_days_of_the_last_week_are_asked_for():
    @dg.asset(
        key=RAW_KEY,
        partitions_def=dg.MultiPartitionsDefinition(
            {
                "job": dg.StaticPartitionsDefinition([SPOT]),
                "day": dg.DailyPartitionsDefinition("2024-01-01", timezone="UTC"),
            }
        ),
    )
    def raw(context: dg.AssetExecutionContext) -> None:
        context.log_event(dg.AssetMaterialization(RAW_KEY, partition=context.partition_key))
        if "2024-01-04" in context.partition_key:
            raise ValueError("one symbol is missing")

    with dg.DagsterInstance.ephemeral() as instance:
        for day in ("2024-01-02", "2024-01-03", "2024-01-04"):
            key = partition_of(SPOT, day)
            dg.materialize([raw], partition_key=key, instance=instance, raise_on_error=False)
        found = days_to_repair(instance, [SPOT], date(2024, 1, 6))

    assert [day for _, day in found] == ["2024-01-05", "2024-01-04", "2024-01-01", "2023-12-31", "2023-12-30"]
