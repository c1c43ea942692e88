"""A day of receipts and logs from the node, for the blocks and transactions that the lake holds."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import accumulate, chain

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from assets.ethereum.extract import VERIFY_FULL, Export, block_refs, evidence
from assets.ethereum.tables import LOGS, RECEIPTS
from assets.ethereum.transform import BlockRows, receipt_rows
from core.errors import MethodUnsupported
from core.spool import SpooledTable
from resources.clients.ethereum_node import BlockRef, moved, one_each
from resources.clients.lake import LakeDay, LakeObject
from resources.clients.transports import Kind, Refusal

RECEIPT_TABLES = (RECEIPTS, LOGS)


def export_receipts(export: Export, blocks: LakeObject, transactions: LakeObject) -> dict[str, SpooledTable]:
    """receipts and logs of the days whose blocks and transactions the lake holds.

    Raises:
        ChainReorganised: when a block is no longer the one in the lake.
        CommitmentMismatch: when no endpoint gives receipts that the block's header commits to.
    """
    spool = export.spool(*RECEIPT_TABLES)
    export.progress.expect(blocks.rows)
    for lake_day in blocks.days:
        day = spool.day(lake_day.day)
        proved, seconds = export.prover.blocks, export.prover.seconds
        known = KnownBlocks(lake_day, transactions.on(lake_day.day))
        for block in _receipts(export, known):
            day.add(block.number, block.tables)
            export.progress.advance()
        proof = evidence(export, export.prover.blocks - proved, export.prover.seconds - seconds)
        spool.finish(day, lake_day.manifest.blocks, proof)
    return spool.tables()


class KnownBlocks:
    """A day's blocks with their transactions' hashes and types, as the lake holds them."""

    def __init__(self, blocks: LakeDay, transactions: LakeDay):
        self.refs = block_refs(blocks)
        self._transactions = transactions.table(["hash", "transaction_type"])
        starts = accumulate((ref.transaction_count for ref in self.refs), initial=0)
        self._starts = {ref.number: start for ref, start in zip(self.refs, starts, strict=False)}

    def hashes(self, block: BlockRef) -> list[str]:
        """The block's transaction hashes, in order."""
        return self.of([block], "hash").to_pylist()

    def of(self, blocks: Sequence[BlockRef], column: str) -> pa.Array:
        """A column of the blocks' transactions, in order."""
        values = self._transactions.column(column)
        return pa.chunked_array(
            [part for block in blocks for part in self._part(values, block).chunks], values.type
        ).combine_chunks()

    def _part(self, values: pa.ChunkedArray, block: BlockRef) -> pa.ChunkedArray:
        return values.slice(self._starts[block.number], block.transaction_count)


def _receipts(export: Export, known: KnownBlocks) -> Iterator[BlockRows]:
    read = partial(_read_receipts, export, known)
    answers = export.node.receipts(known.refs, read)
    try:
        first = next(answers, None)
    except MethodUnsupported:
        export.say("The node offers no eth_getBlockReceipts; asking for each transaction's receipt.")
        hashes = {ref.number: known.hashes(ref) for ref in known.refs}
        yield from export.node.receipts_by_hash(known.refs, hashes, read)
        return
    if first:
        yield from chain([first], answers)


def _read_receipts(
    export: Export, known: KnownBlocks, blocks: Sequence[BlockRef], raws: Sequence[msgspec.Raw]
) -> list[BlockRows | Refusal]:
    answers = export.reader.receipts(raws)
    for block, receipts in zip(blocks, answers, strict=True):
        _check_whole(block, receipts.values)
    rows = receipt_rows(answers, blocks)
    if not rows.tables[RECEIPTS.name].column("transaction_hash").equals(known.of(blocks, "hash")):
        raise Refusal(Kind.BROKEN, f"receipts of block {blocks[0].number} are not in the order of its transactions")
    refused = {}
    if export.verify == VERIFY_FULL:
        roots = [block.receipts_root for block in blocks]
        refused = export.prover.prove_receipts(rows, answers, known.of(blocks, "transaction_type"), roots)
    return [refused.get(at) or block for at, block in enumerate(rows.blocks())]


def _check_whole(block: BlockRef, receipts: pa.StructArray) -> None:
    """Refuse what is not one receipt for each transaction of that very block."""
    if receipts.null_count:
        raise Refusal(Kind.BEHIND, f"a receipt of block {block.number} is null")
    if receipts.field("logs").null_count:
        raise Refusal(Kind.BROKEN, f"a receipt of block {block.number} has no list of logs")
    for items in (receipts, pc.list_flatten(receipts.field("logs"))):
        for stated in pc.unique(items.field("blockHash")).to_pylist():
            if stated != block.hash:
                raise Refusal(Kind.MOVED, moved(block, stated))
    one_each(block, receipts)
