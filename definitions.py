"""Headwater's definitions: every asset, check, job, schedule and sensor, by explicit lists."""

import os

import dagster as dg

from assets.dbt.assets import ethereum_aggregates
from assets.ethereum.assets import LAKE_ASSETS, WAREHOUSE_ASSETS
from assets.ethereum.chain_state import chain
from core.settings import stage_from
from resources.stages import resources_for

defs = dg.Definitions(
    assets=[chain, *LAKE_ASSETS, *WAREHOUSE_ASSETS, ethereum_aggregates],
    resources=resources_for(stage_from(os.environ)),
    executor=dg.in_process_executor,
)
