"""Others' rows against headers: what the headers commit to, row by row and root by root. Nothing is believed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from assets.ethereum.audit.foreign import ForeignDay
from assets.ethereum.proofs import derived, encodings, trie
from assets.ethereum.proofs.blooms import bloom
from assets.ethereum.proofs.prover import Prover
from assets.ethereum.tables import BLOCKS, LOGS, RECEIPTS, TRANSACTIONS, WITHDRAWALS
from assets.ethereum.transform.rows import Rows
from core.plain import one_line
from core.tables import Table
from resources.clients.ethereum.refusals import Refusal
from resources.clients.ethereum.shapes import BlockRef

Row = Mapping[str, Any]
# Of a block: not the header's, so only compared where the node's whole block is known.
_NOT_OF_HEADER = {"size", "total_difficulty", "transaction_count", "withdrawals", "block_date"}
_NEEDED = {
    RECEIPTS: ("status", "cumulative_gas_used", "block_number", "transaction_index", "transaction_hash"),
    LOGS: ("address", "topics", "data", "block_number", "transaction_index", "log_index"),
    TRANSACTIONS: ("transaction_type", "block_number", "hash"),
}
_RECOMPUTED = ("contract_address", "effective_gas_price", "blob_gas_used", "blob_gas_price")
QUOTED = 200


@dataclass(frozen=True)
class Known:
    """A block that is proved: its header's columns, and its transactions' where the whole block was given."""

    header: Row
    transactions: Sequence[Row] | None


@dataclass(frozen=True)
class Finding:
    """Something that is not so. ``stated``: in the files; ``proved``: by the header."""

    block: int
    field: str
    stated: str
    proved: str


class Proof:
    """A day of others' rows, block by block. ``proved`` counts blocks by table, ``unproved`` says what cannot be."""

    def __init__(self, day: ForeignDay):
        self._day = day
        self.proved = dict.fromkeys((BLOCKS.name, TRANSACTIONS.name, RECEIPTS.name, WITHDRAWALS.name), 0)
        self.unproved = list(day.unproved)
        self._spans = {name: _spans(rows) for name, rows in day.tables.items()}
        lacking = [table.name for table, columns in _NEEDED.items() if not day.has(table, *columns)]
        self._with_receipts = not lacking
        recomputes = day.has(TRANSACTIONS, *derived.TRANSACTION_COLUMNS) and day.has(RECEIPTS, *_RECOMPUTED)
        self._prover = Prover(recomputes=recomputes)
        if lacking:
            self.unproved.append(f"receipts, logs: receiptsRoot takes columns that {', '.join(lacking)} lack")
        elif not recomputes:
            self.unproved.append("receipts: columns that follow from the transactions were not recomputed")

    def numbers(self) -> list[int]:
        """The blocks that the files hold, in order."""
        return sorted(self._spans[BLOCKS.name])

    def block(self, known: Known) -> list[Finding]:
        """What is wrong with a block's rows."""
        number = known.header["number"]
        rows = self._of(BLOCKS, number).to_pylist()
        if len(rows) != 1:
            return [Finding(number, "blocks", f"{len(rows)} rows", "1 block")]
        whole = known.transactions is not None
        skipped = {"total_difficulty"} if whole else _NOT_OF_HEADER
        found = self._counted(BLOCKS, _differences(number, "blocks", rows[0], known.header, skipped))
        if self._day.has(WITHDRAWALS, "index", "validator_index", "address", "amount"):
            found += self._counted(WITHDRAWALS, self._withdrawals(number, known.header["withdrawals_root"]))
        if known.transactions is not None and TRANSACTIONS.name in self._day.tables:
            found += self._counted(TRANSACTIONS, self._transactions(number, known.transactions))
        if self._with_receipts:
            found += self._counted(RECEIPTS, self._receipts(known.header))
        return found

    def _counted(self, table: Table, findings: Iterator[Finding]) -> list[Finding]:
        found = list(findings)
        self.proved[table.name] += not found
        return found

    def _of(self, table: Table, number: int) -> pa.Table:
        start, stop = self._spans[table.name].get(number, (0, 0))
        return self._day.tables[table.name].slice(start, stop - start)

    def _withdrawals(self, number: int, root: str | None) -> Iterator[Finding]:
        items = list(encodings.withdrawals(self._of(WITHDRAWALS, number).to_pydict()))
        found = "0x" + trie.root(items).hex()
        if (items or root is not None) and found != root:
            yield Finding(number, "withdrawalsRoot", found, str(root))

    def _transactions(self, number: int, proved: Sequence[Row]) -> Iterator[Finding]:
        rows = self._of(TRANSACTIONS, number).to_pylist()
        if len(rows) != len(proved):
            yield Finding(number, "transactions", f"{len(rows)} rows", f"{len(proved)} transactions")
            return
        for at, (row, transaction) in enumerate(zip(rows, proved, strict=True)):
            yield from _differences(number, f"transactions[{at}]", row, transaction, {"block_date"})

    def _receipts(self, header: Row) -> Iterator[Finding]:
        number = header["number"]
        receipts, logs, transactions = (self._of(table, number) for table in (RECEIPTS, LOGS, TRANSACTIONS))
        if receipts.column("transaction_hash").to_pylist() != transactions.column("hash").to_pylist():
            yield Finding(number, "receipts", f"{len(receipts)} rows", "one for each transaction, in their order")
            return
        try:
            rows = Rows(
                [(number, header["hash"], header["parent_hash"], header["timestamp"])],
                {RECEIPTS.name: _batch(RECEIPTS, receipts), LOGS.name: _batch(LOGS, logs)},
                {RECEIPTS.name: np.array([0, len(receipts)]), LOGS.name: np.array([0, len(logs)])},
            )
            ref = BlockRef(
                **{name: header[name] for name in ("number", "hash", "timestamp", "receipts_root", "excess_blob_gas")},
                transaction_count=len(transactions),
                transactions=transactions,
            )
            refused = self._prover.prove_receipts(rows, _answers(receipts, logs, transactions), [ref])
        except (*encodings.NOT_ENCODED, pa.ArrowException) as error:
            yield Finding(number, "receipts", f"cannot be encoded: {error}", header["receipts_root"])
            return
        except Refusal as problem:
            refused = {0: problem}
        for refusal in refused.values():
            yield Finding(number, "receipts", refusal.detail, header["receipts_root"])


def _spans(rows: pa.Table) -> dict[int, tuple[int, int]]:
    """Where the rows of each block begin and end; they are in the order of blocks."""
    name = "number" if "number" in rows.column_names else "block_number"
    if name not in rows.column_names or not len(rows):
        return {}
    numbers = rows.column(name).to_numpy()
    found, first = np.unique(numbers, return_index=True)
    ends = [*first[1:].tolist(), len(numbers)]
    return dict(zip(found.tolist(), zip(first.tolist(), ends, strict=True), strict=True))


def _differences(number: int, field: str, row: Row, proved: Row, skipped: set[str]) -> Iterator[Finding]:
    for name in row.keys() & proved.keys() - skipped:
        stated, expected = (_plain(one[name]) for one in (row, proved))
        if stated != expected:
            yield Finding(number, f"{field}.{name}", one_line(stated, QUOTED), one_line(expected, QUOTED))


def _plain(value: Any) -> Any:
    """Hex is the same in either case, and an empty list is none."""
    return (value.lower() if value not in ("", "[]") else None) if isinstance(value, str) else value


def _batch(table: Table, rows: pa.Table) -> pa.RecordBatch:
    """All columns of a table; those that the files lack are null, but for gas, which follows from the running sum."""
    columns = []
    for column in table.columns:
        kind = column.arrow_field.type
        if column.name in rows.column_names:
            columns.append(rows.column(column.name).combine_chunks())
        elif column.name == "gas_used":
            running = rows.column("cumulative_gas_used").to_numpy()
            columns.append(pa.array(np.diff(running, prepend=0), kind))
        else:
            columns.append(pa.nulls(len(rows), kind))
    return pa.RecordBatch.from_arrays(columns, names=table.arrow_schema.names)


def _answers(receipts: pa.Table, logs: pa.Table, transactions: pa.Table) -> pa.ListArray:
    """What a receipt holds and the files do not: its bloom, which follows from the logs, and its transaction's type."""
    of: dict[int, list[tuple[str, str]]] = {at: [] for at in receipts.column("transaction_index").to_pylist()}
    owners = logs.column("transaction_index").to_pylist()
    for at, entry in zip(
        owners, zip(*(logs.column(n).to_pylist() for n in ("address", "topics")), strict=True), strict=True
    ):
        of.setdefault(at, []).append(entry)
    kinds = [hex(kind or 0) for kind in transactions.column("transaction_type").to_pylist()]
    blooms = [bloom(of[at]) for at in receipts.column("transaction_index").to_pylist()]
    items = pa.StructArray.from_arrays(
        [pa.array(blooms, pa.string()), pa.array(kinds, pa.string())], ["logsBloom", "type"]
    )
    return pa.ListArray.from_arrays(pa.array([0, len(items)], pa.int32()), items)
