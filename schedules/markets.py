"""The old DAG's hour, 01:00 UTC: CoinGecko has the close of the day about 00:35, and the chains have moved on.

One run fetches prices, one run each fetches a chain. When the chains' runs are over, well or not, the sensor builds
what follows from them: a chain that failed is null in the tables, and built when a later run repairs it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from assets.markets.assets import MARKETS_ASSETS
from assets.markets.checks import CHECKS
from assets.markets.models import MODELS, markets_chains, markets_network
from assets.markets.partitions import DAILY
from assets.markets.tables import BLOCKS, GLOBAL_DAILY, MARKET_DAILY, TABLES, TX_DAILY_AGGREGATE
from assets.markets.tracked import chains
from assets.room import Room
from core.windows import ONE_DAY
from jobs.markets import (
    JOBS,
    markets_chain_models_job,
    markets_chains_job,
    markets_coin_list_job,
    markets_prices_job,
    markets_snapshot_job,
)
from schedules.declared import schedule, sensor
from schedules.stages import newest

# A day that changes later than this is a backfill, built by hand.
SENSOR_DAYS = 7
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def _yesterday(now: datetime) -> str:
    return str(now.astimezone(UTC).date() - ONE_DAY)


@schedule(job=markets_prices_job, cron="0 1 * * *")
def markets_prices_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """The closes of the day that ended an hour ago."""
    day = _yesterday(context.scheduled_execution_time)
    return dg.RunRequest(run_key=day, partition_key=day)


@schedule(job=markets_chains_job, cron="0 1 * * *")
def markets_chains_schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """The chains of the day that ended an hour ago, each in a run of its own."""
    day = _yesterday(context.scheduled_execution_time)
    for chain in chains():
        yield dg.RunRequest(run_key=f"{day}:{chain}", partition_key=partition_of(chain, day))


@schedule(job=markets_snapshot_job, cron="5 * * * *")
def markets_snapshot_schedule() -> dg.RunRequest:
    """The figures of this hour."""
    return dg.RunRequest()


@schedule(job=markets_coin_list_job, cron="20 2 * * 1")
def markets_coin_list_schedule() -> dg.RunRequest:
    """The list of all coins, weekly."""
    return dg.RunRequest()


def partition_of(chain: str, day: str) -> dg.MultiPartitionKey:
    """The partition of a chain's day."""
    return dg.MultiPartitionKey({"chain": chain, "day": day})


@sensor(jobs=[markets_chain_models_job], every_seconds=60)
def markets_chain_models_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Build the days whose blocks, sums or prices are newer than what was built from them."""
    under_way = context.instance.get_runs(dg.RunsFilter(job_name=markets_chains_job.name, statuses=UNFINISHED), limit=1)
    if under_way:
        return dg.SkipReason("The chains' runs are not over.")
    last = datetime.now(UTC).date() - ONE_DAY
    days = [str(last - distance * ONE_DAY) for distance in range(SENSOR_DAYS)]
    requests = [
        dg.RunRequest(run_key=f"{day}:{version}", partition_key=day)
        for day, version in days_to_build(context.instance, days).items()
    ]
    return dg.SensorResult(run_requests=requests) if requests else dg.SkipReason("Everything is built.")


def days_to_build(instance: dg.DagsterInstance, days: list[str]) -> dict[str, int]:
    """Days with something of a chain that the models have not seen, each with the newest record of it.

    The key of a run carries that record, so that each state of a day is passed on once.
    """
    days = [day for day in days if day >= DAILY.start.date().isoformat()]
    partitions = {partition_of(chain, day): day for day in days for chain in chains()}
    seen: dict[str, int] = {}
    for table in (BLOCKS, TX_DAILY_AGGREGATE):
        for partition, written in newest(instance, dg.AssetKey(table.raw_key), list(partitions)).items():
            day = partition.split("|")[1]
            seen[day] = max(seen.get(day, 0), written.storage_id)
    for day, written in newest(instance, dg.AssetKey(MARKET_DAILY.raw_key), list(seen)).items():
        seen[day] = max(seen[day], written.storage_id)
    built = [
        newest(instance, key, list(seen)) for model in (markets_chains, markets_network) for key in sorted(model.keys)
    ]
    return {
        day: version
        for day, version in seen.items()
        if any(day not in of_model or of_model[day].storage_id < version for of_model in built)
    }


SCHEDULES = (markets_prices_schedule, markets_chains_schedule, markets_snapshot_schedule, markets_coin_list_schedule)
SENSORS = (markets_chain_models_sensor,)
ROOM = Room(
    "markets",
    assets=(*MARKETS_ASSETS, *MODELS),
    checks=CHECKS,
    jobs=JOBS,
    schedules=SCHEDULES,
    sensors=SENSORS,
    tables=TABLES,
    fetched_daily=(MARKET_DAILY, GLOBAL_DAILY, BLOCKS, TX_DAILY_AGGREGATE),
)
