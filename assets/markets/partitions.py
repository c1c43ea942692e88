"""The days, and chains, that the room's assets are partitioned by."""

import dagster as dg

from assets.markets.tracked import chains

# CoinGecko's oldest daily price, Bitcoin's, is of 2013-04-28.
DAILY = dg.DailyPartitionsDefinition(start_date="2013-04-28", timezone="UTC")
# A chain that fails or was not asked is a partition of its own.
CHAINS = dg.StaticPartitionsDefinition(chains())
CHAIN_DAYS = dg.MultiPartitionsDefinition({"chain": CHAINS, "day": DAILY})
