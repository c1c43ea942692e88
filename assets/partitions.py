"""The days assets are partitioned by, how backfills group them, and who owns the assets."""

import warnings

import dagster as dg

from assets.markets.tracked import chains

# backfill_policy= and partitions_def= on checks work and are tested here; Dagster calls them beta and preview.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)

# Mainnet's block 1 is of 2015-07-30, 15:26:28 UTC.
ETHEREUM_DAILY = dg.DailyPartitionsDefinition(start_date="2015-07-30", timezone="UTC")

# CoinGecko's oldest daily price, Bitcoin's, is of 2013-04-28.
MARKETS_DAILY = dg.DailyPartitionsDefinition(start_date="2013-04-28", timezone="UTC")
# A chain that fails or was not asked is a partition of its own.
MARKETS_CHAINS = dg.StaticPartitionsDefinition(chains())
MARKETS_CHAIN_DAILY = dg.MultiPartitionsDefinition({"chain": MARKETS_CHAINS, "day": MARKETS_DAILY})

# Spool space bounds how many days one run may export: a mainnet day is about a gigabyte.
EXPORTS = dg.BackfillPolicy.multi_run(max_partitions_per_run=7)
# A load or an aggregate of a whole range costs one run, not one per day.
RANGES = dg.BackfillPolicy.single_run()

OWNERS = ["team:data-platform"]
