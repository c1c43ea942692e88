"""A day of each dataset from the node into the spool; what is read from the lake alone is in ``derive.py``.

Every function returns spooled tables only when each of its days is whole; nothing is published here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import pyarrow as pa

from assets.ethereum.extract.chain import REORG_DEPTH, canonical_blocks
from assets.ethereum.extract.day_range import CONFIRMATIONS, BlockRange, block_range
from assets.ethereum.extract.held_back import HeldBack
from assets.ethereum.proofs.prover import Account, Prover
from assets.ethereum.spans import BlockSpan, span_of, telling
from assets.ethereum.tables import (
    BLOCKS,
    BLOCKS_META,
    TRACES,
    TRANSACTIONS,
    WITHDRAWALS,
)
from assets.ethereum.transform.answers import AnswerReader
from assets.ethereum.transform.rows import BlockRows, batch, block_rows
from assets.ethereum.transform.slots import with_slots
from assets.ethereum.transform.traces import Row, geth_traces, parity_traces, state_changes, trace_batch, unknown_fields
from core.errors import NodeUnavailable
from core.memory import keep_freed_memory
from core.plain import one_line
from core.progress import Progress
from core.spool import DaySpool, RowSpan, Spool, SpooledTable
from core.tables import Table
from core.windows import day_of
from resources.clients.ethereum.endpoints import Answer
from resources.clients.ethereum.node import EthereumNode
from resources.clients.ethereum.refusals import QUOTED, Kind, Refusal, classify
from resources.clients.ethereum.shapes import BlockRef
from resources.clients.lake.reading import LakeDay, LakeObject

ENGINE = "native"
VERIFY_FULL, VERIFY_ROOTS, VERIFY_OFF = "full", "roots", "off"

MAINNET = 1  # its chain id
BLOCK_TABLES = (BLOCKS, TRANSACTIONS, WITHDRAWALS)
# The figure of a day of traces.
WIDE_VALUES = "values_over_38_digits"


@dataclass
class Export:
    """One step's source and account of its work.

    verify: ``full`` proves every block against its header before anything is published, and recomputes what the
    header's roots do not bind; ``roots`` leaves out the second, ``off`` both.
    """

    node: EthereumNode
    say: Callable[[str], None]
    monotonic: Callable[[], float]
    confirmations: int = CONFIRMATIONS
    verify: str = VERIFY_FULL

    def __post_init__(self) -> None:
        keep_freed_memory()
        self.reader = AnswerReader(proofs=self.proves)
        self.progress = Progress("blocks", self.say, self.monotonic)
        self.prover = Prover(recomputes=self.verify == VERIFY_FULL)
        self.version = self.node.version()
        self.say(f"Asking {self.node.name}: {self.version}.")

    @property
    def proves(self) -> bool:
        """Whether blocks are proved against their headers."""
        return self.verify != VERIFY_OFF

    def spool(self, *tables: Table) -> Spool:
        return Spool(tables, ENGINE, self.verify)

    def account(self) -> dict[str, Any]:
        """What the step asked of the node, and how fast it went."""
        traffic = self.node.traffic
        return {
            "node": self.node.name,
            "node_version": self.version,
            "blocks": self.progress.done,
            "blocks_per_second": round(self.progress.per_second, 1),
            "seconds_fetching": round(self.progress.seconds, 2),
            "blocks_proved": self.prover.blocks,
            "senders_recovered": self.prover.senders,
            "seconds_proving": round(self.prover.seconds, 3),
            "requests": traffic.requests,
            "calls": traffic.calls,
            "retries": traffic.retries,
            "bytes_received": traffic.bytes,
        }


def export_blocks(export: Export, days: Sequence[date]) -> dict[str, SpooledTable]:
    """blocks_meta, blocks, transactions and withdrawals of the days.

    Raises:
        DayIncomplete: before anything is fetched, when a day is not over and final.
        CommitmentMismatch: when no endpoint gives a block that its header commits to.
    """
    spool = export.spool(BLOCKS_META, *BLOCK_TABLES)
    ranges = {day: block_range(export.node, day, export.confirmations) for day in days}
    export.progress.expect(sum(map(len, ranges.values())))
    for day, blocks in ranges.items():
        _export_day(export, spool, spool.day(day), blocks)
    return spool.tables()


def _export_day(export: Export, spool: Spool, day: DaySpool, blocks: BlockRange) -> None:
    if not blocks:
        spool.finish(day, telling(None, evidence(export, export.prover.account())))
        return
    before = export.prover.account()
    edges: dict[int, BlockRows] = {}
    read = partial(read_blocks, export, slots_left_out(export.node, blocks))
    held_back = HeldBack(day, REORG_DEPTH)

    def take_back(number: int) -> None:
        export.say(f"The chain was reorganised at block {number}; fetching again from there.")
        held_back.take_back(number)

    for block in canonical_blocks(export.node, read, blocks.first, blocks.last, take_back):
        _check_inside(block, day.day)
        if block.number in (blocks.first, blocks.last):
            edges[block.number] = block
        held_back.add(block.number, block.tables if block.number else _of_day(block.tables, day.day))
        export.progress.advance()
    first, last = edges[blocks.first], edges[blocks.last]
    check_successor(export.node, blocks, last.hash, day.day)
    span = BlockSpan(blocks.first, blocks.last, first.hash, last.hash, first.parent_hash)
    held_back.release()
    day.add({BLOCKS_META.name: meta_batch(span, day.day)})
    spool.finish(day, telling(span, evidence(export, before)))


def _of_day(tables: Mapping[str, RowSpan], day: date) -> dict[str, pa.RecordBatch]:
    """The genesis block's rows as rows of its day, that of block 1: its own timestamp may be of any day."""
    found = {}
    for name, (rows, start, stop) in tables.items():
        own, at = rows.slice(start, stop - start), rows.schema.get_field_index("block_date")
        found[name] = own.set_column(at, own.schema.field(at), pa.array([day] * own.num_rows, pa.date32()))
    return found


def slots_left_out(node: EthereumNode, blocks: BlockRange) -> bool:
    """Whether slot numbers that the node leaves out follow from the blocks' times: on mainnet, from Amsterdam on."""
    after = node.header(blocks.last + 1)
    return "blockAccessListHash" in after and node.chain_id() == MAINNET


def read_blocks(export: Export, slots: bool, numbers: Sequence[int], answer: Answer) -> list[BlockRows | Refusal]:
    answers = export.reader.blocks(answer)
    if slots:
        answers = with_slots(answers)
    found = answers.field("number").to_pylist()
    for number, came in zip(numbers, found, strict=True):
        if came != hex(number):
            raise Refusal(Kind.BROKEN, f"block {one_line(came, QUOTED)} came for {hex(number)}")
    rows = block_rows(answers)
    refused = export.prover.prove_blocks(rows, answers) if export.proves else {}
    if refused and (unknown := export.reader.unknown_of_headers(answer)):
        # The hash is over all fields: with one more, whose place is not known here, no node's block can be proved.
        refused = {at: _with_unknown(refusal, unknown.get(at)) for at, refusal in refused.items()}
    return [refused.get(at) or block for at, block in enumerate(rows.blocks())]


def _with_unknown(refusal: Refusal, fields: list[str] | None) -> Refusal:
    """The same refusal, or that of a header with fields that this version does not know."""
    if not fields:
        return refusal
    return Refusal(
        Kind.UNKNOWN_TO_US, f"{refusal.detail}; the header has unknown fields: {one_line(', '.join(fields), 200)}"
    )


def evidence(export: Export, before: Account) -> dict[str, Any]:
    """What was proved of a day, to be kept beside its data. before: the prover's account when the day began."""
    if not export.proves:
        return {"verify": export.verify}
    spent = {name: round(value - before[name], 3) for name, value in export.prover.account().items()}
    return {"verify": export.verify, **spent, "node": export.version}


def meta_batch(span: BlockSpan, day: date) -> pa.RecordBatch:
    """The row of blocks_meta."""
    row = {"start_block": span.first, "end_block": span.last, "start_hash": span.first_hash, "end_hash": span.last_hash}
    return batch(BLOCKS_META, {name: [value] for name, value in (row | {"block_date": day}).items()})


def _check_inside(block: BlockRows, day: date) -> None:
    found = day_of(block.timestamp)
    if found != day and block.number != 0:
        raise NodeUnavailable(
            f"Ethereum day {day}: block {block.number} is now of {found}; the chain changed while it was fetched. "
            "Run again."
        )


def check_successor(node: EthereumNode, blocks: BlockRange, last_hash: str, day: date) -> None:
    """Make sure that the block after the day is a child of its last one.

    Raises:
        NodeUnavailable: when it is not.
    """
    if node.header(blocks.last + 1)["parentHash"] != last_hash:
        raise NodeUnavailable(
            f"Ethereum day {day}: block {blocks.last} was reorganised away while the day was fetched. Run again."
        )


def block_refs(blocks: LakeDay) -> list[BlockRef]:
    """The day's blocks as the lake holds them, in order."""
    columns = ("number", "hash", "timestamp", "transaction_count", "receipts_root", "excess_blob_gas")
    return [BlockRef(**row) for row in blocks.table(columns).to_pylist()]


def export_traces(
    export: Export, blocks: LakeObject, tracer: str, changes: Mapping[int, Sequence[Row]]
) -> dict[str, SpooledTable]:
    """traces of the days whose blocks the lake holds.

    tracer: ``parity`` or ``geth``. changes: balance changes without transactions, by block number.

    Raises:
        ChainReorganised: when a block is no longer the one in the lake.
    """
    spool = Spool((TRACES,), ENGINE, VERIFY_OFF)
    export.progress.expect(blocks.rows)
    for lake_day in blocks.days:
        day = spool.day(lake_day.day)
        refs, wide = block_refs(lake_day), 0
        for ref, rows in zip(refs, _trace_batches(export, tracer, refs, lake_day.day), strict=True):
            if ref.number in changes:
                day.add({TRACES.name: trace_batch(state_changes(changes[ref.number]), lake_day.day)})
            day.add({TRACES.name: rows})
            wide += wide_values(rows)
            export.progress.advance()
        spool.finish(day, telling(span_of(lake_day.manifest), figures={WIDE_VALUES: wide}))
    return spool.tables()


def wide_values(traces: pa.RecordBatch) -> int:
    """Traces whose value only ``value_text`` holds."""
    texts = traces.column("value_text")
    return len(texts) - texts.null_count


def _trace_batches(export: Export, tracer: str, refs: Sequence[BlockRef], day: date) -> Iterator[pa.RecordBatch]:
    # Nodes refuse to trace the genesis block: it runs no transactions.
    if refs and refs[0].number == 0:
        yield trace_batch([], day)
        refs = refs[1:]
    asked = export.node.geth_traces if tracer == "geth" else export.node.parity_traces
    rows_of = _geth_rows if tracer == "geth" else _parity_rows

    def read(block: BlockRef, answer: list[dict[str, Any]]) -> pa.RecordBatch:
        try:
            rows = rows_of(block, answer)
            export.reader.unknown.update(unknown_fields(answer))
            return trace_batch(rows, day)
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            # The node's text has other shapes than traces have: another endpoint may do better.
            raise Refusal(
                Kind.BROKEN, f"traces of block {block.number}: {type(error).__name__}: {one_line(error, 200)}"
            ) from error

    yield from asked(refs, read)


def _parity_rows(block: BlockRef, answer: list[dict[str, Any]]) -> list[Row]:
    return parity_traces(answer)


def _geth_rows(block: BlockRef, answer: list[dict[str, Any]]) -> list[Row]:
    for index, transaction in enumerate(answer):
        if "result" not in transaction:
            refusal = classify({"message": transaction.get("error")})
            if refusal.kind in (Kind.TIMEOUT, Kind.STATE_MISSING, Kind.PRUNED):
                problem = f"transaction {index} of block {block.number}: {transaction.get('error')}"
                raise Refusal(Kind.STATE_MISSING if refusal.kind is Kind.PRUNED else refusal.kind, problem)
    return geth_traces(block.number, answer)
