"""The days and jobs that the room's assets are partitioned by."""

import dagster as dg

# Binance's first minute is of 2017-08-17, 04:00 UTC.
DAILY = dg.DailyPartitionsDefinition(start_date="2017-08-17", timezone="UTC")
# Both jobs of the old DAG, the second vendor of each, an exchange with other habits, and all that Binance lists. A job
# that fails, or is not fetched, is a partition of its own.
JOBS = (
    "ccxt.binance.spot.v7",
    "ccxt.binance.futures.v7.3",
    "binance.binance.spot.v7",
    "binance.binance.futures.v7.3",
    "ccxt.okx.spot.v7.3",
    "ccxt.binance.spot.all",
    "ccxt.binance.futures.all",
    "binance.binance.spot.all",
    "binance.binance.futures.all",
)
JOB_DAYS = dg.MultiPartitionsDefinition({"job": dg.StaticPartitionsDefinition(list(JOBS)), "day": DAILY})


def partition_of(job: str, day: str) -> dg.MultiPartitionKey:
    """The partition of a job's day."""
    return dg.MultiPartitionKey({"job": job, "day": day})
