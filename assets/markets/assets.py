"""The room's assets: what CoinGecko and Blockchair know, merged into the raw tables. Neither source needs the other."""

from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial
from typing import Any

import dagster as dg

from assets.conventions import RANGES, raw_table
from assets.markets import extract, extract_chains, loaded
from assets.markets.extract_chains import ChainDay
from assets.markets.partitions import CHAIN_DAYS, DAILY
from assets.markets.tables import (
    BLOCKS,
    CHAIN_STATS,
    COIN_LIST,
    GLOBAL_DAILY,
    MARKET_DAILY,
    MARKET_SNAPSHOT,
    TRANSACTIONS,
    TX_DAILY_AGGREGATE,
)
from assets.markets.tracked import chains, coins, lives
from core.merging import Batch, Deliveries
from core.tables import Table
from core.windows import parse_day
from resources.io_managers.postgres import PostgresIOManager, failures_logged
from resources.markets import BlockchairResource, CoinGeckoResource
from resources.retries import failures_explained

# One caller at a time: both sources count calls by address or key.
COINGECKO_POOL, BLOCKCHAIR_POOL = "coingecko", "blockchair"

# The day is fetched at 01:00 UTC; two hours later it counts as late.
FRESHNESS = dg.FreshnessPolicy.cron(deadline_cron="0 3 * * *", lower_bound_delta=timedelta(hours=3))
HOURLY = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=3))
WEEKLY = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=8))

PostgresParam = dg.ResourceParam[PostgresIOManager]


def _raw(table: Table, source: str, freshness: dg.FreshnessPolicy | None = None, **more: Any) -> Any:
    """The decorator of an asset whose rows are merged into a raw table."""
    return dg.asset(
        **raw_table(table, freshness),
        io_manager_key="postgres",
        pool=source,
        **more,
    )


def _daily(table: Table) -> Any:
    return _raw(
        table,
        COINGECKO_POOL,
        partitions_def=DAILY,
        backfill_policy=RANGES,
        freshness=FRESHNESS,
    )


def _by_chain(table: Table, **more: Any) -> Any:
    return _raw(table, BLOCKCHAIR_POOL, partitions_def=CHAIN_DAYS, backfill_policy=RANGES, **more)


@_raw(COIN_LIST, COINGECKO_POOL, freshness=WEEKLY)
def coin_list(context: dg.AssetExecutionContext, coingecko: CoinGeckoResource, postgres: PostgresParam) -> Batch:
    """Every coin CoinGecko knows."""
    with failures_explained(), _logged(context, postgres):
        return extract.coin_list(coingecko.client(), loaded.listed_coins(postgres.postgres()))


@_raw(MARKET_SNAPSHOT, COINGECKO_POOL, freshness=HOURLY)
def market_snapshot(context: dg.AssetExecutionContext, coingecko: CoinGeckoResource, postgres: PostgresParam) -> Batch:
    """The coins' figures of this moment."""
    with failures_explained(), _logged(context, postgres):
        today = coingecko.clock().now().date()
        return extract.market_snapshot(coingecko.client(), [coin for coin in coins() if lives(coin, today)])


@_daily(MARKET_DAILY)
def market_daily(context: dg.AssetExecutionContext, coingecko: CoinGeckoResource) -> Deliveries:
    """The coins' closes of the run's days, with one request for each coin."""
    with failures_explained():
        now = coingecko.clock().now()
        return Deliveries(extract.market_daily(coingecko.client(), coins(), _days(context), now, lives))


@_daily(GLOBAL_DAILY)
def global_daily(context: dg.AssetExecutionContext, coingecko: CoinGeckoResource) -> Deliveries:
    """The whole market, if the run's day is the one that ended last."""
    with failures_explained():
        now = coingecko.clock().now()
        return Deliveries(extract.global_daily(coingecko.client(), _days(context), now))


@_by_chain(BLOCKS, freshness=FRESHNESS)
def blocks(context: dg.AssetExecutionContext, blockchair: BlockchairResource, postgres: PostgresParam) -> Deliveries:
    """All blocks of the run's chains and days."""
    with failures_explained():
        database = postgres.postgres()
        reach = partial(loaded.reach, database)
        return Deliveries(extract_chains.blocks(blockchair.source(database), _parts(context), reach))


@_by_chain(TX_DAILY_AGGREGATE, freshness=FRESHNESS)
def tx_daily_aggregate(
    context: dg.AssetExecutionContext, blockchair: BlockchairResource, postgres: PostgresParam
) -> Deliveries:
    """The sums over all transactions of the run's chains and days, made by the source."""
    with failures_explained():
        database, now = postgres.postgres(), blockchair.clock().now()
        unsettled = partial(loaded.unsettled_sums, database)
        client, finality = blockchair.client(database), blockchair.finality()
        return Deliveries(extract_chains.tx_daily_aggregate(client, _parts(context), now, finality, unsettled))


@_by_chain(TRANSACTIONS, deps=[blocks])
def transactions(
    context: dg.AssetExecutionContext, blockchair: BlockchairResource, postgres: PostgresParam
) -> Deliveries:
    """The first transactions of the run's chains and days, on demand."""
    with failures_explained():
        database = postgres.postgres()
        source, hashes = blockchair.source(database), partial(loaded.block_hashes, database)
        return Deliveries(extract_chains.transactions(source, _parts(context), blockchair.most_transactions(), hashes))


@_raw(CHAIN_STATS, BLOCKCHAIR_POOL, freshness=HOURLY)
def chain_stats(blockchair: BlockchairResource, postgres: PostgresParam) -> Deliveries:
    """The chains' figures of this moment."""
    with failures_explained():
        return Deliveries(extract_chains.chain_stats(blockchair.client(postgres.postgres()), chains()))


def _days(context: dg.AssetExecutionContext) -> list[date]:
    return [parse_day(key) for key in context.partition_keys]


def _parts(context: dg.AssetExecutionContext) -> Mapping[str, ChainDay]:
    """The run's chains and days, by partition key."""
    keys = [key for key in context.partition_keys if isinstance(key, dg.MultiPartitionKey)]
    return {str(key): ChainDay(key.keys_by_dimension["chain"], parse_day(key.keys_by_dimension["day"])) for key in keys}


def _logged(context: dg.AssetExecutionContext, postgres: PostgresIOManager) -> Any:
    return failures_logged(postgres.postgres(), context.asset_key.to_user_string(), context.run.run_id)


COINGECKO_DAILY = (market_daily, global_daily)
CHAIN_DAILY = (blocks, tx_daily_aggregate)
MARKETS_ASSETS = (coin_list, market_snapshot, *COINGECKO_DAILY, *CHAIN_DAILY, transactions, chain_stats)
