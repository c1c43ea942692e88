"""The old DAG's hour, 01:20 UTC; the last days looked at again; and days that were missed, asked for again.

A run fetches one job's day. Yesterday is fetched, and the days before it are asked for once more, since exchanges
revise bars: what did not change is not written again. A day that was missed is asked for by the sensor every hour, for
a week; one that is there and has minutes left to fetch, once a day, and only its symbols that lack them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from assets.exchanges.assets import EXCHANGES_ASSETS, RAW_KEY
from assets.exchanges.checks import CHECKS
from assets.exchanges.download import UNFETCHED
from assets.exchanges.models import exchanges_views
from assets.exchanges.names import parse_job
from assets.exchanges.partitions import DAILY, JOBS, partition_of
from assets.exchanges.tables import TABLES
from assets.room import Room
from core.errors import SettingError
from core.settings.exchanges import Exchanges, words
from core.windows import ONE_DAY
from jobs.exchanges import JOBS as ROOM_JOBS
from jobs.exchanges import exchanges_daily_job, exchanges_markets_job, exchanges_views_job
from schedules.declared import SCHEDULE_STATUS, schedule, sensor
from schedules.stages import newest

# A day that is missed for longer is a backfill, started by hand.
SENSOR_DAYS = 7
# The hour from which yesterday has to be there, as the assets' freshness has it.
SENSOR_FROM = 3
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
EVERY_HOUR = 3600


def daily_jobs(given: Exchanges) -> list[str]:
    """The jobs that are fetched every day.

    Raises:
        SettingError: when one is no partition.
    """
    chosen = list(words(given.jobs))
    unknown = [key for key in chosen if key not in JOBS]
    if unknown:
        raise SettingError(
            f"EXCHANGES_JOBS: {', '.join(unknown)} is none of {', '.join(JOBS)} (assets/exchanges/partitions.py)"
        )
    return chosen


def tags_of_run(job: str) -> dict[str, str]:
    """What runs of a job have in common: the run queue lets one of them run at a time in a stage."""
    name, user = parse_job(job), Exchanges.read().user
    return {"exchanges/job": job, "exchanges/task": name.task} | ({"user": user} if user else {})


@schedule(job=exchanges_daily_job, cron="20 1 * * *")
def exchanges_daily_schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """Fetch the day that ended, and look at the days before it again, one run for each job and day."""
    given, now = Exchanges.read(), context.scheduled_execution_time.astimezone(UTC)
    for job in daily_jobs(given):
        for distance in range(1, given.lookback_days + 1):
            day = str(now.date() - distance * ONE_DAY)
            yield dg.RunRequest(
                f"{now.date()}:{job}:{day}", partition_key=partition_of(job, day), tags=tags_of_run(job)
            )


@sensor(jobs=[exchanges_daily_job], every_seconds=EVERY_HOUR)
def exchanges_repair_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Ask for days of the last week that were missed, whose last fetch failed, or that have minutes left to fetch."""
    if context.instance.get_runs(dg.RunsFilter(job_name=exchanges_daily_job.name, statuses=UNFINISHED), limit=1):
        return dg.SkipReason("Runs of the room are not over.")
    now = datetime.now(UTC)
    wrong = days_to_repair(context.instance, daily_jobs(Exchanges.read()), now)
    if not wrong:
        return dg.SkipReason("Nothing was missed.")
    return dg.SensorResult(run_requests=[request_of(repair, now) for repair in wrong])


@dataclass(frozen=True)
class RepairedDay:
    """A job's day to ask for. unfetched_only: it is there, and only some symbols lack minutes."""

    job: str
    day: str
    unfetched_only: bool = False


def request_of(repair: RepairedDay, now: datetime) -> dg.RunRequest:
    """The run that repairs a day. The hour or the day is in its key: it is asked for again, but not without end."""
    key = f"gaps:{now:%Y-%m-%d}" if repair.unfetched_only else f"repair:{now:%Y-%m-%dT%H}"
    config: dict[str, Any] = {"ops": {"__".join(RAW_KEY.path): {"config": {"unfetched_only": True}}}}
    return dg.RunRequest(
        f"{key}:{repair.job}:{repair.day}",
        partition_key=partition_of(repair.job, repair.day),
        tags=tags_of_run(repair.job),
        run_config=config if repair.unfetched_only else {},
    )


def days_to_repair(instance: dg.DagsterInstance, jobs: list[str], now: datetime) -> list[RepairedDay]:
    """Jobs and days of the last week without a fetch that succeeded, or with minutes left to fetch.

    Yesterday is the schedule's own until 03:00.
    """
    nearest = 2 if now.hour < SENSOR_FROM else 1
    days = [now.date() - distance * ONE_DAY for distance in range(nearest, SENSOR_DAYS + 1)]
    days = [day for day in days if day >= DAILY.start.date()]
    found = (_repair(instance, job, str(day)) for job in jobs for day in days)
    return [repair for repair in found if repair]


def _repair(instance: dg.DagsterInstance, job: str, day: str) -> RepairedDay | None:
    key = str(partition_of(job, day))
    # One partition at a time: a day that is tried again and again would hide the others' records.
    last = newest(instance, RAW_KEY, [key]).get(key)
    if last is None or not last.succeeded:
        return RepairedDay(job, day)
    wanted = dg.AssetRecordsFilter(asset_key=RAW_KEY, asset_partitions=[key])
    (record,) = instance.fetch_materializations(wanted, limit=1).records
    told = record.asset_materialization.metadata.get(UNFETCHED) if record.asset_materialization else None
    return RepairedDay(job, day, unfetched_only=True) if told and told.value else None


@schedule(job=exchanges_markets_job, cron="0 6 * * *")
def exchanges_markets_schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """Compare yesterday's closes with the prices of the room markets, once both are there."""
    today = context.scheduled_execution_time.astimezone(UTC).date()
    for job in daily_jobs(Exchanges.read()):
        day = str(today - ONE_DAY)
        yield dg.RunRequest(f"{today}:{job}:{day}", partition_key=partition_of(job, day), tags=tags_of_run(job))


exchanges_views_schedule = dg.ScheduleDefinition(
    name="exchanges_views_schedule",
    job=exchanges_views_job,
    cron_schedule="40 2 * * *",
    execution_timezone="UTC",
    default_status=SCHEDULE_STATUS,
    description="Tests what the views show, once the day's runs are over.",
)

SCHEDULES = (exchanges_daily_schedule, exchanges_markets_schedule, exchanges_views_schedule)
SENSORS = (exchanges_repair_sensor,)
ROOM = Room(
    "exchanges",
    assets=(*EXCHANGES_ASSETS, exchanges_views),
    checks=CHECKS,
    jobs=ROOM_JOBS,
    schedules=SCHEDULES,
    sensors=SENSORS,
    tables=TABLES,
)
