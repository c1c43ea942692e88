"""The old DAG as jobs: a job's day of bars with what follows from it in the lake and the warehouse; the universe."""

import dagster as dg

from assets.exchanges.assets import LAKE_ASSETS, WAREHOUSE_ASSETS, universe

exchanges_daily_job = dg.define_asset_job(
    "exchanges_daily_job",
    selection=dg.AssetSelection.assets(*LAKE_ASSETS, *WAREHOUSE_ASSETS) - dg.AssetSelection.assets(universe),
    description="Fetch a job's day of minute bars, explain what is missing, resample, compare and load it.",
)

exchanges_universe_job = dg.define_asset_job(
    "exchanges_universe_job",
    selection=dg.AssetSelection.assets(universe),
    description="Check the universe files and tell what is in them.",
)

JOBS = (exchanges_daily_job, exchanges_universe_job)
