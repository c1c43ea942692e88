"""How this house declares schedules and sensors: in UTC, described by their function, running where it is for real.

By default they run in preprod and prod. A laptop, or somebody's test stage, would otherwise start days on its own; a
switch in the UI overrides the default.
"""

from collections.abc import Callable
from inspect import getdoc
from typing import Any

import dagster as dg

from core.settings.stage import stage_from

_RUNNING = stage_from() in ("preprod", "prod")
SCHEDULE_STATUS = dg.DefaultScheduleStatus.RUNNING if _RUNNING else dg.DefaultScheduleStatus.STOPPED
SENSOR_STATUS = dg.DefaultSensorStatus.RUNNING if _RUNNING else dg.DefaultSensorStatus.STOPPED

Function = Callable[..., Any]


def schedule(*, job: Any, cron: str) -> Callable[[Function], dg.ScheduleDefinition]:
    """``dg.schedule`` at UTC hours; the function's docstring is its description."""

    def declared(function: Function) -> dg.ScheduleDefinition:
        return dg.schedule(
            job=job,
            cron_schedule=cron,
            execution_timezone="UTC",
            default_status=SCHEDULE_STATUS,
            description=getdoc(function),
        )(function)

    return declared


def sensor(*, every_seconds: int, jobs: Any = None) -> Callable[[Function], dg.SensorDefinition]:
    """``dg.sensor`` at an interval; the function's docstring is its description."""

    def declared(function: Function) -> dg.SensorDefinition:
        return dg.sensor(
            jobs=jobs,
            minimum_interval_seconds=every_seconds,
            default_status=SENSOR_STATUS,
            description=getdoc(function),
        )(function)

    return declared
