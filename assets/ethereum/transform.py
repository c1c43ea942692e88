"""Answers of the node to columns. Pure: decoded objects in, lists and Arrow batches out.

A column with a ``source`` is read from that field: quantities from hex to exact integers, lists to one comma-joined
cell, structures to JSON text. Nothing is narrowed: a value that does not fit is an error.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import pyarrow as pa

from assets.ethereum.answers import attribute
from assets.ethereum.tables import BLOCKS, LOGS, RECEIPTS, TRANSACTIONS, WITHDRAWALS
from core.columns import Runs, array, joined
from core.errors import InvalidAnswer
from core.tables import Column, ColumnType, Table
from core.windows import day_of
from resources.clients.ethereum_node import BlockRef
from resources.clients.transports import Kind, Refusal

# Values of a table's columns, one for each row: a list, or runs of values that repeat.
Columns = dict[str, Any]


@dataclass(slots=True)
class BlockRows:
    """What one block, or its receipts, contributes to the tables, by table name."""

    number: int
    hash: str
    parent_hash: str
    timestamp: int
    tables: dict[str, Columns]


def _integers(values: Iterable[str | None]) -> list[int | None]:
    return [None if value is None else int(value, 16) for value in values]


def _lower(values: Iterable[str | None]) -> list[str | None]:
    return [value.lower() if value else value for value in values]


def _joined(values: Iterable[list[str] | None]) -> list[str | None]:
    return [None if value is None else ",".join(value) for value in values]


def _structures(values: Iterable[Any]) -> list[str | None]:
    # Clients order the keys of an object as they like.
    return [None if v is None else json.dumps(v, separators=(",", ":"), sort_keys=True) if v else "[]" for v in values]


def _floats(values: Iterable[str | None]) -> list[float | None]:
    return [None if value is None else float(value) for value in values]


def _reader(column: Column) -> Callable[[Iterable[Any]], list[Any]]:
    if column.type in (ColumnType.BIGINT, ColumnType.DECIMAL):
        return _integers
    if column.type is ColumnType.DOUBLE:
        return _floats
    if column.joined:
        return _joined
    if column.source in ("accessList", "authorizationList"):
        return _structures
    return _lower if column.lower_case else list


_READERS = {
    table.name: [(c, attrgetter(attribute(c.source)), _reader(c)) for c in table.columns if c.source]
    for table in (BLOCKS, TRANSACTIONS, WITHDRAWALS, RECEIPTS, LOGS)
}


def _columns(table: Table, records: Sequence[Any], block: int, given: Columns) -> Columns:
    """The records' columns. given: columns that are not read from a field of their own, or known already."""
    columns: Columns = {}
    for column, get, read in _READERS[table.name]:
        if column.name in given:
            continue
        try:
            columns[column.name] = read(map(get, records))
        except (ValueError, TypeError, AttributeError) as error:
            raise Refusal(Kind.BROKEN, f"{column.source} of a row of {table.name} of block {block}: {error}") from error
    return columns | given


def block_rows(block: Any) -> BlockRows:
    """Rows of blocks, transactions and withdrawals of one decoded block."""
    number, stamp = int(block.number, 16), int(block.timestamp, 16)
    transactions, withdrawals = block.transactions, block.withdrawals
    many, day = len(transactions), [day_of(stamp)]

    def place(count: int) -> Columns:
        return {"block_number": Runs([number], [count]), "block_date": Runs(day, [count])}

    tables = {
        BLOCKS.name: _columns(
            BLOCKS,
            [block],
            number,
            {"transaction_count": [many], "withdrawals": [_withdrawals_cell(withdrawals)], "block_date": day},
        ),
        TRANSACTIONS.name: _columns(
            TRANSACTIONS,
            transactions,
            number,
            {"block_timestamp": Runs([stamp], [many]), "block_hash": Runs([block.hash], [many])} | place(many),
        ),
        WITHDRAWALS.name: _columns(
            WITHDRAWALS,
            withdrawals or (),
            number,
            place(len(withdrawals or ())),
        ),
    }
    return BlockRows(number, block.hash, block.parentHash, stamp, tables)


def _withdrawals_cell(withdrawals: Sequence[Any] | None) -> str | None:
    if withdrawals is None:
        return None
    return ",".join(
        json.dumps(
            {
                "index": int(item.index, 16),
                "validator_index": int(item.validatorIndex, 16),
                "address": item.address,
                "amount": int(item.amount, 16),
            },
            separators=(",", ":"),
        )
        for item in withdrawals
    )


def receipt_rows(receipts: Sequence[Any], block: BlockRef) -> BlockRows:
    """Rows of receipts and logs of one block; receipts are in transaction order, and of that very block.

    A log's place is its receipt's: a log that claims another one is refused.
    """
    many, day = len(receipts), [day_of(block.timestamp)]

    def place(count: int) -> Columns:
        return {
            "block_hash": Runs([block.hash], [count]),
            "block_number": Runs([block.number], [count]),
            "block_date": Runs(day, [count]),
        }

    pairs = [(log, receipt) for receipt in receipts for log in receipt.logs]
    for log, receipt in pairs:
        if log.transactionHash != receipt.transactionHash:
            raise Refusal(Kind.BROKEN, f"a log of block {block.number} stands in another transaction's receipt")
    logs = [log for log, _ in pairs]
    receipt_columns = _columns(
        RECEIPTS,
        receipts,
        block.number,
        place(many),
    )
    sizes = [len(receipt.logs) for receipt in receipts]
    log_columns = _columns(
        LOGS,
        logs,
        block.number,
        {
            "transaction_hash": Runs([receipt.transactionHash for receipt in receipts], sizes),
            "transaction_index": Runs(list(receipt_columns["transaction_index"]), sizes),
            **place(len(logs)),
        },
    )
    tables = {RECEIPTS.name: receipt_columns, LOGS.name: log_columns}
    return BlockRows(block.number, block.hash, "", block.timestamp, tables)


def batches(rows: Sequence[BlockRows], tables: Sequence[Table]) -> dict[str, pa.RecordBatch]:
    """The blocks' rows, one Arrow batch per table.

    Raises:
        InvalidAnswer: naming block, column and value, when a value is missing or does not fit.
    """
    return {table.name: batch(table, _gathered(rows, table)) for table in tables}


def _gathered(rows: Sequence[BlockRows], table: Table) -> Columns:
    parts = [row.tables[table.name] for row in rows]
    return {column.name: joined([part[column.name] for part in parts]) for column in table.columns}


def batch(table: Table, columns: Columns) -> pa.RecordBatch:
    """Columns as one batch of ``table``.

    Raises:
        InvalidAnswer: naming block, column and value, when a value is missing or does not fit.
    """
    arrays = []
    for column in table.columns:
        try:
            arrays.append(array(column, columns[column.name]))
        except ValueError as error:
            raise InvalidAnswer(_complaint(table, column, columns)) from error
    return pa.RecordBatch.from_arrays(arrays, schema=table.arrow_schema)


def _complaint(table: Table, column: Column, columns: Columns) -> str:
    """What is wrong with the first value of a column that its type refuses."""
    heights = columns[next(name for name in ("number", "block_number", "start_block") if name in columns)]
    for value, block in zip(columns[column.name], heights, strict=True):
        try:
            array(column, [value])
        except ValueError:
            problem = "is missing" if value is None else f"does not fit {column.type.value}"
            return (
                f"The node's answer for block {block}: {table.name}.{column.name} = {str(value)[:100]!r} {problem}. "
                "Nothing of the day was published; compare the block with another node."
            )
    raise AssertionError("unreachable: some value of the column was refused")
