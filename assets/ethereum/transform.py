"""Answers of the node to columns. Pure: JSON objects in, one Arrow batch per table out.

A column with a ``source`` is read from that field: quantities from hex to exact integers, lists to one
comma-joined cell, structures to JSON text. Nothing is narrowed: a value that does not fit is an error.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from assets.ethereum.tables import BLOCKS, LOGS, RECEIPTS, TRANSACTIONS, WITHDRAWALS
from core.errors import InvalidAnswer
from core.tables import Column, ColumnType, Table
from core.windows import day_of

Record = Mapping[str, Any]

# Left out on purpose: what other tables hold, signatures, and what repeats another field.
IGNORED_FIELDS: dict[str, frozenset[str]] = {
    BLOCKS.name: frozenset({"transactions", "uncles", "mixHash"}),
    TRANSACTIONS.name: frozenset(
        {"v", "r", "s", "yParity", "chainId", "creates", "publicKey", "raw", "standardV", "condition"}
        | {"blockTimestamp"}
    ),
    RECEIPTS.name: frozenset({"from", "to", "logs", "logsBloom", "type", "blockTimestamp"}),
    LOGS.name: frozenset({"removed", "blockTimestamp", "transactionLogIndex", "type"}),
    WITHDRAWALS.name: frozenset(),
}
_SPLIT_INTO_ROWS = {BLOCKS.name: {"withdrawals"}}


class FieldReport:
    """Names of fields that no column takes, collected over a run to be reported once."""

    def __init__(self) -> None:
        self._known = {
            table.name: {column.source for column in table.columns if column.source}
            | IGNORED_FIELDS[table.name]
            | _SPLIT_INTO_ROWS.get(table.name, set())
            for table in (BLOCKS, TRANSACTIONS, RECEIPTS, LOGS, WITHDRAWALS)
        }
        self.unknown: set[str] = set()

    def note(self, table: Table, records: Iterable[Record]) -> None:
        known = self._known[table.name]
        for record in records:
            if not record.keys() <= known:
                self.unknown.update(f"{table.name}.{field}" for field in record.keys() - known)


def quantity(value: Any) -> int | None:
    """An exact integer from a hex quantity; JSON numbers, as parity's traces hold them, pass through."""
    if value is None or isinstance(value, int):
        return value
    return int(value, 16)


def _joined(value: Any) -> str | None:
    return None if value is None else ",".join(value)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), sort_keys=True)  # clients order the keys as they like


def _lower(value: Any) -> str | None:
    return value.lower() if isinstance(value, str) else value


def _reader(column: Column) -> Callable[[Any], Any]:
    if column.type in (ColumnType.BIGINT, ColumnType.DECIMAL):
        return quantity
    if column.type is ColumnType.DOUBLE:
        return lambda value: None if value is None else float(value)
    if column.joined:
        return _joined
    return _lower if column.lower_case else _text


def batch(
    table: Table, records: Sequence[Record], blocks: Sequence[int], **given: Sequence[Any] | pa.Array
) -> pa.RecordBatch:
    """The records as one batch of ``table``.

    ``blocks``: the block number of each record, for error messages.
    ``given``: columns that are not read from a field of their own, by name.

    Raises:
        InvalidAnswer: naming block, field and value, when a value is missing, malformed or does not fit.
    """
    arrays = []
    for column in table.columns:
        values = given[column.name] if column.name in given else _read(column, records, blocks)
        arrays.append(_array(table, column, values, blocks))
    return pa.RecordBatch.from_arrays(arrays, schema=table.arrow_schema)


def _read(column: Column, records: Sequence[Record], blocks: Sequence[int]) -> list[Any]:
    read, source = _reader(column), column.source or column.name
    try:
        return [read(record.get(source)) for record in records]
    except (ValueError, TypeError, AttributeError):
        for record, block in zip(records, blocks, strict=True):
            try:
                read(record.get(source))
            except (ValueError, TypeError, AttributeError) as error:
                raise InvalidAnswer(_complaint(block, source, record.get(source), "is malformed")) from error
        raise


def _array(table: Table, column: Column, values: Sequence[Any] | pa.Array, blocks: Sequence[int]) -> pa.Array:
    field = table.arrow_schema.field(column.name)
    try:
        array = values if isinstance(values, pa.Array) else pa.array(values, field.type)
    except (pa.ArrowInvalid, OverflowError, pa.ArrowTypeError) as error:
        for value, block in zip(values, blocks, strict=True):
            try:
                pa.array([value], field.type)
            except (pa.ArrowInvalid, OverflowError, pa.ArrowTypeError):
                name = f"{table.name}.{column.name}"
                raise InvalidAnswer(_complaint(block, name, value, f"does not fit {column.type.value}")) from error
        raise
    if array.null_count and not column.nullable:
        block = blocks[array.is_null().index(True).as_py()]
        raise InvalidAnswer(_complaint(block, column.source or column.name, None, f"is missing for {table.name}"))
    return array


def _complaint(block: int, field: str | None, value: Any, problem: str) -> str:
    return (
        f"The node's answer for block {block}: {field} = {str(value)[:100]!r} {problem}. "
        "Nothing of the day was published; compare the block with another node."
    )


def block_batches(blocks: Sequence[Record], report: FieldReport) -> dict[str, pa.RecordBatch]:
    """Batches of blocks, transactions and withdrawals.

    blocks: answers of eth_getBlockByNumber with full transactions, ordered by number.
    """
    numbers = [int(block["number"], 16) for block in blocks]
    stamps = [int(block["timestamp"], 16) for block in blocks]
    days = [day_of(stamp) for stamp in stamps]
    transactions, tx_at = _children(blocks, "transactions")
    withdrawals, withdrawal_at = _children(blocks, "withdrawals")
    for table, records in ((BLOCKS, blocks), (TRANSACTIONS, transactions), (WITHDRAWALS, withdrawals)):
        report.note(table, records)
    withdrawal_blocks = [numbers[at] for at in withdrawal_at]
    return {
        BLOCKS.name: batch(
            BLOCKS,
            blocks,
            numbers,
            transaction_count=[len(block.get("transactions") or ()) for block in blocks],
            withdrawals=[_withdrawals_cell(block.get("withdrawals")) for block in blocks],
            block_date=days,
        ),
        TRANSACTIONS.name: batch(
            TRANSACTIONS,
            transactions,
            [numbers[at] for at in tx_at],
            block_timestamp=[stamps[at] for at in tx_at],
            block_date=[days[at] for at in tx_at],
        ),
        WITHDRAWALS.name: batch(
            WITHDRAWALS,
            withdrawals,
            withdrawal_blocks,
            block_number=withdrawal_blocks,
            block_date=[days[at] for at in withdrawal_at],
        ),
    }


def _children(blocks: Sequence[Record], field: str) -> tuple[list[Record], list[int]]:
    """All items of a list field, and for each the position of its block."""
    pairs = [(item, at) for at, block in enumerate(blocks) for item in block.get(field) or ()]
    return [item for item, _ in pairs], [at for _, at in pairs]


def _withdrawals_cell(withdrawals: Sequence[Record] | None) -> str | None:
    if withdrawals is None:
        return None
    return ",".join(
        json.dumps(
            {
                "index": quantity(item["index"]),
                "validator_index": quantity(item["validatorIndex"]),
                "address": item["address"],
                "amount": quantity(item["amount"]),
            },
            separators=(",", ":"),
        )
        for item in withdrawals
    )


def receipt_batches(
    receipts: Sequence[Record], stamps: Mapping[int, int], report: FieldReport
) -> dict[str, pa.RecordBatch]:
    """Batches of receipts and logs.

    receipts: answers of eth_getBlockReceipts, flattened, in order.
    stamps: block number to block timestamp, for ``block_date``.
    """
    numbers = [int(receipt["blockNumber"], 16) for receipt in receipts]
    logs, log_at = _children(receipts, "logs")
    report.note(RECEIPTS, receipts)
    report.note(LOGS, logs)
    log_blocks = [numbers[at] for at in log_at]
    return {
        RECEIPTS.name: batch(RECEIPTS, receipts, numbers, block_date=[day_of(stamps[number]) for number in numbers]),
        LOGS.name: batch(LOGS, logs, log_blocks, block_date=[day_of(stamps[number]) for number in log_blocks]),
    }
