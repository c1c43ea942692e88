"""The old DAGs' hours, each stage waiting for the one before; and the watch for reorganised days.

01:00 UTC: the day has been over for an hour, four times what finality takes. 01:30 and 02:00 follow it. A tick
that finds the stage before unfinished skips and says so; the sensor starts the stage when it arrives.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from assets.ethereum.assets import LAKE_ASSETS, WAREHOUSE_ASSETS
from assets.ethereum.chain_state import CHAIN_KEY, chain
from assets.ethereum.checks import CHECKS, moved_to, still_on_the_chain
from assets.ethereum.models import ethereum_aggregates
from assets.ethereum.partitions import DAILY
from assets.ethereum.tables import CONTRACTS, TABLES, TOKENS, TRACES
from assets.room import Room
from core.errors import HeadwaterError
from core.settings.ethereum import Ethereum
from core.windows import ONE_DAY, parse_day
from jobs.ethereum import JOBS, ethereum_aggregates_job, ethereum_export_job, ethereum_load_job
from resources.ethereum import EthereumNodeResource
from resources.io_managers.lake import LakeIOManager
from schedules.declared import schedule, sensor
from schedules.reorgs import Moved, marked
from schedules.stages import missing, to_start

# A stage that is late by more days than this is a backfill, to be started by hand.
SENSOR_DAYS = 7
# Days watched for reorganisation after their export. Final days do not move; days exported on confirmations may.
WATCHED_DAYS = 7

_TRACED = {tuple(key) for table in (TRACES, CONTRACTS, TOKENS) for key in (table.lake_key, table.warehouse_key)}


def _keys(assets: Sequence[dg.AssetsDefinition]) -> list[dg.AssetKey]:
    """The assets' keys; those that need traces only where the node can trace."""
    keys = sorted({key for asset in assets for key in asset.keys}, key=str)
    if Ethereum.read().tracer == "off":
        return [key for key in keys if tuple(key.path) not in _TRACED]
    return keys


def _yesterday(context: dg.ScheduleEvaluationContext) -> str:
    return str(context.scheduled_execution_time.astimezone(UTC).date() - ONE_DAY)


@schedule(job=ethereum_export_job, cron="0 1 * * *")
def ethereum_export_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Export the day that ended an hour ago."""
    day = _yesterday(context)
    return dg.RunRequest(run_key=day, partition_key=day, asset_selection=[CHAIN_KEY, *_keys(LAKE_ASSETS)])


@schedule(job=ethereum_load_job, cron="30 1 * * *")
def ethereum_load_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Load yesterday, if it was exported."""
    return _after(context, _keys(LAKE_ASSETS), _keys(WAREHOUSE_ASSETS))


@schedule(job=ethereum_aggregates_job, cron="0 2 * * *")
def ethereum_aggregates_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Aggregate yesterday, if it was loaded."""
    return _after(context, _keys(WAREHOUSE_ASSETS), _keys([ethereum_aggregates]))


def _after(
    context: dg.ScheduleEvaluationContext, before: list[dg.AssetKey], stage: list[dg.AssetKey]
) -> dg.RunRequest | dg.SkipReason:
    day = _yesterday(context)
    absent = missing(context.instance, before, [day])[day]
    if absent:
        return dg.SkipReason(f"{day} waits for {', '.join(absent)}; the sensor starts it when they are there.")
    started = to_start(context.instance, before, stage, [day])
    if not started:
        return dg.SkipReason(f"{day} is done already.")
    return dg.RunRequest(run_key=started[day], partition_key=day, asset_selection=stage)


def _recent_days(now: datetime, count: int) -> list[str]:
    last = now.astimezone(UTC).date() - ONE_DAY
    days = (str(last - distance * ONE_DAY) for distance in range(count))
    return [day for day in days if day >= DAILY.start.date().isoformat()]


@sensor(jobs=[ethereum_load_job, ethereum_aggregates_job], every_seconds=60)
def ethereum_stage_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Start a late stage of the past days once the stage before it is there."""
    days = _recent_days(datetime.now(UTC), SENSOR_DAYS)
    lake, warehouse = _keys(LAKE_ASSETS), _keys(WAREHOUSE_ASSETS)
    stages = (
        (ethereum_load_job, lake, warehouse),
        (ethereum_aggregates_job, warehouse, _keys([ethereum_aggregates])),
    )
    requests = [
        dg.RunRequest(run_key=f"{job.name}:{run_key}", job_name=job.name, partition_key=day, asset_selection=stage)
        for job, before, stage in stages
        for day, run_key in to_start(context.instance, before, stage, days).items()
    ]
    return dg.SensorResult(run_requests=requests) if requests else dg.SkipReason("No stage is late.")


@sensor(every_seconds=3600)
def ethereum_reorg_sensor(
    context: dg.SensorEvaluationContext,
    ethereum: EthereumNodeResource,
    lake: dg.ResourceParam[LakeIOManager],
) -> dg.SensorResult | dg.SkipReason:
    """Mark exported days whose last block is no longer on the node's chain as stale, and name them."""
    try:
        node, client = ethereum.client(), lake.lake()
        moved = {
            day: hash_
            for day in _recent_days(datetime.now(UTC), WATCHED_DAYS)
            if (hash_ := moved_to(client, node, parse_day(day)))
        }
    except HeadwaterError as error:
        return dg.SkipReason(f"Could not compare: {error}")
    (check,) = still_on_the_chain.check_keys
    told = {
        day: Moved(
            version=hash_,
            since="Reorganised after the export.",
            told=f"{day} was reorganised since its export. Materialize it again.",
            metadata={"last_hash": hash_},
        )
        for day, hash_ in moved.items()
    }
    return marked(told, context.cursor, CHAIN_KEY, check, "No exported day has moved.")


SCHEDULES = (ethereum_export_schedule, ethereum_load_schedule, ethereum_aggregates_schedule)
SENSORS = (ethereum_stage_sensor, ethereum_reorg_sensor)
ROOM = Room(
    "ethereum",
    assets=(chain, *LAKE_ASSETS, *WAREHOUSE_ASSETS, ethereum_aggregates),
    checks=CHECKS,
    jobs=JOBS,
    schedules=SCHEDULES,
    sensors=SENSORS,
    tables=TABLES,
)
