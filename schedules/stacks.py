"""The old DAGs' hours: what is so now every half hour, days at 00:45 UTC, the rest at 01:15 when the days are there.

Canonical flags change after the fact, so the last two days are read every night. A sensor publishes days whose tables
are newer than their objects, another one watches for reorganised days.
"""

from datetime import UTC, datetime

import dagster as dg

from assets.room import Room
from assets.stacks.assets import STACKS_ASSETS
from assets.stacks.chain_state import CHAIN_KEY
from assets.stacks.checks import CHECKS, still_canonical
from assets.stacks.extract import published
from assets.stacks.extract.source import reorganised_days
from assets.stacks.factory import PostgresParam
from assets.stacks.partitions import DAILY
from assets.stacks.public.assets import OBJECTS_OF_DAYS
from assets.stacks.tables import FOLLOWING, FROM_NODE
from core.errors import HeadwaterError
from core.settings.stacks import Stacks
from core.windows import ONE_DAY
from jobs.stacks import (
    JOBS,
    stacks_days_job,
    stacks_lunar_job,
    stacks_moment_job,
    stacks_once_a_day_job,
    stacks_publish_job,
)
from resources.stacks import StacksResource
from schedules.declared import schedule, sensor
from schedules.reorgs import Moved, marked
from schedules.stages import to_start

# Days that are read again: the one that has ended, and the one before.
LATE_DAYS = 2
# A publication that is late by more days than this is a backfill, to be started by hand.
PUBLISHED_DAYS = 7
# How far back a reorganisation is looked for.
WATCHED_DAYS = 30


@schedule(job=stacks_days_job, cron="45 0 * * *")
def stacks_days_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """The day that has ended, and the one before once more: one run, since each day builds on the one before."""
    first, *_, last = _recent_days(context.scheduled_execution_time, LATE_DAYS)
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    return dg.RunRequest(run_key=last, tags=tags)


def _recent_days(now: datetime, count: int) -> list[str]:
    """The days that have ended, oldest first, and none before the first partition."""
    today = now.astimezone(UTC).date()
    days = [(today - back * ONE_DAY).isoformat() for back in range(count, 0, -1)]
    return [day for day in days if day >= DAILY.start.date().isoformat()]


@sensor(jobs=[stacks_publish_job], every_seconds=60)
def stacks_publish_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Publish those of the past days whose tables are newer than their objects."""
    tables = [dg.AssetKey(table.warehouse_key) for table in (*FROM_NODE, *FOLLOWING)]
    objects = [asset.key for asset in OBJECTS_OF_DAYS]
    days = _recent_days(datetime.now(UTC), PUBLISHED_DAYS)
    requests = [
        dg.RunRequest(run_key=run_key, partition_key=day)
        for day, run_key in to_start(context.instance, tables, objects, days).items()
    ]
    return dg.SensorResult(run_requests=requests) if requests else dg.SkipReason("Every day is published.")


@sensor(every_seconds=3600)
def stacks_reorg_sensor(
    context: dg.SensorEvaluationContext, stacks: StacksResource, postgres: PostgresParam
) -> dg.SensorResult | dg.SkipReason:
    """Mark loaded days that the node's chain tells differently by now as stale, and name them."""
    try:
        loaded = published.newest_ranges(postgres.postgres(), WATCHED_DAYS)
        with stacks.indexer().snapshot() as snapshot:
            moved = {day.isoformat(): reason for day, reason in reorganised_days(snapshot, loaded).items()}
    except HeadwaterError as error:
        return dg.SkipReason(f"Could not compare: {error}")
    (check,) = still_canonical.check_keys
    told = {
        day: Moved(
            version=reason,
            since=f"Reorganised after it was loaded: {reason}.",
            told=f"{day}: {reason}. Materialize it, and the days after it, again.",
        )
        for day, reason in moved.items()
    }
    return marked(told, context.cursor, CHAIN_KEY, check, "No loaded day has moved.")


@schedule(job=stacks_moment_job, cron="*/30 * * * *")
def stacks_moment_schedule() -> dg.RunRequest:
    """What is so now."""
    return dg.RunRequest()


@schedule(job=stacks_once_a_day_job, cron="15 1 * * *")
def stacks_once_a_day_schedule() -> dg.RunRequest:
    """What is told once a day."""
    return dg.RunRequest()


@schedule(job=stacks_lunar_job, cron="20 1 * * *")
def stacks_lunar_schedule() -> dg.RunRequest | dg.SkipReason:
    """LunarCrush's scores, if there is a key."""
    if Stacks.read().lunar_key is None:
        return dg.SkipReason("STACKS_LUNAR_KEY is not set.")
    return dg.RunRequest()


SCHEDULES = (stacks_days_schedule, stacks_moment_schedule, stacks_once_a_day_schedule, stacks_lunar_schedule)
SENSORS = (stacks_publish_sensor, stacks_reorg_sensor)
ROOM = Room("stacks", assets=STACKS_ASSETS, checks=CHECKS, jobs=JOBS, schedules=SCHEDULES, sensors=SENSORS, tables=())
