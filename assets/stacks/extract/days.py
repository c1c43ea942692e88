"""A day of the node's database: which blocks it is, and the statements that fill the tables of days.

A day's transactions and addresses are those of blocks whose time lies in it. Balances go by height instead, since
times can run backwards from one block to the next: a day changes them from the highest block before its start to the
highest before its end, so that no block is left out and none counted twice.
"""

from dataclasses import asdict, dataclass
from datetime import date

from assets.stacks.tables import (
    ADDRESS_ACTIVITY,
    BALANCE_CHECKPOINT,
    BLOCK_RANGE,
    DAILY_TX_COUNT,
    NFT_DAILY,
    STX_BALANCE_DELTA,
)
from core.windows import end_of, start_of
from resources.clients.postgres.database import Postgres
from resources.clients.stacks.days import Reading, replace_day
from resources.clients.stacks.indexer import Snapshot

# The day of mainnet's first block.
FIRST_DAY = date(2021, 1, 14)


@dataclass(frozen=True)
class Span:
    """A day in the chain. ``lo``, ``hi``: its edges, Unix seconds; heights from ``before``, excluded, to ``last``."""

    lo: int
    hi: int
    before: int
    last: int


def span_of(snapshot: Snapshot, day: date) -> Span:
    """The heights of a day; the first day has everything before it, too, as a genesis without a time."""
    lo, hi = start_of(day), end_of(day)
    found = snapshot.record(_HEIGHTS, {"lo": lo, "hi": hi})
    return Span(lo, hi, -1 if day == FIRST_DAY else found["before"], found["last"])


def load_day(database: Postgres, snapshot: Snapshot, day: date, span: Span) -> dict[str, int]:
    """Replace the day in every table that is read off the node. Rows by table name."""
    return replace_day(database, snapshot, day, READINGS, asdict(span), following=BALANCE_CHECKPOINT)


_HEIGHTS = """
    SELECT coalesce(max(block_height) FILTER (WHERE burn_block_time < %(lo)s), -1) AS before,
        coalesce(max(block_height), -1) AS last
    FROM blocks WHERE canonical AND burn_block_time < %(hi)s
"""

# Rows of a range of heights that count.
_COUNTED = "canonical AND microblock_canonical AND block_height > %(before)s AND block_height <= %(last)s"
_MATURED = "canonical AND mature_block_height > %(before)s AND mature_block_height <= %(last)s"
_FEE_REWARDS = "tx_fees_anchored + tx_fees_streamed_confirmed + tx_fees_streamed_produced"

_BLOCK_RANGE = f"""
    SELECT %(day)s::date, %(before)s, %(last)s,
        (SELECT '0x' || encode(index_block_hash, 'hex') FROM blocks WHERE canonical AND block_height = %(last)s),
        (SELECT count(*) FROM blocks WHERE canonical AND block_height > %(before)s AND block_height <= %(last)s),
        coalesce(sum(amount) FILTER (WHERE asset_event_type_id = 2), 0),
        coalesce(sum(amount) FILTER (WHERE asset_event_type_id = 3), 0),
        (SELECT coalesce(sum(coinbase_amount), 0) FROM miner_rewards WHERE {_MATURED}),
        (SELECT coalesce(sum(fee_rate), 0) FROM txs WHERE {_COUNTED}),
        (SELECT coalesce(sum({_FEE_REWARDS}), 0) FROM miner_rewards WHERE {_MATURED})
    FROM stx_events WHERE {_COUNTED}
"""

_TX_COUNT = """
    SELECT %(day)s::date, count(*) FILTER (WHERE canonical AND microblock_canonical), count(*)
    FROM txs WHERE burn_block_time >= %(lo)s AND burn_block_time < %(hi)s
"""

# Every event from the day's lowest to its highest block, of whatever branch, is what the old system counted; the
# canonical ones among them are those of canonical blocks whose own time lies in the day.
_ACTIVITY = """
    WITH heights AS (
        SELECT min(block_height) AS lowest, max(block_height) AS highest FROM blocks
        WHERE burn_block_time >= %(lo)s AND burn_block_time < %(hi)s
    )
    SELECT %(day)s::date, party.address, bool_or(
        coalesce(event.canonical AND event.microblock_canonical AND block.canonical
            AND block.burn_block_time >= %(lo)s AND block.burn_block_time < %(hi)s, false))
    FROM heights JOIN stx_events event ON event.block_height BETWEEN heights.lowest AND heights.highest
    LEFT JOIN blocks block USING (index_block_hash)
    CROSS JOIN LATERAL (VALUES (event.sender), (event.recipient)) AS party (address)
    WHERE party.address IS NOT NULL
    GROUP BY party.address
"""

# Every change of a balance by heights: events, fees paid, rewards matured.
CHANGES = f"""
    SELECT recipient AS address, amount::numeric FROM stx_events WHERE {_COUNTED} AND recipient IS NOT NULL
    UNION ALL
    SELECT sender, -amount FROM stx_events WHERE {_COUNTED} AND sender IS NOT NULL
    UNION ALL
    SELECT CASE WHEN sponsored THEN sponsor_address ELSE sender_address END, -fee_rate FROM txs WHERE {_COUNTED}
    UNION ALL
    SELECT recipient, coinbase_amount + {_FEE_REWARDS} FROM miner_rewards WHERE {_MATURED}
"""

_BALANCE_DELTA = f"""
    SELECT %(day)s::date, address, sum(amount) FROM ({CHANGES}) AS change GROUP BY address HAVING sum(amount) <> 0
"""

_NFTS = f"""
    SELECT %(day)s::date, asset_identifier, count(*) FILTER (WHERE asset_event_type_id = 2),
        count(*) FILTER (WHERE asset_event_type_id = 3)
    FROM nft_events WHERE {_COUNTED} AND asset_event_type_id IN (2, 3)
    GROUP BY asset_identifier
"""

READINGS = (
    Reading(BLOCK_RANGE, _BLOCK_RANGE),
    Reading(DAILY_TX_COUNT, _TX_COUNT),
    Reading(ADDRESS_ACTIVITY, _ACTIVITY),
    Reading(STX_BALANCE_DELTA, _BALANCE_DELTA),
    Reading(NFT_DAILY, _NFTS),
)
