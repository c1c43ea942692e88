"""The old DAGs' hours: what is so now every half hour, days at 00:45 UTC, the rest at 01:15 when the days are there.

Canonical flags change after the fact, so the last two days are read every night.
"""

from collections.abc import Iterator
from datetime import UTC, timedelta

import dagster as dg

from assets.room import Room
from assets.stacks.assets import STACKS_ASSETS
from assets.stacks.checks import CHECKS
from core.settings.stacks import Stacks
from jobs.stacks import JOBS, stacks_daily_job, stacks_lunar_job, stacks_moment_job, stacks_once_a_day_job
from schedules.declared import schedule

# Days that are read again: the one that has ended, and the one before.
LATE_DAYS = 2


@schedule(job=stacks_daily_job, cron="45 0 * * *")
def stacks_daily_schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """The day that has ended, and the one before once more."""
    today = context.scheduled_execution_time.astimezone(UTC).date()
    for back in range(LATE_DAYS, 0, -1):
        day = (today - timedelta(days=back)).isoformat()
        yield dg.RunRequest(run_key=f"{today}:{day}", partition_key=day)


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


SCHEDULES = (stacks_daily_schedule, stacks_moment_schedule, stacks_once_a_day_schedule, stacks_lunar_schedule)
ROOM = Room("stacks", assets=STACKS_ASSETS, checks=CHECKS, jobs=JOBS, schedules=SCHEDULES, sensors=(), tables=())
