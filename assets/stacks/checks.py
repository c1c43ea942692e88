"""The room's asset checks: is what was counted whole, is it still so, and does the source move."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from assets.stacks.extract import published
from assets.stacks.extract.routes import COINS
from assets.stacks.extract.source import reorganised_days
from assets.stacks.factory import PostgresParam
from assets.stacks.partitions import DAILY
from assets.stacks.tables import BALANCE_TOTALS, BLOCK_RANGE, HOURLY_PRICE, SPOT_STATS, TIP_SEEN
from assets.stacks.transform.prices import OLDEST
from assets.stacks.transform.spot import missing
from core.windows import parse_day
from resources.retries import failures_explained
from resources.stacks import StacksResource

# How far back a reorganisation is looked for.
DAYS_BACK = 30


@dg.asset_check(
    asset=BALANCE_TOTALS.warehouse_key,
    name="conserved",
    description="All balances together are what was minted, less what was burned, with coinbase and fees; none is "
    "below zero.",
    partitions_def=DAILY,
)
def conserved(context: dg.AssetCheckExecutionContext, postgres: PostgresParam) -> dg.AssetCheckResult:
    days = [parse_day(key) for key in context.partition_keys]
    with failures_explained():
        found = published.totals(postgres.postgres(), days[0], days[-1])
    problems = [
        f"{row['day']}: balances sum to {row['total_ustx']} µSTX, and {row['expected_ustx']} are expected"
        for row in found
        if row["total_ustx"] != row["expected_ustx"]
    ]
    problems += [f"{row['day']}: {row['negative']} balances are below zero" for row in found if row["negative"]]
    return _result(problems, {"days": len(found)})


@dg.asset_check(
    asset=BLOCK_RANGE.warehouse_key,
    name="still_canonical",
    description=f"The last block of each of the newest {DAYS_BACK} days is still canonical in the node's database, and "
    "still the day's last; otherwise the day is stale.",
)
def still_canonical(stacks: StacksResource, postgres: PostgresParam) -> dg.AssetCheckResult:
    with failures_explained():
        loaded = published.newest_ranges(postgres.postgres(), DAYS_BACK)
        with stacks.indexer().snapshot() as snapshot:
            stale = reorganised_days(snapshot, loaded)
    problems = [f"{day}: {reason}; materialize the day again" for day, reason in stale.items()]
    return _result(problems, {"days": len(loaded), "stale_days": [day.isoformat() for day in stale]})


@dg.asset_check(
    asset=TIP_SEEN.raw_key,
    name="advances",
    description="The node's database has moved since it was last looked at, and its newest block is not old.",
)
def advances(stacks: StacksResource, postgres: PostgresParam) -> dg.AssetCheckResult:
    with failures_explained():
        database, now = postgres.postgres(), stacks.clock().now()
        tips, hours = published.newest_tips(database, 2), stacks.figures().tip_hours
    problems = []
    if len(tips) == 2 and tips[0]["height"] <= tips[1]["height"]:
        problems.append(f"db sync did not progress: height {tips[0]['height']}, and {tips[1]['height']} before")
    if tips and now - datetime.fromtimestamp(tips[0]["burn_block_time"], UTC) > timedelta(hours=hours):
        problems.append(f"the newest block is older than {hours:g} hours")
    if not tips:
        problems.append("nobody has looked")
    return _result(problems, {"height": tips[0]["height"] if tips else None})


@dg.asset_check(
    asset=HOURLY_PRICE.raw_key,
    name="up_to_date",
    description="Each coin has a price of the last two hours; older ones count as unknown.",
)
def up_to_date(stacks: StacksResource, postgres: PostgresParam) -> dg.AssetCheckResult:
    with failures_explained():
        since = int(stacks.clock().now().timestamp()) - OLDEST
        counts = {symbol: len(published.prices(postgres.postgres(), symbol, since)) for symbol in COINS}
    return _result(
        [f"no price of {symbol} is of the last two hours" for symbol, many in counts.items() if not many], counts
    )


@dg.asset_check(
    asset=SPOT_STATS.raw_key,
    name="complete",
    description="Every field of the newest spot figures has a value.",
)
def complete(postgres: PostgresParam) -> dg.AssetCheckResult:
    with failures_explained():
        figures = json.loads(published.newest_spot(postgres.postgres()))
    return _result(
        [f"{name} is null" for name in missing(figures)], {"fields": len(figures)}, dg.AssetCheckSeverity.WARN
    )


def _result(
    problems: list[str], about: Mapping[str, Any], severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=not problems, severity=severity, description="; ".join(problems[:5]) or None, metadata=about
    )


CHECKS = (conserved, still_canonical, advances, up_to_date, complete)
