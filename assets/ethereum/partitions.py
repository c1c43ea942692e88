"""The days that the room's assets are partitioned by."""

import dagster as dg

# Mainnet's block 1 is of 2015-07-30, 15:26:28 UTC.
DAILY = dg.DailyPartitionsDefinition(start_date="2015-07-30", timezone="UTC")
