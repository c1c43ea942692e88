"""The published objects. What each holds is in daily.py and current.py; where it lies, in objects.py."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from assets.stacks import objects as of
from assets.stacks.answers import assets as answers
from assets.stacks.factory import DB_POOL, NOW_FRESH, ONCE_A_DAY_FRESH, object_of_days, object_of_now
from assets.stacks.moments import assets as moments
from assets.stacks.public import current, daily
from assets.stacks.tables import (
    ADDRESS_ACTIVITY,
    BALANCE_TOTALS,
    BLOCK_RANGE,
    DAILY_ADDRESSES,
    DAILY_TX_COUNT,
    NFT_DAILY,
    WHALE_BALANCES,
)
from core.tables import Table


def _of(*tables: Table) -> Sequence[Any]:
    return [dg.AssetDep(table.warehouse_key) for table in tables]


OBJECTS_OF_DAYS = (
    object_of_days(of.DAILY_TXS, _of(DAILY_TX_COUNT), daily.daily_txs),
    object_of_days(of.ADDX_DAILYACTIVE, _of(DAILY_ADDRESSES), daily.active_addresses),
    object_of_days(of.ADDX_GROWTH, _of(BLOCK_RANGE, ADDRESS_ACTIVITY), daily.known_addresses),
    object_of_days(of.WALLET_BALANCES_RAW, _of(WHALE_BALANCES, BALANCE_TOTALS), daily.wallet_balances_raw),
    object_of_days(of.WALLET_BALANCES, _of(WHALE_BALANCES, BALANCE_TOTALS), daily.wallet_balances),
    object_of_days(of.STX_STACKED, [answers.node_state], daily.stx_stacked, pool=DB_POOL),
)

HALF_HOURLY = (
    object_of_now(of.TX_PER_BLOCK, [], current.tx_per_block, DB_POOL, freshness=NOW_FRESH),
    object_of_now(of.SPOT, [moments.spot], current.spot_stats, freshness=NOW_FRESH),
    object_of_now(of.SPOT_HISTORY, [moments.spot], current.spot_history, freshness=NOW_FRESH),
    object_of_now(of.MINING_OVERVIEW, [], current.mining_overview, DB_POOL, freshness=NOW_FRESH),
    object_of_now(of.RISK_REWARD, [moments.hourly_price], current.risk_and_reward, DB_POOL, freshness=NOW_FRESH),
    object_of_now(of.SUCCESSFUL_MINERS, [], current.most_successful_miners, DB_POOL, freshness=NOW_FRESH),
    object_of_now(of.REWARDS, [answers.node_state], current.recent_rewards, DB_POOL, freshness=NOW_FRESH),
    object_of_now(
        of.REWARDS_SMALL,
        [answers.node_state, moments.hourly_price],
        current.recent_rewards_small,
        DB_POOL,
        freshness=NOW_FRESH,
    ),
    object_of_now(of.MEMPOOL, [moments.mempool_count], current.mempool, freshness=NOW_FRESH),
    object_of_now(of.NFTS_BY_MINTS, [], current.nfts_by_mints, DB_POOL, freshness=NOW_FRESH),
)

DAILY_ONCE = (
    object_of_now(of.NONZERO, _of(BALANCE_TOTALS), current.nonzero_balances, freshness=ONCE_A_DAY_FRESH),
    object_of_now(of.WHALE_MOVEMENTS, [], current.whale_movements, DB_POOL, freshness=ONCE_A_DAY_FRESH),
    object_of_now(of.SANITY_CHECK, [moments.tip_seen], current.sanity_check, DB_POOL, freshness=ONCE_A_DAY_FRESH),
    object_of_now(of.MICROBLOCKS, [], current.microblocks, DB_POOL, freshness=ONCE_A_DAY_FRESH),
    object_of_now(of.PRICES_7D, [moments.hourly_price], current.prices_7d, freshness=ONCE_A_DAY_FRESH),
    object_of_now(of.PRICES_30D, [moments.hourly_price], current.prices_30d, freshness=ONCE_A_DAY_FRESH),
    object_of_now(of.PRICES_90D, [moments.hourly_price], current.prices_90d, freshness=ONCE_A_DAY_FRESH),
    object_of_now(of.VOLUMES, [answers.market_series], current.volumes, freshness=ONCE_A_DAY_FRESH),
    object_of_now(of.CAPS, [answers.market_series], current.caps, freshness=ONCE_A_DAY_FRESH),
    object_of_now(of.INDICATORS, [answers.market_series], current.financial_indicators, freshness=ONCE_A_DAY_FRESH),
    object_of_now(of.RSI, [answers.market_series], current.rsi, freshness=ONCE_A_DAY_FRESH),
    object_of_now(of.RVI, [answers.market_series], current.rvi, freshness=ONCE_A_DAY_FRESH),
    object_of_now(of.EMA, [answers.market_series], current.ema, freshness=ONCE_A_DAY_FRESH),
    object_of_now(of.POOLS, [answers.node_state], current.pools_number, freshness=ONCE_A_DAY_FRESH),
    object_of_now(of.TOP_POOLS, [answers.node_state], current.top_pools, freshness=ONCE_A_DAY_FRESH),
    object_of_now(of.NFTS, _of(BLOCK_RANGE, NFT_DAILY), current.nfts_now, freshness=ONCE_A_DAY_FRESH),
    object_of_now(of.NFTS_OVER_TIME, _of(BLOCK_RANGE, NFT_DAILY), current.nfts_over_time, freshness=ONCE_A_DAY_FRESH),
    object_of_now(of.NFTS_GROWING, _of(BLOCK_RANGE, NFT_DAILY), current.nfts_growing, freshness=ONCE_A_DAY_FRESH),
    object_of_now(of.NFTS_BY_HOLDERS, [], current.nfts_by_holders, DB_POOL, freshness=ONCE_A_DAY_FRESH),
)

WITH_LUNAR_KEY = (
    object_of_now(of.LUNAR_SPOT, [answers.lunar], current.lunar_spot, freshness=None),
    object_of_now(of.LUNAR_HISTORY, [answers.lunar], current.lunar_history, freshness=None),
)

PUBLISHED = (*OBJECTS_OF_DAYS, *HALF_HOURLY, *DAILY_ONCE, *WITH_LUNAR_KEY)
