"""Whether blocks' rows are what their headers commit to. Nothing else is believed of what a node says.

The header's hash covers every field of it; its roots cover the transactions, the receipts with their logs, and the
withdrawals. What these do not cover is recomputed from them, with ``recomputes``: senders from signatures, prices,
created contracts, sizes. What cannot be is told by the columns' declarations.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.ethereum.proofs import columnar, derived, encodings, rlp, trie
from assets.ethereum.proofs.derived import Difference
from assets.ethereum.proofs.senders import senders
from assets.ethereum.tables import BLOCKS, LOGS, RECEIPTS, TRANSACTIONS, WITHDRAWALS
from assets.ethereum.transform.rows import Rows
from core.plain import one_line
from resources.clients.ethereum.refusals import QUOTED, Kind, Refusal
from resources.clients.ethereum.shapes import BlockRef

Account = dict[str, float]
# Why the rows of a block are not what its header commits to, by the block's position.
Refused = dict[int, Refusal]


# keccak256 of the encoding of no uncles.
_NO_UNCLES = "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"


class Prover:
    """Proves blocks and keeps account of it: how many, and the CPU time spent, in seconds. Used by several threads.

    recomputes: whether columns that no root binds are recomputed, too; ``senders`` counts those recovered.
    """

    def __init__(self, *, recomputes: bool = True) -> None:
        self.blocks, self.senders, self.seconds = 0, 0, 0.0
        self._lock = threading.Lock()
        # Recovering a key leaves the interpreter's lock alone.
        self._executor = ThreadPoolExecutor(os.cpu_count(), "senders") if recomputes else None

    def account(self) -> Account:
        """What was done so far, under the names that it is kept by."""
        return {"blocks_proved": self.blocks, "senders_recovered": self.senders, "seconds": self.seconds}

    def prove_blocks(self, rows: Rows, answers: pa.StructArray) -> Refused:
        """Header hashes, transactionsRoots with every transaction's hash, withdrawalsRoots.

        Returns for each block that is not proved the Refusal, naming block, field, what the header commits to and
        what the rows give.

        Raises:
            Refusal: when rows cannot be encoded.
        """

        def prove() -> Refused:
            blocks = _Blocks(rows, answers)
            if self._executor:
                recovered, seconds = blocks.recompute(self._executor)
                with self._lock:
                    self.senders += recovered
                    self.seconds += seconds
            return _refused(rows, blocks.check)

        return self._accounted(rows, prove)

    def prove_receipts(self, rows: Rows, answers: pa.ListArray, refs: Sequence[BlockRef]) -> Refused:
        """receiptsRoots over receipts and logs, and what follows from their order.

        answers: the node's, for blooms and types. refs: the blocks, proved before; with their transactions where
        columns are recomputed.

        Returns and raises as ``prove_blocks``.
        """

        def prove() -> Refused:
            receipts = _Receipts(rows, answers, refs)
            if self._executor:
                receipts.recompute()
            return _refused(rows, receipts.check)

        return self._accounted(rows, prove)

    def _accounted(self, rows: Rows, prove: Callable[[], Refused]) -> Refused:
        started = time.thread_time()
        try:
            refused = prove()
        except encodings.UnknownTypeError as error:
            raise Refusal(Kind.UNKNOWN_TO_US, f"blocks {rows.heads[0][0]} to {rows.heads[-1][0]}: {error}") from error
        except encodings.NOT_ENCODED as error:
            numbers = " to ".join(str(rows.heads[at][0]) for at in ([0, -1] if len(rows.heads) > 1 else [0]))
            told = f"block {numbers}: a row cannot be encoded ({type(error).__name__}: {one_line(error, 200)})"
            raise Refusal(Kind.UNPROVEN, told) from error
        with self._lock:
            self.blocks += len(rows.heads) - len(refused)
            self.seconds += time.thread_time() - started
        return refused


def _refused(rows: Rows, check: Callable[[int], None]) -> Refused:
    refused = {}
    for at in range(len(rows.heads)):
        try:
            check(at)
        except Refusal as refusal:
            refused[at] = refusal
    return refused


class _Blocks:
    """Blocks with everything that can be encoded for all of them together."""

    def __init__(self, rows: Rows, answers: pa.StructArray):
        self._rows, self._mix_hashes = rows, answers.field("mixHash").to_pylist()
        self._headers = rows.tables[BLOCKS.name].to_pylist()
        table = rows.tables[TRANSACTIONS.name]
        self._answers = pc.list_flatten(answers.field("transactions"))
        self._transactions = encodings.Transactions(table, self._answers)
        self._encoded = self._transactions.encoded().to_pylist()
        self._hashes = columnar.unhexed(table.column("hash")).to_pylist()
        self._withdrawals = list(encodings.withdrawals(rows.tables[WITHDRAWALS.name].to_pydict()))
        self._recomputed = False
        self._differences: dict[int, Difference] = {}

    def recompute(self, executor: Executor) -> tuple[int, float]:
        """Work out senders and prices, and compare; returns how many senders, and the executor's CPU seconds."""
        table = self._rows.tables[TRANSACTIONS.name]
        found, seconds = senders(self._transactions, self._answers, executor)
        stated = columnar.unhexed(table.column("from_address")).to_pylist()
        different = [
            Difference(at, "from", _hex(one), _hex(other))
            for at, (one, other) in enumerate(zip(stated, found, strict=True))
            if one != other
        ]
        counts = np.diff(self._rows.ends[TRANSACTIONS.name])
        base_fees = np.repeat([int(header["base_fee_per_gas"] or 0) for header in self._headers], counts)
        different += derived.transaction_differences(table, base_fees)
        self._differences = _by_block(self._rows, TRANSACTIONS, different)
        self._recomputed = True
        return len(found), seconds

    def check(self, at: int) -> None:
        header, number = self._headers[at], self._rows.heads[at][0]
        if header["miner"] is None or self._mix_hashes[at] is None:
            raise Refusal(Kind.UNPROVEN, f"block {number}: the answer lacks miner or mixHash")
        if field := encodings.left_out(header):
            raise Refusal(
                Kind.UNPROVEN, f"block {number}: the node leaves out {field}, a field that the hash commits to"
            )
        encoded_header = encodings.header(header, self._mix_hashes[at])
        _compare(number, "hash", header["hash"], trie.keccak(encoded_header))
        part = self._rows.span(TRANSACTIONS, at)
        encoded = self._encoded[part]
        _compare(number, "transactionsRoot", header["transactions_root"], trie.root(encoded))
        hashes = list(map(trie.keccak, encoded))
        if hashes != self._hashes[part]:
            place = next(at for at, found in enumerate(hashes) if found != self._hashes[part][at])
            _compare(number, f"transactions[{place}].hash", _hex(self._hashes[part][place]), hashes[place])
        _positions(self._rows, TRANSACTIONS, "transaction_index", at)
        items = self._withdrawals[self._rows.span(WITHDRAWALS, at)]
        if items or header["withdrawals_root"] is not None:  # a header without a root commits to none
            _compare(number, "withdrawalsRoot", header["withdrawals_root"], trie.root(items))
        if self._recomputed:
            _refuse_different(self._rows, TRANSACTIONS, at, self._differences)
            self._check_size(header, derived.block_size(encoded_header, encoded, items), bool(items))

    @staticmethod
    def _check_size(header: Mapping[str, Any], size: int, withdrawn: bool) -> None:
        """size: without uncles and, where there are none, without the list of withdrawals."""
        expected = size if withdrawn or header["withdrawals_root"] is None else size + len(rlp.EMPTY_LIST)
        # Uncles are known by their hash only: a block with some is larger. anvil does not count an empty list.
        larger = header["sha3_uncles"] != _NO_UNCLES and (header["size"] or 0) > expected
        if not larger and header["size"] != size:
            _compare(header["number"], "size", header["size"], expected)


class _Receipts:
    """Blocks' receipts with everything that can be encoded for all of them together."""

    def __init__(self, rows: Rows, answers: pa.ListArray, refs: Sequence[BlockRef]):
        self._rows, self._refs = rows, refs
        items = pc.list_flatten(answers)
        receipts, logs = rows.tables[RECEIPTS.name], rows.tables[LOGS.name]
        self._encoded = encodings.receipts(receipts, logs, _log_ends(rows), items).to_pylist()
        self._gas, self._cumulative = (receipts.column(n).to_numpy() for n in ("gas_used", "cumulative_gas_used"))
        self._differences: dict[int, Difference] = {}

    def recompute(self) -> None:
        """Work out from the transactions what the receipts' root does not bind, and compare."""
        receipts = self._rows.tables[RECEIPTS.name]
        if not receipts.num_rows:
            return
        (transactions,) = pa.concat_tables([ref.transactions for ref in self._refs]).combine_chunks().to_batches()
        excesses = [ref.excess_blob_gas for ref in self._refs for _ in range(ref.transaction_count)]
        self._differences = _by_block(
            self._rows, RECEIPTS, derived.receipt_differences(receipts, transactions, excesses)
        )

    def check(self, at: int) -> None:
        number, part = self._rows.heads[at][0], self._rows.span(RECEIPTS, at)
        _positions(self._rows, RECEIPTS, "transaction_index", at)
        _positions(self._rows, LOGS, "log_index", at)
        _compare(number, "receiptsRoot", self._refs[at].receipts_root, trie.root(self._encoded[part]))
        expected = np.diff(self._cumulative[part], prepend=0)
        if not np.array_equal(expected, self._gas[part]):
            place = int(np.flatnonzero(expected != self._gas[part])[0])
            _compare(number, f"receipts[{place}].gasUsed", expected[place], self._gas[part][place])
        _refuse_different(self._rows, RECEIPTS, at, self._differences)


def _by_block(rows: Rows, table: Any, differences: Iterable[Difference]) -> dict[int, Difference]:
    """The first difference of each block that has one, by the block's position."""
    found: dict[int, Difference] = {}
    for difference in differences:
        found.setdefault(int(np.searchsorted(rows.ends[table.name], difference.at, side="right")) - 1, difference)
    return found


def _refuse_different(rows: Rows, table: Any, at: int, differences: dict[int, Difference]) -> None:
    if difference := differences.get(at):
        place = difference.at - rows.span(table, at).start
        field = f"{table.name}[{place}].{difference.field}"
        _compare(rows.heads[at][0], field, difference.stated, difference.found)


def _log_ends(rows: Rows) -> Any:
    """Where each receipt's logs end, by the transaction that they say to be of; a 0 goes before."""
    receipts, logs = rows.tables[RECEIPTS.name], rows.tables[LOGS.name]
    owners, stated = (
        np.column_stack([table.column(name).to_numpy() for name in ("block_number", "transaction_index")])
        for table in (receipts, logs)
    )
    # Numbers that sort as the pairs do.
    widest = 1 + max(owners[:, 1].max(initial=0), stated[:, 1].max(initial=0))
    keys, wanted = (pairs[:, 0] * widest + pairs[:, 1] for pairs in (owners, stated))
    if np.any(np.diff(keys) <= 0):
        raise ValueError("receipts are not in the order of their transactions")
    if np.any(np.diff(wanted) < 0) or not np.isin(wanted, keys).all():
        raise ValueError("logs are not in the order of their transactions")
    return np.concatenate(([0], np.searchsorted(wanted, keys, side="right")))


def _positions(rows: Rows, table: Any, column: str, at: int) -> None:
    part = rows.span(table, at)
    indexes = rows.tables[table.name].column(column).to_numpy()[part]
    if not np.array_equal(indexes, np.arange(len(indexes))):
        told = f"block {rows.heads[at][0]}: positions of {table.name} are not 0, 1, 2 ..."
        raise Refusal(Kind.UNPROVEN, told)


def _compare(number: int, field: str, expected: object, found: Any) -> None:
    found = _hex(found) if isinstance(found, bytes) else found
    if expected != found:
        stated, given = one_line(expected, QUOTED), one_line(found, QUOTED)
        raise Refusal(Kind.UNPROVEN, f"block {number}: {field} is {stated}, the rows give {given}")


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
