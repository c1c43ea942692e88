"""Tables of moments: prices by the hour, the mempool's size, the node's tip, and the spot figures."""

import json
from decimal import Decimal
from typing import Any

import dagster as dg

from assets.stacks.answers.assets import coin, node_state, prices
from assets.stacks.extract import now, published
from assets.stacks.extract.routes import COINS
from assets.stacks.factory import DB_POOL, table_of_moments
from assets.stacks.tables import BALANCE_TOTALS, HOURLY_PRICE, MEMPOOL_COUNT, SPOT_STATS, TIP_SEEN
from assets.stacks.transform.prices import OLDEST, Prices, series
from assets.stacks.transform.spot import Moment, spot_stats
from assets.stacks.transform.stacking import Cycles
from core.merging import Batch
from resources.clients.postgres.database import Postgres
from resources.clients.stacks.indexer import Snapshot
from resources.stacks import StacksResource

# Beside the table with symbols, the two columns that consumers know, of STX alone.
_PRICES_AS_EVER = f"""
    CREATE OR REPLACE VIEW stacks.stx_historical_prices AS
    SELECT unix_timestamp, price_usd::double precision AS price_usd FROM {HOURLY_PRICE.address} WHERE symbol = 'STX'
"""


def _hourly_price(stacks: StacksResource, database: Postgres) -> Batch:
    bundle = stacks.raw().newest("prices")
    rows: list[dict[str, Any]] = [
        {"symbol": symbol, "unix_timestamp": at, "price_usd": Decimal(repr(price)), "fetched_at": bundle.observed_at}
        for symbol in COINS
        for at, price in series(bundle.document(symbol), "prices").items()
    ]
    database.migrate(HOURLY_PRICE)
    with database.transaction() as connection:
        connection.execute(_PRICES_AS_EVER.encode())
    return Batch(rows, source="CoinGecko")


def _mempool_count(stacks: StacksResource, database: Postgres) -> Batch:
    observed_at, indexer = stacks.clock().now(), stacks.indexer()
    with indexer.snapshot() as snapshot:
        return Batch([{"observed_at": observed_at, "transactions": now.waiting(snapshot)}], source=str(indexer))


def _tip_seen(stacks: StacksResource, database: Postgres) -> Batch:
    observed_at, indexer = stacks.clock().now(), stacks.indexer()
    with indexer.snapshot() as snapshot:
        tip = now.require_tip(snapshot)
    return Batch([{"observed_at": observed_at, "height": tip.height, "burn_block_time": tip.time}], source=str(indexer))


def _spot_stats(stacks: StacksResource, database: Postgres) -> Batch:
    indexer = stacks.indexer()
    with indexer.snapshot() as snapshot:
        moment = _moment(stacks, database, snapshot)
    payload = json.dumps(spot_stats(moment), allow_nan=False)
    return Batch([{"observed_at": moment.node.observed_at, "payload": payload}], source=str(indexer))


def _moment(stacks: StacksResource, database: Postgres, snapshot: Snapshot) -> Moment:
    node, given = stacks.raw().newest("node_state"), stacks.figures()
    at, cycles = int(node.observed_at.timestamp()), Cycles.of(node.document("pox"))
    last = cycles.number - 1
    times = now.burn_times(snapshot, [cycles.start(cycles.number)])
    opened = times.get(cycles.start(cycles.number))
    rewarded = now.bitcoin_blocks(snapshot, cycles.start(last))
    waiting = published.mempool(database)
    # Far enough back for the price at which the present cycle opened.
    since = min(opened or at, at) - OLDEST
    return Moment(
        now=at,
        node=node,
        coin=stacks.raw().newest("coin"),
        totals=now.transaction_totals(snapshot, at, legacy=given.legacy),
        balances=published.newest_balances(database, node.observed_at.date()),
        mempool=waiting[max(waiting)] if waiting else None,
        stx_prices=Prices(published.prices(database, "STX", since)),
        btc_prices=Prices(published.prices(database, "BTC", since)),
        rewards=sum(int(row["reward"]) for row in rewarded if row["height"] < cycles.start(cycles.number)),
        stacked=now.stacked_by_cycle(snapshot).get(last, 0),
        cycle_time=opened,
    )


hourly_price = table_of_moments(HOURLY_PRICE, [prices], None, _hourly_price)
mempool_count = table_of_moments(MEMPOOL_COUNT, [], DB_POOL, _mempool_count)
tip_seen = table_of_moments(TIP_SEEN, [], DB_POOL, _tip_seen)
spot = table_of_moments(
    SPOT_STATS,
    [node_state, coin, hourly_price, mempool_count, dg.AssetDep(BALANCE_TOTALS.warehouse_key)],
    DB_POOL,
    _spot_stats,
)

MOMENTS: tuple[dg.AssetsDefinition, ...] = (hourly_price, mempool_count, tip_seen, spot)
