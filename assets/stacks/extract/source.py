"""The node's database is checked before it is believed: indexers have lost blocks, and counted those of forks twice."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

from assets.stacks.extract.days import Span, span_of
from core.errors import DayIncomplete, SourceInconsistent
from resources.clients.stacks.indexer import Snapshot

# The lowest height a chain may begin at: the indexer takes a genesis of height 0 as well as 1.
LOWEST = (0, 1)
# How many of the things that are wrong are named.
NAMED = 5


def require_over(snapshot: Snapshot, day: date, span: Span) -> None:
    """Refuse a day that the chain has not left behind.

    Raises:
        DayIncomplete: when no canonical block is of a later day.
    """
    newest = snapshot.record("SELECT max(burn_block_time) AS newest FROM blocks WHERE canonical")["newest"]
    if newest is None or newest < span.hi:
        until = datetime.fromtimestamp(newest, UTC).isoformat() if newest else "nowhere"
        raise DayIncomplete(
            f"Stacks {day}: the newest canonical block in {snapshot.address} is of {until}, so the day is not over "
            "there. Run again when the node has caught up."
        )


def require_sound(snapshot: Snapshot, day: date, span: Span) -> Mapping[str, int]:
    """Refuse a day whose rows in the source contradict each other. What was looked at: blocks, and rows by table.

    Raises:
        SourceInconsistent: naming the day, what is wrong with it, and where.
    """
    parameters = asdict(span)
    blocks = snapshot.records(_BLOCKS, parameters)
    # The block after the day's last one proves that none is missing at the day's end.
    highest = snapshot.record("SELECT coalesce(max(block_height), -1) AS height FROM blocks WHERE canonical")["height"]
    problems = _gaps([row["block_height"] for row in blocks], span, min(highest, span.last + 1))
    unlinked = [str(row["block_height"]) for row in blocks if not row["linked"] and not _first(row, blocks, span)]
    if unlinked:
        problems.append(f"the parent of canonical block {_few(unlinked)} is not the canonical block below")
    for what, statement in _CONTRADICTIONS.items():
        found = [row["named"] for row in snapshot.records(statement, parameters)]
        if found:
            problems.append(f"{what} ({_few(found)})")
    if tip := snapshot.records(_TIP):
        problems.append(f"chain_tip names block {tip[0]['block_height']}, which is not the highest canonical one")
    if problems:
        raise SourceInconsistent(
            f"Stacks {day}: {snapshot.address} cannot be believed: {'; '.join(problems)}. Nothing was changed. Let the "
            "indexer replay its events, or read from another one, then run again."
        )
    return {"blocks": sum(row["block_height"] <= span.last for row in blocks)}


def reorganised_days(snapshot: Snapshot, loaded: Iterable[Mapping[str, Any]]) -> dict[date, str]:
    """Of days that were loaded, those that the chain now tells differently, each with the reason, oldest first."""
    stale = {}
    for row in sorted(loaded, key=lambda one: one["day"]):
        span = span_of(snapshot, row["day"])
        last, name = span.last, name_of(snapshot, span)
        if last != row["last_height"]:
            stale[row["day"]] = f"its last height is {last} now, and was {row['last_height']}"
        elif name != row["last_block"]:
            stale[row["day"]] = f"block {last} is {name} now, and was {row['last_block']}"
    return stale


def name_of(snapshot: Snapshot, span: Span) -> str | None:
    """The index block hash of a day's last block; None when there is none yet."""
    found = snapshot.records(_NAME, {"last": span.last})
    return found[0]["name"] if found else None


_NAME = "SELECT '0x' || encode(index_block_hash, 'hex') AS name FROM blocks WHERE canonical AND block_height = %(last)s"


def _gaps(heights: list[int], span: Span, last: int) -> list[str]:
    """Heights up to ``last`` that are missing or there twice, in words."""
    counted, problems = Counter(heights), []
    if repeated := sorted(height for height, count in counted.items() if count > 1):
        problems.append(f"several canonical blocks of height {_few(map(str, repeated))}")
    before = span.before
    if before < 0:
        before = heights[0] - 1 if heights and heights[0] in LOWEST else LOWEST[1] - 1
    missing = []
    for height in (*sorted(counted), last + 1):
        if height > before + 1:
            missing.append(str(before + 1) if height == before + 2 else f"{before + 1} to {height - 1}")
        before = height
    if missing and last >= 0:
        problems.append(f"no canonical block of height {_few(missing)}")
    return problems


def _first(row: Mapping[str, int], blocks: list[dict], span: Span) -> bool:
    """Whether it is the chain's first block, which has no parent."""
    return span.before < 0 and row["block_height"] == blocks[0]["block_height"]


def _few(names: object) -> str:
    found = list(names)  # type: ignore[call-overload]
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return ", ".join(found[:NAMED]) + more


_IN_RANGE = "block_height > %(before)s AND block_height <= %(last)s"

_BLOCKS = """
    SELECT block.block_height, parent.index_block_hash IS NOT NULL AS linked
    FROM blocks block LEFT JOIN blocks parent ON parent.index_block_hash = block.parent_index_block_hash
        AND parent.canonical AND parent.block_height = block.block_height - 1
    WHERE block.canonical AND block.block_height > %(before)s AND block.block_height <= %(last)s + 1
    ORDER BY block.block_height
"""

_TIP = """
    SELECT chain_tip.block_height FROM chain_tip
    WHERE (block_height, index_block_hash) IS DISTINCT FROM (
        SELECT (block_height, index_block_hash) FROM blocks WHERE canonical ORDER BY block_height DESC LIMIT 1)
"""


def _of_other_blocks(table: str) -> str:
    """Rows said to be canonical whose block is not."""
    return f"""
        SELECT DISTINCT block_height::text AS named FROM {table} found
        WHERE canonical AND {_IN_RANGE} AND NOT EXISTS (
            SELECT FROM blocks WHERE blocks.index_block_hash = found.index_block_hash AND blocks.canonical
                AND blocks.block_height = found.block_height)
        LIMIT 100
    """


def _of_other_transactions(table: str) -> str:
    """Events that count though their transaction does not."""
    return f"""
        SELECT DISTINCT '0x' || encode(tx_id, 'hex') AS named FROM {table} found
        WHERE canonical AND microblock_canonical AND {_IN_RANGE} AND NOT EXISTS (
            SELECT FROM txs WHERE txs.tx_id = found.tx_id AND txs.index_block_hash = found.index_block_hash
                AND txs.canonical AND txs.microblock_canonical)
        LIMIT 100
    """


def _repeated_events(table: str) -> str:
    return f"""
        SELECT '0x' || encode(tx_id, 'hex') AS named FROM {table}
        WHERE canonical AND microblock_canonical AND {_IN_RANGE}
        GROUP BY tx_id, event_index HAVING count(*) > 1 LIMIT 100
    """


_CONTRADICTIONS = {
    "canonical transactions of blocks that are not": _of_other_blocks("txs"),
    "canonical STX events of blocks that are not": _of_other_blocks("stx_events"),
    "canonical NFT events of blocks that are not": _of_other_blocks("nft_events"),
    "canonical miner rewards of blocks that are not": """
        SELECT DISTINCT mature_block_height::text AS named FROM miner_rewards found
        WHERE canonical AND mature_block_height > %(before)s AND mature_block_height <= %(last)s AND NOT EXISTS (
            SELECT FROM blocks WHERE blocks.index_block_hash = found.index_block_hash AND blocks.canonical)
        LIMIT 100
    """,
    "coinbases paid twice": """
        SELECT mature_block_height::text AS named FROM miner_rewards
        WHERE canonical AND mature_block_height > %(before)s AND mature_block_height <= %(last)s AND coinbase_amount > 0
        GROUP BY mature_block_height, from_index_block_hash HAVING count(*) > 1 LIMIT 100
    """,
    "transactions counted twice": """
        SELECT '0x' || encode(tx_id, 'hex') AS named FROM txs found
        WHERE canonical AND microblock_canonical AND block_height > %(before)s AND block_height <= %(last)s AND EXISTS (
            SELECT FROM txs other WHERE other.tx_id = found.tx_id AND other.id <> found.id
                AND other.canonical AND other.microblock_canonical)
        LIMIT 100
    """,
    # With these, no event is counted in two blocks either, of whatever days: its transaction would be, too.
    "STX events of transactions that do not count": _of_other_transactions("stx_events"),
    "NFT events of transactions that do not count": _of_other_transactions("nft_events"),
    "transfers without their event": """
        SELECT '0x' || encode(tx_id, 'hex') AS named FROM txs
        WHERE canonical AND microblock_canonical AND block_height > %(before)s AND block_height <= %(last)s
            AND type_id = 0 AND status = 1 AND token_transfer_amount > 0 AND NOT EXISTS (
                SELECT FROM stx_events WHERE stx_events.block_height = txs.block_height
                    AND stx_events.tx_id = txs.tx_id AND stx_events.index_block_hash = txs.index_block_hash)
        LIMIT 100
    """,
    "STX events counted twice": _repeated_events("stx_events"),
    "NFT events counted twice": _repeated_events("nft_events"),
}
