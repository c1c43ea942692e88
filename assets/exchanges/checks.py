"""The room's asset checks: what may not be handed on of a job's day, and what somebody should look at."""

from collections.abc import Callable, Iterable
from typing import Any

import dagster as dg
import pyarrow as pa

from assets.evaluations import evaluations
from assets.exchanges import quality
from assets.exchanges.download import Exchange
from assets.exchanges.names import parse_job
from assets.exchanges.partitions import JOB_DAYS
from assets.exchanges.tables import MARKET_CROSSCHECK, OHLCV_1M, OHLCV_GAPS, VENDOR_CROSSCHECK
from core.partitions import PartitionAddress
from core.tables import Table
from core.windows import ONE_DAY, parse_day
from resources.clients.lake.lake import Lake as LakeClient
from resources.exchanges import ExchangesResource
from resources.io_managers.lake import LakeIOManager

Problems = Callable[[pa.Table, PartitionAddress], Iterable[str]]
Read = Callable[[LakeClient, Table, PartitionAddress], pa.Table]
Lake = dg.ResourceParam[LakeIOManager]


def _rows(lake: LakeClient, table: Table, address: PartitionAddress) -> pa.Table:
    return lake.open(table, [address]).table()


def _closes_from_the_day_before(lake: LakeClient, table: Table, address: PartitionAddress) -> pa.Table:
    """Midnight is when coins are split or swapped. A day before that is not in the lake tells nothing."""
    eve = PartitionAddress.of(address.day - ONE_DAY, address.dimensions)
    days = [eve, address] if lake.manifest(table, eve) else [address]
    return lake.open(table, days).table(quality.OF_JUMPS)


def _check(
    table: Table, name: str, description: str, problems: Problems, *, read: Read = _rows, blocking: bool = True
) -> Any:
    """A check of the rows of each of the run's partitions, or of what ``read`` takes for them."""

    @dg.asset_check(
        asset=table.lake_key, name=name, description=description, blocking=blocking, partitions_def=JOB_DAYS
    )
    def check(context: dg.AssetCheckExecutionContext, exchanges: ExchangesResource, lake: Lake):
        with exchanges.failures_explained():
            client = lake.lake()
            found = {
                key: [f"{address}: {problem}" for problem in problems(read(client, table, address), address)]
                for key, address in _addresses(context).items()
            }
        yield from evaluations(context, found)

    return check


def _addresses(context: dg.AssetCheckExecutionContext) -> dict[str, PartitionAddress]:
    """The run's partitions, by key."""
    found = {}
    for key in context.partition_keys:
        of = JOB_DAYS.get_partition_key_from_str(key).keys_by_dimension
        found[str(key)] = PartitionAddress.of(parse_day(of["day"]), {"job": of["job"]})
    return found


@dg.asset_check(
    asset=OHLCV_GAPS.lake_key,
    name="every_minute_explained",
    description="Of every pair of the universe, stored minutes and gaps make up 1,440, and none is in both.",
    blocking=True,
    partitions_def=JOB_DAYS,
)
def every_minute_explained(context: dg.AssetCheckExecutionContext, exchanges: ExchangesResource, lake: Lake):
    """Also the pairs that nothing is stored of have their 1,440."""
    found: dict[str, list[str]] = {}
    with exchanges.failures_explained():
        exchange = Exchange.of(exchanges.environ(), exchanges.stage)
        for key, address in _addresses(context).items():
            minutes = lake.lake().open(OHLCV_1M, [address]).table(["currency_pair", "timestamp"])
            gaps = lake.lake().open(OHLCV_GAPS, [address]).table()
            pairs = exchange.pairs(parse_job(address.dimensions["job"]), address.day).pairs
            problems = quality.unexplained(minutes, gaps, pairs, address.day)
            found[key] = [f"{address}: {problem}" for problem in problems]
    yield from evaluations(context, found)


@dg.asset_check(
    asset=OHLCV_GAPS.lake_key,
    name="complete",
    description="No more minutes are unfetched than EXCHANGES_MIN_COMPLETENESS lets be.",
    blocking=True,
    partitions_def=JOB_DAYS,
)
def complete(context: dg.AssetCheckExecutionContext, exchanges: ExchangesResource, lake: Lake):
    """A warning where the policy is to warn."""
    found: dict[str, list[str]] = {}
    with exchanges.failures_explained():
        given = exchanges.given()
        for key, address in _addresses(context).items():
            gaps = lake.lake().open(OHLCV_GAPS, [address]).table()
            problems = quality.incomplete(gaps, given.min_completeness)
            found[key] = [f"{address}: {problem}" for problem in problems]
    yield from evaluations(context, found, error=given.on_missing == "fail")


CHECKS = (
    _check(
        OHLCV_1M,
        "sound_minutes",
        "Each minute of a pair once, on the minute and inside the day, high and low around open and close, prices "
        "above zero, nothing known before it was over. A minute without volume is allowed.",
        lambda rows, address: quality.unsound(rows, address.day),
    ),
    _check(
        OHLCV_1M,
        "no_jump",
        "No close is more than 20% (as a logarithm) from the minute before, also of the day before.",
        lambda rows, address: quality.jumps(rows, address.day),
        read=_closes_from_the_day_before,
        blocking=False,
    ),
    _check(
        VENDOR_CROSSCHECK,
        "others_agree",
        "Nothing that others have of the same differs by more than it may.",
        lambda rows, _: quality.disagreements(rows),
        blocking=False,
    ),
    _check(
        MARKET_CROSSCHECK,
        "markets_agree",
        "No close is EXCHANGES_MARKET_WARN (1%) or more away from the market's price of the same midnight.",
        lambda rows, _: quality.disagreements(rows),
        blocking=False,
    ),
    every_minute_explained,
    complete,
)
