"""The room's jobs: days, what is published of them, and what is so now."""

import dagster as dg

from assets.stacks.answers.assets import coin, lunar, market_series, node_state, pox_cycles, prices
from assets.stacks.assets import DAYS
from assets.stacks.cdn.assets import CDN
from assets.stacks.moments.assets import MOMENTS
from assets.stacks.public.assets import DAILY_ONCE, HALF_HOURLY, OBJECTS_OF_DAYS, WITH_LUNAR_KEY

stacks_days_job = dg.define_asset_job(
    "stacks_days_job",
    selection=dg.AssetSelection.assets(*DAYS),
    description="Read days off the node's database, and compute the balances at their ends. A range is one run.",
)

stacks_publish_job = dg.define_asset_job(
    "stacks_publish_job",
    selection=dg.AssetSelection.assets(*OBJECTS_OF_DAYS),
    description="Publish the objects of a day; the newest day's become the latest.",
)

stacks_moment_job = dg.define_asset_job(
    "stacks_moment_job",
    selection=dg.AssetSelection.assets(node_state, coin, prices, *MOMENTS, *HALF_HOURLY, *CDN),
    description="Ask the APIs and the node's database for what is so now, publish it, and tell the CDN.",
)

stacks_once_a_day_job = dg.define_asset_job(
    "stacks_once_a_day_job",
    selection=dg.AssetSelection.assets(market_series, pox_cycles, *DAILY_ONCE, *CDN),
    description="Publish what is told once a day: prices, indicators, large transfers, NFTs, pools.",
)

stacks_lunar_job = dg.define_asset_job(
    "stacks_lunar_job",
    selection=dg.AssetSelection.assets(lunar, *WITH_LUNAR_KEY),
    description="Fetch and publish LunarCrush's scores; needs STACKS_LUNAR_KEY.",
)

JOBS = (
    stacks_days_job,
    stacks_publish_job,
    stacks_moment_job,
    stacks_once_a_day_job,
    stacks_lunar_job,
)
