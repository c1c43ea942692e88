"""Headwater's definitions: the list of rooms, and what they share."""

import gc

# Half a million objects come into being here, and stay. To look for garbage among them meanwhile is a fifth of the time
# that each run takes to start.
gc.disable()

import dagster as dg

from core.settings.base import together
from core.settings.lake import Lake
from core.settings.stage import stage_from
from core.settings.warehouse import Warehouse
from resources.kinds import with_kinds_of
from resources.stages import resources_for
from schedules import databridge, ethereum, exchanges, markets, notices, stacks
from schedules.freshness import newest_day_checks

ROOMS = (ethereum.ROOM, markets.ROOM, exchanges.ROOM, databridge.ROOM, stacks.ROOM)

stage, lake, warehouse = together(stage_from, Lake.read, Warehouse.read)

daily = [newest_day_checks(asset for room in ROOMS for asset in room.assets)] if stage in ("preprod", "prod") else []

defs = dg.Definitions(
    assets=dg.map_asset_specs(with_kinds_of(lake, warehouse), [asset for room in ROOMS for asset in room.assets]),
    asset_checks=[*(check for room in ROOMS for check in room.checks), *(check for check, _ in daily)],
    jobs=[job for room in ROOMS for job in room.jobs],
    schedules=[schedule for room in ROOMS for schedule in room.schedules],
    sensors=[*(sensor for room in ROOMS for sensor in room.sensors), *notices.SENSORS, *(look for _, look in daily)],
    resources=resources_for(stage),
    # A day is many small steps: one process does them in 15 s where one process per step takes 98 s.
    executor=dg.in_process_executor,
)

gc.enable()
