"""A day of each dataset from the node, or from datasets already in the lake, into the spool.

Every function returns spooled tables only when each of its days is whole; nothing is published here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from more_itertools import chunked

from assets.ethereum import token_events, tokens
from assets.ethereum.chain import REORG_DEPTH, canonical_blocks
from assets.ethereum.contracts import TRACE_COLUMNS, contracts
from assets.ethereum.day_range import CONFIRMATIONS, BlockRange, block_range
from assets.ethereum.tables import (
    BLOCKS,
    BLOCKS_META,
    CONTRACTS,
    ERC1155_TRANSFERS,
    LOGS,
    RECEIPTS,
    TOKEN_TRANSFERS,
    TOKENS,
    TRACES,
    TRANSACTIONS,
    WITHDRAWALS,
)
from assets.ethereum.traces import Row, geth_traces, parity_traces, state_changes, trace_batch
from assets.ethereum.transform import FieldReport, batch, block_batches, receipt_batches
from core.errors import MethodUnsupported, NodeUnavailable
from core.manifest import BlockSpan
from core.progress import Progress
from core.spool import DaySpool, Spool, SpooledTable
from core.tables import Table
from core.windows import day_of
from resources.clients.ethereum_node import Block, BlockRef, EthereumNode
from resources.clients.lake import LakeDay, LakeObject

# Blocks decoded together; a mainnet block is some 0.6 MB of JSON.
CHUNK = 20
ENGINE = "native"
VERIFIED = "parent links"


@dataclass
class Export:
    """One step's source and account of its work."""

    node: EthereumNode
    say: Callable[[str], None]
    monotonic: Callable[[], float]
    confirmations: int = CONFIRMATIONS
    fields: FieldReport = field(default_factory=FieldReport)

    def __post_init__(self) -> None:
        self.progress = Progress("blocks", self.say, self.monotonic)
        self.version = self.node.version()
        self.say(f"Asking {self.node.name}: {self.version}.")

    def account(self) -> dict[str, Any]:
        """What the step asked of the node, and how fast it went."""
        traffic = self.node.traffic
        return {
            "node": self.node.name,
            "node_version": self.version,
            "blocks": self.progress.done,
            "blocks_per_second": round(self.progress.per_second, 1),
            "seconds_fetching": round(self.progress.seconds, 2),
            "requests": traffic.requests,
            "calls": traffic.calls,
            "retries": traffic.retries,
            "bytes_received": traffic.bytes,
        }


def export_blocks(export: Export, days: Sequence[date]) -> dict[str, SpooledTable]:
    """blocks_meta, blocks, transactions and withdrawals of the days.

    Raises:
        DayIncomplete: before anything is fetched, when a day is not over and final.
    """
    spool = Spool((BLOCKS_META, BLOCKS, TRANSACTIONS, WITHDRAWALS), ENGINE, VERIFIED)
    ranges = {day: block_range(export.node, day, export.confirmations) for day in days}
    export.progress.expect(sum(map(len, ranges.values())))
    for day, blocks in ranges.items():
        spool.finish(*_export_day(export, spool.day(day, REORG_DEPTH), blocks))
    return spool.tables()


def _export_day(export: Export, day: DaySpool, blocks: BlockRange) -> tuple[DaySpool, BlockSpan | None]:
    if not blocks:
        return day, None
    edges: dict[int, Block] = {}

    def take_back(number: int) -> None:
        export.say(f"The chain was reorganised at block {number}; fetching again from there.")
        day.take_back(number)

    for chunk in canonical_blocks(export.node, blocks.first, blocks.last, CHUNK, take_back):
        for block in chunk:
            _check_inside(block, day.day)
        edges |= {int(block["number"], 16): block for block in (chunk[0], chunk[-1])}
        edges = {number: edges[number] for number in edges.keys() & {blocks.first, blocks.last}}
        day.add(int(chunk[-1]["number"], 16), block_batches(chunk, export.fields))
        export.progress.advance(len(chunk))
    first, last = edges[blocks.first], edges[blocks.last]
    _check_successor(export.node, blocks, last["hash"], day.day)
    span = BlockSpan(blocks.first, blocks.last, first["hash"], last["hash"], first["parentHash"])
    day.add(blocks.last, {BLOCKS_META.name: _meta_batch(span, day.day)})
    return day, span


def _meta_batch(span: BlockSpan, day: date) -> pa.RecordBatch:
    row = {"start_block": span.first, "end_block": span.last, "start_hash": span.first_hash, "end_hash": span.last_hash}
    columns = {name: [value] for name, value in row.items()}
    return batch(BLOCKS_META, [row], [span.first], **columns, block_date=[day])


def _check_inside(block: Block, day: date) -> None:
    number, found = int(block["number"], 16), day_of(int(block["timestamp"], 16))
    if found != day and number != 0:
        raise NodeUnavailable(
            f"Ethereum day {day}: block {number} is now of {found}; the chain changed while it was fetched. Run again."
        )


def _check_successor(node: EthereumNode, blocks: BlockRange, last_hash: str, day: date) -> None:
    if node.header(blocks.last + 1)["parentHash"] != last_hash:
        raise NodeUnavailable(
            f"Ethereum day {day}: block {blocks.last} was reorganised away while the day was fetched. Run again."
        )


def export_receipts(export: Export, blocks: LakeObject, transactions: LakeObject) -> dict[str, SpooledTable]:
    """receipts and logs of the days whose blocks the lake holds.

    transactions: read only for a node without eth_getBlockReceipts.

    Raises:
        ChainReorganised: when a block is no longer the one in the lake.
    """
    spool = Spool((RECEIPTS, LOGS), ENGINE, VERIFIED)
    export.progress.expect(blocks.rows)
    for lake_day in blocks.days:
        day = spool.day(lake_day.day)
        refs = block_refs(lake_day)
        answers = _receipts(export, refs, transactions.on(lake_day.day))
        for chunk in chunked(zip(refs, answers, strict=True), CHUNK):
            receipts = [receipt for _, found in chunk for receipt in found]
            stamps = {ref.number: ref.timestamp for ref, _ in chunk}
            day.add(chunk[-1][0].number, receipt_batches(receipts, stamps, export.fields))
            export.progress.advance(len(chunk))
        spool.finish(day, lake_day.manifest.blocks)
    return spool.tables()


def block_refs(blocks: LakeDay) -> list[BlockRef]:
    """The day's blocks as the lake holds them, in order."""
    rows = blocks.table(["number", "hash", "timestamp", "transaction_count"]).to_pylist()
    return [BlockRef(row["number"], row["hash"], row["timestamp"], row["transaction_count"]) for row in rows]


def _receipts(export: Export, refs: Sequence[BlockRef], transactions: LakeDay) -> Iterator[list[dict[str, Any]]]:
    answers = export.node.receipts(refs)
    try:
        first = list(next(answers, ()))
    except MethodUnsupported:
        export.say("The node offers no eth_getBlockReceipts; asking for each transaction's receipt.")
        hashes: dict[int, list[str]] = {ref.number: [] for ref in refs}
        for row in transactions.table(["block_number", "hash"]).to_pylist():
            hashes[row["block_number"]].append(row["hash"])
        yield from export.node.receipts_by_hash(refs, hashes)
        return
    if refs:
        yield from chain([first], answers)


def export_traces(
    export: Export, blocks: LakeObject, tracer: str, changes: Mapping[int, Sequence[Row]]
) -> dict[str, SpooledTable]:
    """traces of the days whose blocks the lake holds.

    tracer: ``parity`` or ``geth``. changes: balance changes without transactions, by block number.

    Raises:
        ChainReorganised: when a block is no longer the one in the lake.
    """
    spool = Spool((TRACES,), ENGINE, VERIFIED)
    export.progress.expect(blocks.rows)
    for lake_day in blocks.days:
        day = spool.day(lake_day.day)
        refs = block_refs(lake_day)
        for ref, rows in zip(refs, _trace_rows(export.node, tracer, refs), strict=True):
            extra = state_changes(changes.get(ref.number, ()))
            day.add(ref.number, {TRACES.name: trace_batch([*extra, *rows], lake_day.day)})
            export.progress.advance()
        spool.finish(day, lake_day.manifest.blocks)
    return spool.tables()


def _trace_rows(node: EthereumNode, tracer: str, refs: Sequence[BlockRef]) -> Iterator[list[Row]]:
    # Nodes refuse to trace the genesis block: it runs no transactions.
    if refs and refs[0].number == 0:
        yield []
        refs = refs[1:]
    if tracer == "geth":
        for ref, answer in zip(refs, node.geth_traces(refs), strict=True):
            yield geth_traces(ref.number, answer)
    else:
        yield from map(parity_traces, node.parity_traces(refs))


def extract_token_transfers(logs: LakeObject, left_out: list[str]) -> dict[str, SpooledTable]:
    """token_transfers of the days whose logs the lake holds. left_out: takes a sentence for each odd event."""
    return _from_logs(TOKEN_TRANSFERS, logs, lambda part: token_events.token_transfers(part, left_out))


def extract_erc1155_transfers(logs: LakeObject, left_out: list[str]) -> dict[str, SpooledTable]:
    """erc1155_transfers of the days whose logs the lake holds. left_out: takes a sentence for each odd event."""
    return _from_logs(ERC1155_TRANSFERS, logs, lambda part: token_events.erc1155_transfers(part, left_out))


def _from_logs(
    table: Table, logs: LakeObject, rows_of: Callable[[pa.RecordBatch], pa.RecordBatch]
) -> dict[str, SpooledTable]:
    spool = Spool((table,), ENGINE, VERIFIED)
    for lake_day in logs.days:
        day = spool.day(lake_day.day)
        for part in lake_day.batches(token_events.LOG_COLUMNS):
            day.add(0, {table.name: rows_of(part)})
        spool.finish(day, lake_day.manifest.blocks)
    return spool.tables()


def extract_contracts(traces: LakeObject) -> dict[str, SpooledTable]:
    """contracts of the days whose traces the lake holds."""
    spool = Spool((CONTRACTS,), ENGINE, VERIFIED)
    for lake_day in traces.days:
        day = spool.day(lake_day.day)
        for part in _whole_blocks(lake_day.batches(TRACE_COLUMNS)):
            day.add(0, {CONTRACTS.name: contracts(part)})
        spool.finish(day, lake_day.manifest.blocks)
    return spool.tables()


def _whole_blocks(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The same rows in tables that never end inside a block."""
    held: pa.Table | None = None
    for part in batches:
        rows = pa.Table.from_batches([part])
        held = rows if held is None else pa.concat_tables([held, rows])
        if not held.num_rows:
            continue
        last = held.column("block_number")[-1]
        complete = pc.less(held.column("block_number"), last)
        yield held.filter(complete)
        held = held.filter(pc.invert(complete))
    if held is not None:
        yield held


def export_tokens(export: Export, contracts_: LakeObject) -> dict[str, SpooledTable]:
    """tokens: what the ERC-20 and ERC-721 contracts created on the days say of themselves, asked now."""
    spool = Spool((TOKENS,), ENGINE, VERIFIED)
    for lake_day in contracts_.days:
        day = spool.day(lake_day.day)
        found = lake_day.table(["address", "is_erc20", "is_erc721", "block_number", "block_date"])
        chosen = found.filter(pc.or_(found.column("is_erc20"), found.column("is_erc721"))).to_pylist()
        asked = ((contract["address"], data) for contract in chosen for data in tokens.CALLS)
        answers = chunked(export.node.contract_calls(asked), len(tokens.CALLS))
        for chunk in chunked(zip(chosen, answers, strict=True), CHUNK):
            day.add(0, {TOKENS.name: tokens.token_batch(*zip(*chunk, strict=True))})
        spool.finish(day, lake_day.manifest.blocks)
    return spool.tables()
