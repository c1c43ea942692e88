"""A schedule for each table that has a cron, in UTC; the others are started by hand."""

import dagster as dg

from assets.databridge.assets import CONFIGURED, DATABRIDGE_ASSETS
from assets.databridge.tables import BridgeTable
from assets.room import Room
from jobs.databridge import JOBS, JOBS_BY_TABLE, name_of
from schedules.declared import SCHEDULE_STATUS


def schedule_of(table: BridgeTable) -> dg.ScheduleDefinition:
    """The schedule of a table with a cron."""
    return dg.ScheduleDefinition(
        name=f"{name_of(table)}_schedule",
        job=JOBS_BY_TABLE[table.name],
        cron_schedule=table.config.schedule_interval or "",
        execution_timezone="UTC",
        default_status=SCHEDULE_STATUS,
        description=f"Replaces {table.name} at {table.config.schedule_interval} UTC, as {table.path} says.",
    )


SCHEDULES = tuple(schedule_of(table) for table in CONFIGURED.tables if table.config.schedule_interval)
ROOM = Room("databridge", assets=DATABRIDGE_ASSETS, checks=(), jobs=JOBS, schedules=SCHEDULES, sensors=(), tables=())
