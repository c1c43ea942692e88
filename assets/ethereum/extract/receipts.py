"""A day of receipts and logs from the node, for the blocks and transactions that the lake holds."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.ethereum.extract.exports import VERIFY_FULL, Export, block_refs, evidence
from assets.ethereum.proofs.derived import TRANSACTION_COLUMNS
from assets.ethereum.spans import span_of, telling
from assets.ethereum.tables import BLOCKS, LOGS, RECEIPTS, TRANSACTIONS
from assets.ethereum.transform.rows import BlockRows, first_other, receipt_rows
from core.errors import LakeDamaged, MethodUnsupported
from core.plain import one_line
from core.spool import SpooledTable
from resources.clients.ethereum.endpoints import Answer
from resources.clients.ethereum.refusals import QUOTED, Kind, Refusal
from resources.clients.ethereum.shapes import BlockRef, moved, one_each
from resources.clients.lake.reading import LakeDay, LakeObject

RECEIPT_TABLES = (RECEIPTS, LOGS)


def export_receipts(export: Export, blocks: LakeObject, transactions: LakeObject) -> dict[str, SpooledTable]:
    """receipts and logs of the days whose blocks and transactions the lake holds.

    Raises:
        ChainReorganised: when a block is no longer the one in the lake.
        CommitmentMismatch: when no endpoint gives receipts that the block's header commits to.
        LakeDamaged: when the transactions in the lake are not those of its blocks.
    """
    spool = export.spool(*RECEIPT_TABLES)
    export.progress.expect(blocks.rows)
    for lake_day in blocks.days:
        day = spool.day(lake_day.day)
        before = export.prover.account()
        for block in _receipts(export, lake_day, transactions.on(lake_day.day)):
            day.add(block.tables)
            export.progress.advance()
        proof = evidence(export, before)
        spool.finish(day, telling(span_of(lake_day.manifest), proof))
    return spool.tables()


def known_blocks(blocks: LakeDay, transactions: LakeDay, columns: Sequence[str] = ()) -> Iterator[BlockRef]:
    """A day's blocks with their transactions' hashes and other columns, from the lake; read as they are asked for.

    Raises:
        LakeDamaged: when the transactions are not those of the blocks: either was exported without the other.
    """
    parts = transactions.batches(["block_hash", "hash", *columns])
    held = pa.Table.from_batches([next(parts)])
    for block in block_refs(blocks):
        while len(held) < block.transaction_count and (part := next(parts, None)) is not None:
            held = pa.concat_tables([held, pa.Table.from_batches([part])])
        own, held = held.slice(0, block.transaction_count), held.slice(block.transaction_count)
        if own.column("block_hash").to_pylist() != [block.hash] * block.transaction_count:
            raise _not_theirs(blocks, f"not the {block.transaction_count} of block {block.number}, {block.hash}")
        yield replace(block, transactions=own.drop_columns("block_hash"))
    if len(held) or any(len(part) for part in parts):
        raise _not_theirs(blocks, "more than its blocks count")


def _not_theirs(blocks: LakeDay, problem: str) -> LakeDamaged:
    return LakeDamaged(
        f"Lake: the transactions of {blocks.day} are {problem}. Blocks and transactions were exported apart, from a "
        f"chain that changed, or their export was interrupted: materialize {'/'.join(BLOCKS.lake_key)} and "
        f"{'/'.join(TRANSACTIONS.lake_key)} for the day together."
    )


def _receipts(export: Export, blocks: LakeDay, transactions: LakeDay) -> Iterator[BlockRows]:
    read = partial(read_receipts, export)
    known = partial(known_blocks, blocks, transactions, TRANSACTION_COLUMNS if export.verify == VERIFY_FULL else ())
    answers = export.node.receipts(known(), read)
    try:
        first = next(answers, None)
    except MethodUnsupported:
        export.say("The node offers no eth_getBlockReceipts; asking for each transaction's receipt.")
        yield from export.node.receipts_by_hash(known(), read)
        return
    if first:
        yield from chain([first], answers)


def read_receipts(export: Export, blocks: Sequence[BlockRef], answer: Answer) -> list[BlockRows | Refusal]:
    answers = export.reader.receipts(answer)
    _check_whole(blocks, answers)
    rows = receipt_rows(answers, blocks)
    sent = pa.concat_tables([block.transactions for block in blocks]).column("hash").combine_chunks()
    if not rows.tables[RECEIPTS.name].column("transaction_hash").equals(sent):
        raise Refusal(Kind.BROKEN, f"receipts of block {blocks[0].number} are not in the order of its transactions")
    refused = {}
    if export.proves:
        refused = export.prover.prove_receipts(rows, answers, blocks)
    else:
        _check_hex(rows.tables[LOGS.name])
    return [refused.get(at) or block for at, block in enumerate(rows.blocks())]


# What transfers are read from, when no endpoint can be asked any more; where receipts are proved, it is, too.
_HEX = {
    "address": "^0x[0-9a-fA-F]{1,64}$",
    "topics": "^(0x[0-9a-fA-F]{1,64}(,|$))*$",
    "data": "^0x([0-9a-fA-F]{2})*$",
}


def _check_hex(logs: pa.RecordBatch) -> None:
    for name, pattern in _HEX.items():
        at = pc.index(pc.match_substring_regex(logs.column(name), pattern), False).as_py()
        if at >= 0:
            number, told = logs.column("block_number")[at], one_line(logs.column(name)[at], QUOTED)
            raise Refusal(Kind.BROKEN, f"a log of block {number} has {name} that are no hex: {told}")


def _check_whole(blocks: Sequence[BlockRef], answers: pa.ListArray) -> None:
    """Refuse what is not one receipt for each transaction of those very blocks."""
    receipts = pc.list_flatten(answers)
    logs = receipts.field("logs")
    owners = np.repeat(np.arange(len(blocks)), pc.list_value_length(answers))
    if receipts.null_count:
        block = blocks[owners[pc.index(receipts.is_null(), True).as_py()]]
        raise Refusal(Kind.BEHIND, f"a receipt of block {block.number} is null")
    if logs.null_count:
        block = blocks[owners[pc.index(logs.is_null(), True).as_py()]]
        raise Refusal(Kind.BROKEN, f"a receipt of block {block.number} has no list of logs")
    hashes = pa.array([block.hash for block in blocks])
    owners_of_logs = np.repeat(owners, pc.list_value_length(logs))
    for items, owner in ((receipts, owners), (pc.list_flatten(logs), owners_of_logs)):
        stated = items.field("blockHash")
        if (astray := first_other(stated, hashes.take(pa.array(owner)))) is not None:
            raise Refusal(Kind.MOVED, moved(blocks[owner[astray]], stated[astray].as_py()))
    for block, found in zip(blocks, answers, strict=True):
        one_each(block, found)
