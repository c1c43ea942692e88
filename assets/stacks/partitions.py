"""The days that the room's assets are partitioned by."""

import dagster as dg

# The day of mainnet's first block, 17:28:24 UTC.
DAILY = dg.DailyPartitionsDefinition(start_date="2021-01-14", timezone="UTC")
