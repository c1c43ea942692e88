"""The old DAG as jobs: a job's day of bars with what follows from it in the lake and the warehouse; the universe."""

import warnings

import dagster as dg

from assets.exchanges.assets import LAKE_ASSETS, WAREHOUSE_ASSETS, market_crosscheck, universe
from assets.exchanges.models import exchanges_views

# A backfill of the lake is a run for each day, of the loads one for all of them; the job goes by the days.
warnings.filterwarnings("ignore", message="Asset job exchanges_daily_job materializes assets with varying")

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

exchanges_markets_job = dg.define_asset_job(
    "exchanges_markets_job",
    selection=dg.AssetSelection.assets(market_crosscheck),
    description="Compare a job's daily closes with the prices that the room markets has of them.",
)

exchanges_views_job = dg.define_asset_job(
    "exchanges_views_job",
    selection=dg.AssetSelection.assets(exchanges_views),
    description="Make the views of days and gaps anew and test what they show.",
)

JOBS = (exchanges_daily_job, exchanges_universe_job, exchanges_markets_job, exchanges_views_job)
