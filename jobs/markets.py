"""The old DAG as jobs: each source with what follows from it, so that neither waits for the other."""

import dagster as dg

from assets.markets.assets import CHAIN_DAILY, COINGECKO_DAILY, chain_stats, coin_list, market_snapshot
from assets.markets.models import markets_chains, markets_dimensions, markets_network, markets_prices

markets_prices_job = dg.define_asset_job(
    "markets_prices_job",
    selection=dg.AssetSelection.assets(*COINGECKO_DAILY, markets_dimensions, markets_prices),
    description="Fetch the day's closes from CoinGecko and build what follows from them.",
)

markets_chains_job = dg.define_asset_job(
    "markets_chains_job",
    selection=dg.AssetSelection.assets(*CHAIN_DAILY),
    description="Fetch a chain's blocks and sums of the day from Blockchair.",
)

markets_chain_models_job = dg.define_asset_job(
    "markets_chain_models_job",
    selection=dg.AssetSelection.assets(markets_dimensions, markets_chains, markets_network),
    description="Build what follows from the chains of the day, as far as they were fetched.",
)

markets_snapshot_job = dg.define_asset_job(
    "markets_snapshot_job",
    selection=dg.AssetSelection.assets(market_snapshot, chain_stats),
    description="Fetch the figures of this moment from both sources.",
)

markets_coin_list_job = dg.define_asset_job(
    "markets_coin_list_job",
    selection=dg.AssetSelection.assets(coin_list),
    description="Fetch the list of all coins.",
)

JOBS = (
    markets_prices_job,
    markets_chains_job,
    markets_chain_models_job,
    markets_snapshot_job,
    markets_coin_list_job,
)
