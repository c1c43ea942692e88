"""The room's asset checks: is what was counted whole, is it still so, and does the source move."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg

from assets.evaluations import evaluations
from assets.stacks.extract import compared, published
from assets.stacks.extract.now import stacked_by_cycle
from assets.stacks.extract.routes import COINS
from assets.stacks.extract.source import reorganised_days
from assets.stacks.factory import ROOM, PostgresParam
from assets.stacks.partitions import DAILY
from assets.stacks.tables import BALANCE_TOTALS, BLOCK_RANGE, HOURLY_PRICE, SPOT_STATS, TIP_SEEN
from assets.stacks.transform.prices import OLDEST
from assets.stacks.transform.spot import missing
from core.windows import parse_day
from resources.clients.stacks.answers import results
from resources.retries import failures_explained
from resources.stacks import StacksResource


@dg.asset_check(
    asset=BALANCE_TOTALS.warehouse_key,
    name="conserved",
    description="All balances together are what was minted, less what was burned, with coinbase and fees; none is "
    "below zero.",
    partitions_def=DAILY,
)
def conserved(context: dg.AssetCheckExecutionContext, postgres: PostgresParam):
    """Whether the sums of each day agree."""
    days = [parse_day(key) for key in context.partition_keys]
    with failures_explained():
        found = {row["day"]: row for row in published.totals(postgres.postgres(), days[0], days[-1])}
    problems = {str(day): _unbalanced(day, found.get(day)) for day in days}
    yield from evaluations(context, problems, error=True)


def _unbalanced(day: date, row: Mapping[str, Any] | None) -> list[str]:
    if row is None:
        return [f"{day}: no balances were computed"]
    problems = []
    if row["total_ustx"] != row["expected_ustx"]:
        problems.append(f"{day}: balances sum to {row['total_ustx']} µSTX, and {row['expected_ustx']} are expected")
    if row["negative"]:
        problems.append(f"{day}: {row['negative']} balances are below zero")
    return problems


@dg.asset_check(
    asset=BALANCE_TOTALS.warehouse_key,
    name="as_the_indexer_keeps_them",
    description="Of 200 principals, others every day, the balance is the one that the indexer keeps for its tip.",
)
def as_the_indexer_keeps_them(stacks: StacksResource, postgres: PostgresParam) -> dg.AssetCheckResult:
    """A warning only: indexers of before 2025-07-18 may keep wrong ones."""
    with failures_explained(), stacks.indexer().snapshot() as snapshot:
        found = compared.balances(postgres.postgres(), snapshot)
    about = {"compared": found.compared, "not_compared": found.reason or "-"}
    return _result(found.problems, about, dg.AssetCheckSeverity.WARN)


@dg.asset_check(
    asset=dg.AssetKey(["raw", ROOM, "pox_cycles"]),
    name="as_in_the_database",
    description="What was stacked in each cycle by the API's answer is what the node's database says.",
)
def as_in_the_database(stacks: StacksResource) -> dg.AssetCheckResult:
    """Of the cycles that both have; none where the route is absent."""
    with failures_explained():
        pages = stacks.raw().newest("pox_cycles").pages("cycles")
        with stacks.indexer().snapshot() as snapshot:
            stacked = stacked_by_cycle(snapshot)
        found = compared.cycles(stacked, results(pages, "cycle_number"))
    return _result(found.problems, {"compared": found.compared})


@dg.asset_check(
    asset=BLOCK_RANGE.warehouse_key,
    name="still_canonical",
    description="The last block of each day is still canonical in the node's database, and still the day's last; "
    "otherwise the day is stale.",
    partitions_def=DAILY,
)
def still_canonical(context: dg.AssetCheckExecutionContext, stacks: StacksResource, postgres: PostgresParam):
    """Whether the loaded days were reorganised since. The sensor asks the same of the newest days every hour."""
    days = [parse_day(key) for key in context.partition_keys]
    with failures_explained():
        loaded = published.ranges(postgres.postgres(), days[0], days[-1])
        with stacks.indexer().snapshot() as snapshot:
            stale = reorganised_days(snapshot, loaded)
    stale |= dict.fromkeys(set(days) - {row["day"] for row in loaded}, "nothing is loaded")
    problems = {str(day): [f"{day}: {stale[day]}; materialize the day again"] if day in stale else [] for day in days}
    yield from evaluations(context, problems, error=True)


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


CHECKS = (conserved, as_the_indexer_keeps_them, as_in_the_database, still_canonical, advances, up_to_date, complete)
