"""Headwater's definitions: every asset, check, job, schedule and sensor, by explicit lists."""

import dagster as dg

from assets.dbt.assets import MARKETS_MODELS, ethereum_aggregates
from assets.ethereum.assets import LAKE_ASSETS, WAREHOUSE_ASSETS
from assets.ethereum.chain_state import chain
from assets.ethereum.checks import CHECKS as ETHEREUM_CHECKS
from assets.markets.assets import MARKETS_ASSETS
from assets.markets.checks import CHECKS as MARKETS_CHECKS
from core.settings.base import together
from core.settings.lake import Lake
from core.settings.stage import stage_from
from core.settings.warehouse import Warehouse
from jobs.ethereum import JOBS as ETHEREUM_JOBS
from jobs.markets import JOBS as MARKETS_JOBS
from resources.kinds import with_kinds_of
from resources.stages import resources_for
from schedules import ethereum, markets, notices

stage, lake, warehouse = together(stage_from, Lake.read, Warehouse.read)

defs = dg.Definitions(
    assets=dg.map_asset_specs(
        with_kinds_of(lake, warehouse),
        [chain, *LAKE_ASSETS, *WAREHOUSE_ASSETS, ethereum_aggregates, *MARKETS_ASSETS, *MARKETS_MODELS],
    ),
    asset_checks=[*ETHEREUM_CHECKS, *MARKETS_CHECKS],
    jobs=[*ETHEREUM_JOBS, *MARKETS_JOBS],
    schedules=[*ethereum.SCHEDULES, *markets.SCHEDULES],
    sensors=[*ethereum.SENSORS, *markets.SENSORS, *notices.SENSORS],
    resources=resources_for(stage),
    # A day is many small steps: one process does them in 15 s where one process per step takes 98 s.
    executor=dg.in_process_executor,
)
