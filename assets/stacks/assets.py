"""The room's days: what one snapshot of the node's database gives, and what follows from all days up to one."""

from collections.abc import Iterator
from datetime import date

import dagster as dg

from assets.conventions import RANGES
from assets.stacks.answers.assets import ANSWERS
from assets.stacks.cdn.assets import CDN
from assets.stacks.chain_state import CHAIN_KEY, chain
from assets.stacks.extract import published
from assets.stacks.extract.balances import compute_following
from assets.stacks.extract.days import load_day, span_of
from assets.stacks.extract.source import require_over, require_sound
from assets.stacks.factory import DB_POOL, PostgresParam, table_of_days
from assets.stacks.moments.assets import MOMENTS
from assets.stacks.partitions import DAILY
from assets.stacks.public.assets import PUBLISHED
from assets.stacks.tables import ADDRESS_ACTIVITY, BLOCK_RANGE, DAILY_ADDRESSES, FOLLOWING, FROM_NODE, STX_BALANCE_DELTA
from core.tables import Table
from core.windows import parse_day
from resources.clients.postgres.database import Postgres
from resources.descriptions import receipt
from resources.plots import DAYS as PICTURED
from resources.plots import plot_by_day
from resources.retries import failures_explained
from resources.stacks import StacksResource


@dg.multi_asset(
    name="stacks_days",
    specs=[table_of_days(table, deps=[CHAIN_KEY]) for table in FROM_NODE],
    partitions_def=DAILY,
    backfill_policy=RANGES,
    pool=DB_POOL,
)
def days(
    context: dg.AssetExecutionContext, stacks: StacksResource, postgres: PostgresParam
) -> Iterator[dg.MaterializeResult]:
    """The run's days off the node's database: each from one snapshot, checked before it is believed."""
    with failures_explained():
        indexer, database = stacks.indexer(), postgres.postgres()
        for day in _days(context):
            with indexer.snapshot() as snapshot:
                span = span_of(snapshot, day)
                require_over(snapshot, day, span)
                require_sound(snapshot, day, span)
                rows = load_day(database, snapshot, day, span)
            context.log.info(f"{day}: heights {span.before + 1} to {span.last} of {indexer}, checked")
            _tell(context, database, FROM_NODE, day, rows)
    yield from (dg.MaterializeResult(asset_key=table.warehouse_key) for table in FROM_NODE)


@dg.multi_asset(
    name="stacks_following",
    specs=[
        table_of_days(
            table,
            deps=[dg.AssetDep(of.warehouse_key) for of in (BLOCK_RANGE, ADDRESS_ACTIVITY, STX_BALANCE_DELTA)],
        )
        for table in FOLLOWING
    ],
    partitions_def=DAILY,
    backfill_policy=RANGES,
)
def following(
    context: dg.AssetExecutionContext, stacks: StacksResource, postgres: PostgresParam
) -> Iterator[dg.MaterializeResult]:
    """What follows from all days up to each of the run's: addresses, large balances, totals."""
    with failures_explained():
        database, given = postgres.postgres(), stacks.figures()
        for day in _days(context):
            rows = compute_following(database, day, legacy=given.legacy, everyone=given.universe == "all")
            _tell(context, database, FOLLOWING, day, rows)
            known = published.recent_days(database, day, PICTURED)
            picture = {"picture": plot_by_day(known)}
            context.add_asset_metadata(picture, DAILY_ADDRESSES.warehouse_key, day.isoformat())
    yield from (dg.MaterializeResult(asset_key=table.warehouse_key) for table in FOLLOWING)


def _tell(
    context: dg.AssetExecutionContext, database: Postgres, tables: tuple[Table, ...], day: date, rows: dict[str, int]
) -> None:
    for table in tables:
        about = receipt(rows[table.name], database.uri(table.address), {"dagster/table_name": table.address})
        context.add_asset_metadata(about, table.warehouse_key, day.isoformat())


def _days(context: dg.AssetExecutionContext) -> list[date]:
    return [parse_day(key) for key in context.partition_keys]


DAYS = (chain, days, following)
STACKS_ASSETS = (*DAYS, *ANSWERS, *MOMENTS, *PUBLISHED, *CDN)
