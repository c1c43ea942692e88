"""The old DAG's hour, 01:20 UTC; the last days looked at again; and days that were missed, asked for again.

A run fetches one job's day. Yesterday is fetched, and the days before it are asked for once more, since exchanges
revise bars: what did not change is not written again. A day that was missed, or ended with minutes that nobody
fetched, is asked for by the sensor for a week.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import dagster as dg

from assets.exchanges.assets import EXCHANGES_ASSETS, RAW_KEY
from assets.exchanges.checks import CHECKS
from assets.exchanges.models import exchanges_views
from assets.exchanges.names import parse_job
from assets.exchanges.partitions import DAILY, JOBS, partition_of
from assets.exchanges.tables import TABLES
from assets.room import Room
from core.errors import SettingError
from core.settings.exchanges import Exchanges, words
from core.windows import ONE_DAY
from jobs.exchanges import JOBS as ROOM_JOBS
from jobs.exchanges import exchanges_daily_job, exchanges_views_job
from schedules.declared import SCHEDULE_STATUS, schedule, sensor
from schedules.stages import newest

# A day that is missed for longer is a backfill, started by hand.
SENSOR_DAYS = 7
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
    """Ask for days of the last week that were missed, or whose last fetch failed."""
    if context.instance.get_runs(dg.RunsFilter(job_name=exchanges_daily_job.name, statuses=UNFINISHED), limit=1):
        return dg.SkipReason("Runs of the room are not over.")
    now = datetime.now(UTC)
    # The hour is in the key: a day that fails is asked for again, but not without end.
    missed = days_to_repair(context.instance, daily_jobs(Exchanges.read()), now.date())
    requests = [
        dg.RunRequest(
            f"repair:{now:%Y-%m-%dT%H}:{job}:{day}", partition_key=partition_of(job, day), tags=tags_of_run(job)
        )
        for job, day in missed
    ]
    return dg.SensorResult(run_requests=requests) if requests else dg.SkipReason("Nothing was missed.")


def days_to_repair(instance: dg.DagsterInstance, jobs: list[str], today: date) -> list[tuple[str, str]]:
    """Jobs and days of the last week without a fetch that succeeded. Yesterday is the schedule's own until 03:00."""
    days = [str(today - distance * ONE_DAY) for distance in range(1, SENSOR_DAYS + 1)]
    days = [day for day in days if day >= DAILY.start.date().isoformat()]
    partitions = {str(partition_of(job, day)): (job, day) for job in jobs for day in days}
    found = newest(instance, RAW_KEY, list(partitions))
    return [of for key, of in partitions.items() if key not in found or not found[key].succeeded]


exchanges_views_schedule = dg.ScheduleDefinition(
    name="exchanges_views_schedule",
    job=exchanges_views_job,
    cron_schedule="40 2 * * *",
    execution_timezone="UTC",
    default_status=SCHEDULE_STATUS,
    description="Tests what the views show, once the day's runs are over.",
)

SCHEDULES = (exchanges_daily_schedule, exchanges_views_schedule)
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
