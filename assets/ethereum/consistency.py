"""What must hold between the rows of a day. Pure: tables and manifests in, sentences about violations out."""

from collections.abc import Callable, Iterator
from datetime import date
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc

from assets.ethereum.spans import BlockSpan, span_of
from core.manifest import Manifest
from core.windows import ONE_DAY, end_of, start_of

# How far to look for a neighbouring day that has blocks; mainnet has never been without for a day.
NEIGHBOUR_DAYS = 7


def chain_problems(blocks: pa.Table) -> Iterator[str]:
    """Gaps in the numbers and parents that do not match. blocks: number, hash, parent_hash, in order."""
    rows = blocks.select(["number", "hash", "parent_hash"]).to_pylist()
    for before, block in pairwise(rows):
        if block["number"] != before["number"] + 1:
            yield f"block {block['number']} follows block {before['number']}"
        elif block["parent_hash"] != before["hash"]:
            yield f"block {block['number']} names parent {block['parent_hash']}, the lake holds {before['hash']}"


def neighbour_problems(span: BlockSpan, day: date, manifest_of: Callable[[date], Manifest | None]) -> Iterator[str]:
    """Edges that do not fit the nearest days with blocks, where these are in the lake."""
    before = _neighbour(day, -1, manifest_of)
    if before and (before.last + 1 != span.first or before.last_hash != span.parent_hash):
        yield (
            f"the day starts with block {span.first} on parent {span.parent_hash}, "
            f"the day before ends with block {before.last}, {before.last_hash}"
        )
    after = _neighbour(day, 1, manifest_of)
    if after and (span.last + 1 != after.first or span.last_hash != after.parent_hash):
        yield (
            f"the day ends with block {span.last}, {span.last_hash}, "
            f"the day after starts with block {after.first} on parent {after.parent_hash}"
        )


def _neighbour(day: date, step: int, manifest_of: Callable[[date], Manifest | None]) -> BlockSpan | None:
    for distance in range(1, NEIGHBOUR_DAYS + 1):
        manifest = manifest_of(day + step * distance * ONE_DAY)
        if manifest is None or span_of(manifest):
            return span_of(manifest) if manifest else None
    return None


def timestamp_problems(blocks: pa.Table, day: date) -> Iterator[str]:
    """Blocks outside the day; the genesis block's own time does not count."""
    for row in blocks.select(["number", "timestamp"]).to_pylist():
        if row["number"] and not start_of(day) <= row["timestamp"] < end_of(day):
            yield f"block {row['number']} has timestamp {row['timestamp']}, outside {day}"


def count_problems(blocks: pa.Table, transactions: pa.Table) -> Iterator[str]:
    """Blocks whose transaction_count is not the number of their transactions."""
    found = _counts(transactions)
    for row in blocks.select(["number", "transaction_count"]).to_pylist():
        count = found.pop(row["number"], 0)
        if count != row["transaction_count"]:
            yield f"block {row['number']} counts {row['transaction_count']} transactions, the lake holds {count}"
    for number in sorted(found):
        yield f"transactions of block {number}, which is not among the day's blocks"


def receipt_problems(transactions: pa.Table, receipts: pa.Table) -> Iterator[str]:
    """Transactions without a receipt, and receipts without a transaction or twice."""
    wanted, found = transactions.column("hash"), receipts.column("transaction_hash")
    for hash_ in wanted.filter(pc.invert(pc.is_in(wanted, found))).to_pylist():
        yield f"transaction {hash_} has no receipt"
    for hash_ in found.filter(pc.invert(pc.is_in(found, wanted))).to_pylist():
        yield f"receipt of unknown transaction {hash_}"
    for entry in pc.value_counts(found.combine_chunks()).to_pylist():
        if entry["counts"] > 1:
            yield f"transaction {entry['values']} has {entry['counts']} receipts"


def log_problems(logs: pa.Table) -> Iterator[str]:
    """Blocks whose log indexes are not 0, 1, 2 ... logs: block_number, log_index."""
    grouped = logs.group_by("block_number").aggregate(
        [("log_index", "count"), ("log_index", "count_distinct"), ("log_index", "min"), ("log_index", "max")]
    )
    for row in grouped.sort_by("block_number").to_pylist():
        count, last = row["log_index_count"], row["log_index_max"]
        if row["log_index_min"] != 0 or last != count - 1 or row["log_index_count_distinct"] != count:
            yield f"block {row['block_number']} has {count} logs with indexes {row['log_index_min']} to {last}"


def trace_problems(transactions: pa.Table, traces: pa.Table) -> Iterator[str]:
    """Transactions without exactly one outermost trace. traces: block_number, transaction_index, trace_address."""
    outermost = traces.filter(
        pc.and_(pc.equal(traces.column("trace_address"), ""), pc.is_valid(traces.column("transaction_index")))
    )
    wanted, found = _places(transactions), _places(outermost)
    for block, index in sorted(wanted - found):
        yield f"transaction {index} of block {block} has no trace"
    if len(found) != outermost.num_rows:
        yield f"{outermost.num_rows - len(found)} transactions have more than one outermost trace"


def contract_problems(traces: pa.Table, contracts: pa.Table) -> Iterator[str]:
    """Successful creations and contracts that do not correspond. Traces without a status are left out."""
    created = traces.filter(
        pc.and_(pc.starts_with(traces.column("trace_type"), "create"), pc.equal(traces.column("status"), 1))
    )
    wanted, found = set(created.column("to_address").to_pylist()), set(contracts.column("address").to_pylist())
    for address in sorted(wanted - found):
        yield f"created contract {address} is not among the contracts"
    if None not in traces.column("status").to_pylist():
        for address in sorted(found - wanted):
            yield f"contract {address} has no successful creation"


def volume_problem(rows: int, trailing: list[int]) -> str | None:
    """A day far from the median of the days before it: less than half or more than double."""
    if not trailing:
        return None
    usual = sorted(trailing)[len(trailing) // 2]
    if usual and not usual / 2 <= rows <= usual * 2:
        return f"{rows:,} rows, the median of the {len(trailing)} days before is {usual:,}"
    return None


def _counts(rows: pa.Table) -> dict[int, int]:
    counted = pc.value_counts(rows.column("block_number").combine_chunks()).to_pylist()
    return {entry["values"]: entry["counts"] for entry in counted}


def _places(rows: pa.Table) -> set[tuple[int, int]]:
    numbers, indexes = rows.column("block_number").to_pylist(), rows.column("transaction_index").to_pylist()
    return set(zip(numbers, indexes, strict=True))
