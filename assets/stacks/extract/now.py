"""What the node's database says of this moment."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import SourceInconsistent
from resources.clients.stacks.indexer import Snapshot

# 1,000,000 STX, in µSTX.
LARGE_USTX = 10**12
MOVEMENTS = 500
# What mining figures cover: blocks whose rewards have matured.
MATURED = 101
FEES = 10
ALL_TIME = 2**31 - 1


@dataclass(frozen=True)
class Tip:
    """The highest canonical block: heights, and its time in Unix seconds."""

    height: int
    burn_height: int
    time: int


def tip(snapshot: Snapshot) -> Tip | None:
    """The tip; None of an empty database."""
    found = snapshot.records(
        "SELECT block_height, burn_block_height, burn_block_time FROM blocks WHERE canonical "
        "ORDER BY block_height DESC LIMIT 1"
    )
    return Tip(*found[0].values()) if found else None


def require_tip(snapshot: Snapshot) -> Tip:
    """The tip.

    Raises:
        SourceInconsistent: when the database has no canonical block.
    """
    found = tip(snapshot)
    if found is None:
        raise SourceInconsistent(f"Stacks: {snapshot.address} has no canonical block. Let the indexer catch up first.")
    return found


def whale_movements(snapshot: Snapshot, *, legacy: bool) -> list[dict[str, Any]]:
    """The newest transfers of 1,000,000 STX or more, at most 500; one row per event, amounts in µSTX."""
    return snapshot.records(
        f"""
        SELECT '0x' || encode(event.tx_id, 'hex') AS tx_id, event.block_height, event.amount, event.sender,
            event.recipient, blocks.burn_block_time, event.asset_event_type_id AS kind
        FROM (
            SELECT tx_id, event_index, block_height, amount, sender, recipient, asset_event_type_id FROM stx_events
            WHERE amount >= %(large)s AND sender IS NOT NULL AND recipient IS NOT NULL AND {_counted(legacy)}
            ORDER BY block_height DESC, amount DESC, tx_id, event_index LIMIT %(most)s
        ) AS event JOIN blocks ON blocks.block_height = event.block_height AND blocks.canonical
        ORDER BY event.block_height DESC, event.amount DESC, event.tx_id, event.event_index
        """,
        {"large": LARGE_USTX, "most": MOVEMENTS},
    )


def transactions_by_block(snapshot: Snapshot, last: int, blocks: int, *, legacy: bool) -> dict[int, int]:
    """Transactions by height, from ``last - blocks`` to ``last``; heights without any are left out."""
    found = snapshot.records(
        f"SELECT block_height, count(*) AS value FROM txs WHERE block_height BETWEEN %(first)s AND %(last)s "
        f"AND {_counted(legacy)} GROUP BY 1",
        {"first": last - blocks, "last": last},
    )
    return {row["block_height"]: row["value"] for row in found}


def microblocks_by_day(snapshot: Snapshot) -> dict[int, int]:
    """Microblocks received, of any branch, by midnight in Unix seconds. There are no new ones since Nakamoto."""
    found = snapshot.records(
        "SELECT extract(epoch FROM date_trunc('day', receive_timestamp))::bigint AS midnight, count(*) AS value "
        "FROM microblocks GROUP BY 1"
    )
    return {row["midnight"]: row["value"] for row in found}


def waiting(snapshot: Snapshot) -> int:
    """Transactions in the mempool."""
    return snapshot.record("SELECT count(*) AS value FROM mempool_txs WHERE NOT pruned")["value"]


def transaction_totals(snapshot: Snapshot, now: int, *, legacy: bool) -> dict[str, Any]:
    """Counts of all time and of the last day, the newest large transfer, and the newest transfers' median fee."""
    counted = _counted(legacy)
    row = snapshot.record(
        f"""
        SELECT count(*) AS total_txs_alltime, count(*) FILTER (WHERE burn_block_time >= %(day_before)s
            AND burn_block_time < %(now)s) AS total_txs_past24
        FROM txs WHERE burn_block_time >= 0 AND burn_block_time < %(all_time)s AND {counted}
        """,
        {"now": now, "day_before": now - 86_400, "all_time": ALL_TIME},
    )
    whale = snapshot.records(
        f"SELECT token_transfer_amount AS amount, burn_block_time AS time FROM txs WHERE token_transfer_amount >= "
        f"%(large)s AND {counted} ORDER BY block_height DESC, token_transfer_amount DESC, tx_id LIMIT 1",
        {"large": LARGE_USTX},
    )
    fee = snapshot.record(
        f"""
        SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY fee_rate) AS median FROM (
            SELECT fee_rate FROM txs WHERE token_transfer_recipient_address IS NOT NULL AND {counted}
            ORDER BY block_height DESC, tx_index DESC, tx_id LIMIT %(fees)s
        ) AS newest
        """,
        {"fees": FEES},
    )
    return row | {"whale": whale[0] if whale else None, "median_fee": fee["median"]}


def mined_blocks(snapshot: Snapshot, last: int) -> list[dict[str, Any]]:
    """The last 101 blocks whose rewards have matured at ``last``, ascending: height, Bitcoin height and time, who won
    it, and its rewards in µSTX."""
    return snapshot.records(
        """
        SELECT block.block_height, block.burn_block_height, block.burn_block_time, winner.sender_address AS winner,
            rewards.ustx
        FROM (
            SELECT from_index_block_hash, sum(coinbase_amount + tx_fees_anchored + tx_fees_streamed_confirmed
                + tx_fees_streamed_produced) AS ustx
            FROM miner_rewards WHERE canonical AND mature_block_height <= %(last)s
            GROUP BY 1 ORDER BY max(mature_block_height) DESC LIMIT %(most)s
        ) AS rewards
        JOIN blocks block ON block.index_block_hash = rewards.from_index_block_hash AND block.canonical
        LEFT JOIN LATERAL (
            SELECT sender_address FROM txs
            WHERE txs.block_height = block.block_height AND txs.index_block_hash = block.index_block_hash
                AND txs.type_id IN (4, 5, 8) AND txs.canonical
            ORDER BY tx_index LIMIT 1
        ) AS winner ON true
        ORDER BY block.block_height
        """,
        {"last": last, "most": MATURED},
    )


def bitcoin_blocks(snapshot: Snapshot, first: int) -> list[dict[str, Any]]:
    """Bitcoin blocks with rewards from a height on, ascending: satoshi rewarded and burned, and their time.

    The time is null where no canonical Stacks block is of that Bitcoin block.

    Raises:
        SourceInconsistent: when the rewards of a Bitcoin block are there twice, or those of two of one height.
    """
    found = snapshot.records(
        """
        SELECT rewarded.burn_block_height AS height, rewarded.reward, rewarded.burned, rewarded.sound,
            block.burn_block_time AS time
        FROM (
            -- Each row of a Bitcoin block repeats the block's one burn amount.
            SELECT burn_block_height, sum(reward_amount) AS reward, max(burn_amount) AS burned,
                count(DISTINCT burn_block_hash) = 1 AND count(DISTINCT reward_index) = count(*) AS sound
            FROM burnchain_rewards WHERE canonical AND burn_block_height >= %(first)s GROUP BY 1
        ) AS rewarded
        LEFT JOIN LATERAL (
            SELECT burn_block_time FROM blocks
            WHERE blocks.burn_block_height = rewarded.burn_block_height AND canonical ORDER BY block_height LIMIT 1
        ) AS block ON true
        ORDER BY 1
        """,
        {"first": first},
    )
    _refuse_repeated(snapshot, "rewards of Bitcoin block", [row["height"] for row in found if not row["sound"]])
    return found


def _refuse_repeated(snapshot: Snapshot, what: str, heights: list[int]) -> None:
    if heights:
        raise SourceInconsistent(
            f"Stacks: {snapshot.address} counts {what} {', '.join(map(str, heights[:5]))} twice. Let the indexer "
            "replay its events, or read from another one, then run again."
        )


def stacked_by_cycle(snapshot: Snapshot) -> dict[int, int]:
    """µSTX stacked in each cycle that the database has a reward set of.

    Raises:
        SourceInconsistent: when a cycle is there twice.
    """
    found = snapshot.records("SELECT cycle_number, total_stacked_amount FROM pox_cycles WHERE canonical")
    counted = Counter(row["cycle_number"] for row in found)
    _refuse_repeated(snapshot, "cycle", sorted(number for number, count in counted.items() if count > 1))
    return {row["cycle_number"]: int(row["total_stacked_amount"]) for row in found}


def burn_times(snapshot: Snapshot, heights: list[int]) -> dict[int, int]:
    """The time of the first canonical block at or after each Bitcoin height, Unix seconds; only of those there are."""
    found = snapshot.records(
        """
        SELECT asked.height, block.burn_block_time AS time FROM unnest(%(heights)s::int[]) AS asked (height)
        JOIN LATERAL (
            SELECT burn_block_time FROM blocks WHERE burn_block_height >= asked.height AND canonical
            ORDER BY burn_block_height, block_height LIMIT 1
        ) AS block ON true
        """,
        {"heights": heights},
    )
    return {row["height"]: row["time"] for row in found}


def recent_mints(snapshot: Snapshot, last: int, blocks: int) -> dict[str, int]:
    """Mints by asset in so many blocks up to ``last``."""
    return _by_asset(
        snapshot,
        "SELECT asset_identifier AS asset, count(*) AS value FROM nft_events WHERE asset_event_type_id = 2 "
        "AND canonical AND microblock_canonical AND block_height > %(first)s AND block_height <= %(last)s GROUP BY 1",
        {"first": last - blocks, "last": last},
    )


def holders(snapshot: Snapshot, most: int) -> dict[str, int]:
    """Holders by asset, of the assets with the most."""
    return _by_asset(
        snapshot,
        "SELECT asset_identifier AS asset, count(DISTINCT recipient) AS value FROM nft_custody "
        "WHERE recipient IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %(most)s",
        {"most": most},
    )


def _by_asset(snapshot: Snapshot, statement: str, parameters: Mapping[str, Any]) -> dict[str, int]:
    return {row["asset"]: row["value"] for row in snapshot.records(statement, parameters)}


def _counted(legacy: bool) -> str:
    return "true" if legacy else "canonical AND microblock_canonical"
