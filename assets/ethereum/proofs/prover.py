"""Whether a block's rows are what its header commits to. Nothing else is believed of what a node says.

The header's hash covers every field of it; its roots cover the transactions, the receipts with their logs, and the
withdrawals. Not covered by any commitment, and so not proved: the sender of a transaction (it follows from the
signature), prices and addresses that nodes derive, a block's size.
"""

import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any

from assets.ethereum.proofs import encodings, trie
from assets.ethereum.tables import BLOCKS, LOGS, RECEIPTS, TRANSACTIONS, WITHDRAWALS
from assets.ethereum.transform import BlockRows
from resources.clients.transports import Kind, Refusal


class Prover:
    """Proves blocks one by one and keeps account of it: how many, and the CPU time spent, in seconds.

    Called from several threads.
    """

    def __init__(self) -> None:
        self.blocks, self.seconds = 0, 0.0
        self._lock = threading.Lock()

    def block(self, rows: BlockRows, answer: Any) -> None:
        """Header hash, transactionsRoot with every transaction's hash, withdrawalsRoot.

        Raises:
            Refusal: naming block, field, what the header commits to and what the rows give.
        """
        started = time.thread_time()
        columns, number = rows.tables[BLOCKS.name], rows.number
        if columns["miner"][0] is None or answer.mixHash is None:
            raise Refusal(Kind.UNPROVEN, f"block {number}: the answer lacks miner or mixHash")
        self._compare(number, "hash", rows.hash, _hex(trie.keccak(encodings.header(columns, answer.mixHash))))
        table = rows.tables[TRANSACTIONS.name]
        encoded = self._encoded(number, encodings.transactions(table, answer.transactions))
        self._compare(number, "transactionsRoot", columns["transactions_root"][0], _hex(trie.root(encoded)))
        for at, (stated, transaction) in enumerate(zip(table["hash"], encoded, strict=True)):
            self._compare(number, f"transactions[{at}].hash", stated, _hex(trie.keccak(transaction)))
        self._positions(number, "transactions", table["transaction_index"])
        items = self._encoded(number, encodings.withdrawals(rows.tables[WITHDRAWALS.name]))
        if items or columns["withdrawals_root"][0] is not None:  # a header without a root commits to none
            self._compare(number, "withdrawalsRoot", columns["withdrawals_root"][0], _hex(trie.root(items)))
        self._done(started)

    def receipts(self, rows: BlockRows, answers: Sequence[Any], kinds: Sequence[int | None], root: str) -> None:
        """receiptsRoot over receipts and logs, and what follows from their order.

        kinds: the transactions' types. root: the header's, proved with the block.

        Raises:
            Refusal: naming block, field, what the header commits to and what the rows give.
        """
        started, number = time.thread_time(), rows.number
        receipts, logs = rows.tables[RECEIPTS.name], rows.tables[LOGS.name]
        self._positions(number, "receipts", receipts["transaction_index"])
        self._positions(number, "logs", logs["log_index"])
        blooms = [answer.logsBloom for answer in answers]
        encoded = self._encoded(number, encodings.receipts(receipts, logs, blooms, kinds))
        self._compare(number, "receiptsRoot", root, _hex(trie.root(encoded)))
        before = 0
        for at, (gas, cumulative) in enumerate(zip(receipts["gas_used"], receipts["cumulative_gas_used"], strict=True)):
            self._compare(number, f"receipts[{at}].gasUsed", cumulative - before, gas)
            before = cumulative
        self._done(started)

    def _encoded(self, number: int, items: Iterable[bytes]) -> list[bytes]:
        try:
            return list(items)
        except (TypeError, ValueError, AttributeError, KeyError, OverflowError) as error:
            raise Refusal(
                Kind.UNPROVEN, f"block {number}: a row cannot be encoded ({type(error).__name__}: {error})"
            ) from error

    def _positions(self, number: int, what: str, indexes: Sequence[int]) -> None:
        if list(indexes) != list(range(len(indexes))):
            raise Refusal(Kind.UNPROVEN, f"block {number}: positions of {what} are not 0, 1, 2 ...")

    def _compare(self, number: int, field: str, expected: object, found: object) -> None:
        if expected != found:
            raise Refusal(Kind.UNPROVEN, f"block {number}: {field} is {expected}, the rows give {found}")

    def _done(self, started: float) -> None:
        with self._lock:
            self.blocks += 1
            self.seconds += time.thread_time() - started


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
