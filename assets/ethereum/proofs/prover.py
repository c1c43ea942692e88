"""Whether blocks' rows are what their headers commit to. Nothing else is believed of what a node says.

The header's hash covers every field of it; its roots cover the transactions, the receipts with their logs, and the
withdrawals. Not covered by any commitment, and so not proved: the sender of a transaction (it follows from the
signature), prices and addresses that nodes derive, a block's size.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.ethereum.proofs import columnar, encodings, trie
from assets.ethereum.tables import BLOCKS, LOGS, RECEIPTS, TRANSACTIONS, WITHDRAWALS
from assets.ethereum.transform.rows import Rows
from resources.clients.ethereum.refusals import Kind, Refusal

# Why the rows of a block are not what its header commits to, by the block's position.
Refused = dict[int, Refusal]


class Prover:
    """Proves blocks and keeps account of it: how many, and the CPU time spent, in seconds. Used by several threads."""

    def __init__(self) -> None:
        self.blocks, self.seconds = 0, 0.0
        self._lock = threading.Lock()

    def prove_blocks(self, rows: Rows, answers: pa.StructArray) -> Refused:
        """Header hashes, transactionsRoots with every transaction's hash, withdrawalsRoots.

        Returns for each block that is not proved the Refusal, naming block, field, what the header commits to and
        what the rows give.

        Raises:
            Refusal: when rows cannot be encoded.
        """
        return self._accounted(rows, lambda: _refused(rows, _Blocks(rows, answers).check))

    def prove_receipts(self, rows: Rows, answers: pa.ListArray, roots: Sequence[str]) -> Refused:
        """receiptsRoots over receipts and logs, and what follows from their order.

        answers: the node's, for blooms and types. roots: the headers', proved with the blocks.

        Returns and raises as ``prove_blocks``.
        """
        return self._accounted(rows, lambda: _refused(rows, _Receipts(rows, answers, roots).check))

    def _accounted(self, rows: Rows, prove: Callable[[], Refused]) -> Refused:
        started = time.thread_time()
        try:
            refused = prove()
        except encodings.UnknownTypeError as error:
            raise Refusal(Kind.UNKNOWN_TO_US, f"blocks {rows.heads[0][0]} to {rows.heads[-1][0]}: {error}") from error
        except encodings.NOT_ENCODED as error:
            numbers = " to ".join(str(rows.heads[at][0]) for at in ([0, -1] if len(rows.heads) > 1 else [0]))
            told = f"block {numbers}: a row cannot be encoded ({type(error).__name__}: {error})"
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
        self._encoded = encodings.transactions(table, pc.list_flatten(answers.field("transactions"))).to_pylist()
        self._hashes = columnar.unhexed(table.column("hash")).to_pylist()
        self._withdrawals = list(encodings.withdrawals(rows.tables[WITHDRAWALS.name].to_pydict()))

    def check(self, at: int) -> None:
        header, number = self._headers[at], self._rows.heads[at][0]
        if header["miner"] is None or self._mix_hashes[at] is None:
            raise Refusal(Kind.UNPROVEN, f"block {number}: the answer lacks miner or mixHash")
        if field := encodings.left_out(header):
            raise Refusal(
                Kind.UNPROVEN, f"block {number}: the node leaves out {field}, a field that the hash commits to"
            )
        _compare(number, "hash", header["hash"], trie.keccak(encodings.header(header, self._mix_hashes[at])))
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


class _Receipts:
    """Blocks' receipts with everything that can be encoded for all of them together."""

    def __init__(self, rows: Rows, answers: pa.ListArray, roots: Sequence[str]):
        self._rows, self._roots = rows, roots
        items = pc.list_flatten(answers)
        receipts, logs = rows.tables[RECEIPTS.name], rows.tables[LOGS.name]
        self._encoded = encodings.receipts(receipts, logs, _log_ends(rows), items).to_pylist()
        self._gas, self._cumulative = (receipts.column(n).to_numpy() for n in ("gas_used", "cumulative_gas_used"))

    def check(self, at: int) -> None:
        number, part = self._rows.heads[at][0], self._rows.span(RECEIPTS, at)
        _positions(self._rows, RECEIPTS, "transaction_index", at)
        _positions(self._rows, LOGS, "log_index", at)
        _compare(number, "receiptsRoot", self._roots[at], trie.root(self._encoded[part]))
        expected = np.diff(self._cumulative[part], prepend=0)
        if not np.array_equal(expected, self._gas[part]):
            place = int(np.flatnonzero(expected != self._gas[part])[0])
            _compare(number, f"receipts[{place}].gasUsed", expected[place], self._gas[part][place])


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
        raise Refusal(Kind.UNPROVEN, f"block {number}: {field} is {expected}, the rows give {found}")


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
