"""A day of receipts and logs from the node, for the blocks and transactions that the lake holds."""

from collections.abc import Iterator
from functools import partial
from itertools import accumulate, chain
from typing import Any

import msgspec
from more_itertools import chunked

from assets.ethereum.chain import CHUNK
from assets.ethereum.extract import VERIFY_FULL, Export, block_refs, evidence
from assets.ethereum.tables import LOGS, RECEIPTS
from assets.ethereum.transform import BlockRows, batches, receipt_rows
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
        for chunk in chunked(_receipts(export, known), CHUNK):
            day.add(chunk[-1].number, batches(chunk, RECEIPT_TABLES))
            export.progress.advance(len(chunk))
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
        return self._of(block, "hash")

    def types(self, block: BlockRef) -> list[int | None]:
        """The block's transaction types, in order."""
        return self._of(block, "transaction_type")

    def _of(self, block: BlockRef, column: str) -> list[Any]:
        part = self._transactions.column(column).slice(self._starts[block.number], block.transaction_count)
        return part.to_pylist()


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


def _read_receipts(export: Export, known: KnownBlocks, block: BlockRef, raw: bytes | msgspec.Raw) -> BlockRows:
    receipts = export.reader.receipts(raw)
    if None in receipts:
        raise Refusal(Kind.BEHIND, f"a receipt of block {block.number} is null")
    for owner in (*receipts, *(log for receipt in receipts for log in receipt.logs)):
        if owner.blockHash != block.hash:
            raise Refusal(Kind.MOVED, moved(block, owner.blockHash))
    rows = receipt_rows(one_each(block, receipts), block)
    if rows.tables[RECEIPTS.name]["transaction_hash"] != known.hashes(block):
        raise Refusal(Kind.BROKEN, f"receipts of block {block.number} are not in the order of its transactions")
    if export.verify == VERIFY_FULL:
        export.prover.receipts(rows, receipts, known.types(block), block.receipts_root)
    return rows
