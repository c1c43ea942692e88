"""Answers of the node to rows. Pure: Arrow arrays of the node's fields in, Arrow batches of the tables out.

A column with a ``source`` is read from that field: quantities from hex to exact integers, lists to one comma-joined
cell, structures to JSON text. Nothing is narrowed: a value that does not fit is an error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.ethereum.tables import BLOCKS, LOGS, RECEIPTS, TRANSACTIONS, WITHDRAWALS
from assets.ethereum.transform.answers import STRUCTURES
from core.columns import array, quantities
from core.errors import InvalidAnswer
from core.spool import RowSpan
from core.tables import Column, ColumnType, Table
from core.windows import dates_of
from resources.clients.ethereum.refusals import Kind, Refusal
from resources.clients.ethereum.shapes import BlockRef

NUMBERS = (ColumnType.BIGINT, ColumnType.DECIMAL)
Ends = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class BlockRows:
    """What one block, or its receipts, contributes to the tables, by table name."""

    number: int
    hash: str
    parent_hash: str
    timestamp: int
    tables: dict[str, RowSpan]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of several blocks, by table name.

    heads: number, hash, parent hash and timestamp of each block. ends: for each table where the rows of each block
    end, with a 0 before.
    """

    heads: list[tuple[int, str, str, int]]
    tables: dict[str, pa.RecordBatch]
    ends: dict[str, Ends]

    def blocks(self) -> list[BlockRows]:
        """The rows, block by block."""
        ends = {name: each.tolist() for name, each in self.ends.items()}
        return [
            BlockRows(*head, {name: RowSpan(rows, *ends[name][at : at + 2]) for name, rows in self.tables.items()})
            for at, head in enumerate(self.heads)
        ]

    def span(self, table: Table, at: int) -> slice:
        """Where the rows of the block at a position stand in a table."""
        start, end = self.ends[table.name][at : at + 2]
        return slice(int(start), int(end))


def ends_of(lengths: Any) -> Ends:
    """Where each of several lists ends when they stand one after the other; 0 goes before."""
    return np.concatenate(([0], np.cumsum(np.asarray(lengths, np.int64))))


def block_rows(blocks: pa.StructArray) -> Rows:
    """Rows of blocks, transactions and withdrawals.

    Raises:
        Refusal: when a value is not of its kind.
        InvalidAnswer: naming block, column and value, when one is missing or does not fit.
    """
    transactions, withdrawals = (pc.list_flatten(blocks.field(name)) for name in ("transactions", "withdrawals"))
    many = pc.list_value_length(blocks.field("transactions")).to_numpy()
    withdrawn = pc.list_value_length(blocks.field("withdrawals")).fill_null(0).to_numpy()
    numbers, stamps = (_read(BLOCKS, BLOCKS.column(name), blocks, None) for name in ("number", "timestamp"))
    if numbers.null_count or stamps.null_count:
        raise Refusal(Kind.BROKEN, "a block came without its number or timestamp")
    place = {"block_number": numbers, "block_date": dates_of(stamps)}
    inside = place | {"block_hash": blocks.field("hash"), "block_timestamp": stamps}
    own = {
        "number": numbers,
        "timestamp": stamps,
        "block_date": place["block_date"],
        "transaction_count": pa.array(many, pa.int64()),
    }
    withdrawal_rows = _rows(WITHDRAWALS, withdrawals, _repeated(place, withdrawn))
    own["withdrawals"] = _withdrawal_cells(blocks.field("withdrawals"), withdrawals, withdrawal_rows)
    transaction_rows = _rows(TRANSACTIONS, transactions, _repeated(inside, many))
    _same("transactions of another block came with block", transactions.field("blockHash"), transaction_rows)
    heads = (numbers, blocks.field("hash"), blocks.field("parentHash"), stamps)
    return Rows(
        list(zip(*(column.to_pylist() for column in heads), strict=True)),
        {
            BLOCKS.name: _copied(_rows(BLOCKS, blocks, own)),
            TRANSACTIONS.name: transaction_rows,
            WITHDRAWALS.name: _copied(withdrawal_rows),
        },
        {
            BLOCKS.name: np.arange(len(blocks) + 1),
            TRANSACTIONS.name: ends_of(many),
            WITHDRAWALS.name: ends_of(withdrawn),
        },
    )


def receipt_rows(receipts: pa.ListArray, refs: Sequence[BlockRef]) -> Rows:
    """Rows of receipts and logs, in transaction order, of those very blocks.

    A log's place is its receipt's: a log that claims another one is refused.

    Raises:
        Refusal: when a value is not of its kind.
        InvalidAnswer: naming block, column and value, when one is missing or does not fit.
    """
    many = pc.list_value_length(receipts).to_numpy()
    items = pc.list_flatten(receipts)
    logs = pc.list_flatten(items.field("logs"))
    emitted = pc.list_value_length(items.field("logs")).to_numpy()
    place = {
        "block_hash": pa.array([ref.hash for ref in refs]),
        "block_number": pa.array([ref.number for ref in refs]),
        "block_date": dates_of(pa.array([ref.timestamp for ref in refs])),
    }
    rows = _rows(RECEIPTS, items, _repeated(place, many))
    inherited = ("transaction_hash", "transaction_index", *place)
    log_rows = _rows(LOGS, logs, _repeated({name: rows.column(name) for name in inherited}, emitted))
    if logs.field("topics").null_count:
        raise Refusal(Kind.BROKEN, f"a log of blocks {refs[0].number} to {refs[-1].number} has no list of topics")
    _same(
        "a log stands in another transaction's receipt in block",
        logs.field("transactionHash"),
        log_rows,
        "transaction_hash",
    )
    ends, heads = ends_of(many), [(ref.number, ref.hash, "", ref.timestamp) for ref in refs]
    return Rows(
        heads,
        {RECEIPTS.name: _copied(rows), LOGS.name: log_rows},
        {RECEIPTS.name: ends, LOGS.name: ends_of(emitted)[ends]},
    )


def first_other(stated: pa.Array, expected: pa.Array) -> int | None:
    """Where the first value stands that is missing or not as expected; None when there is none."""
    if stated.equals(expected):
        return None
    return int(pc.index(pc.fill_null(pc.equal(stated, expected), False), False).as_py())


def _same(problem: str, stated: pa.Array, rows: pa.RecordBatch, column: str = "block_hash") -> None:
    """Refuse items that say of themselves that they belong elsewhere."""
    if (at := first_other(stated, rows.column(column))) is not None:
        raise Refusal(Kind.BROKEN, f"{problem} {rows.column('block_number')[at]}")


def _repeated(values: Mapping[str, pa.Array], counts: Any) -> dict[str, pa.Array]:
    """Each value as often as its count says."""
    rows = pa.array(np.repeat(np.arange(len(counts)), counts))
    return {name: column.take(rows) for name, column in values.items()}


def _rows(table: Table, items: pa.StructArray, given: Mapping[str, pa.Array]) -> pa.RecordBatch:
    """The items as rows. given: columns that are not read from a field of their own, or known already."""
    arrays, heights = [], given.get("block_number", given.get("number"))
    for column in table.columns:
        values = given.get(column.name)
        if values is None:
            values = _read(table, column, items, heights)
        if values.null_count and not column.nullable:
            raise InvalidAnswer(_missing(table, column, values, heights))
        arrays.append(values)
    return pa.RecordBatch.from_arrays(arrays, schema=table.arrow_schema)


def _read(table: Table, column: Column, items: pa.StructArray, heights: pa.Array | None) -> pa.Array:
    texts = items.field(column.source)
    try:
        if column.type in NUMBERS:
            return quantities(column, texts)
        if column.type is ColumnType.DOUBLE:
            return pc.cast(texts, pa.float64())
    except (ValueError, pa.ArrowInvalid):
        heights = quantities(column, texts) if heights is None else heights
        raise _unreadable(table, column, texts, heights) from None
    if column.joined:
        return pc.binary_join(texts, ",")
    if column.source in STRUCTURES:
        return _as_json(texts, column.source)
    return pc.ascii_lower(texts) if column.lower_case else texts


def _as_json(lists: pa.ListArray, source: str) -> pa.StringArray:
    """Structures as JSON text, their keys sorted: clients order the keys of an object as they like."""
    objects = _objects(pc.list_flatten(lists))
    if objects.null_count:
        raise Refusal(Kind.BROKEN, f"an entry of {source} lacks a field")
    return pc.binary_join_element_wise("[", _joined(lists, objects), "]", "")


def _joined(lists: pa.ListArray, texts: pa.StringArray) -> pa.StringArray:
    """A text for each list's item as one cell for each list, comma-joined; null where there is no list."""
    ends = ends_of(pc.list_value_length(lists).fill_null(0).to_numpy()).astype(np.int32)
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(ends), texts, mask=lists.is_null()), ",")


def _objects(entries: pa.StructArray) -> pa.StringArray:
    """Structures of texts and lists of texts as JSON objects, joined by the column; null where a field is missing."""
    pieces: list[Any] = []
    for name in sorted(field.name for field in entries.type):
        values, before, after = entries.field(name), '"', '"'
        if pa.types.is_list(values.type):
            quoted = pc.binary_join_element_wise('"', pc.binary_join(values, '","'), '"', "")
            values = pc.if_else(pc.greater(pc.list_value_length(values), 0), quoted, "")
            before, after = "[", "]"
        pieces += [f'{"," if pieces else "{"}"{name}":{before}', values, after]
    return pc.binary_join_element_wise(*pieces, "}", "")


def _copied(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Few rows that wait long until there are enough to be written: as parts of the answers they would keep these."""
    return rows.take(pa.array(np.arange(rows.num_rows)))


def _withdrawal_cells(lists: pa.ListArray, items: pa.StructArray, rows: pa.RecordBatch) -> pa.StringArray:
    """Each block's withdrawals as ethereum-etl writes them into one cell: JSON objects, comma-joined."""
    index, validator, amount = (rows.column(name).cast(pa.string()) for name in ("index", "validator_index", "amount"))
    numbers = ('{"index":', index, ',"validator_index":', validator)
    others = (',"address":"', items.field("address"), '","amount":', amount)
    return _joined(lists, pc.binary_join_element_wise(*numbers, *others, "}", ""))


def _unreadable(table: Table, column: Column, texts: pa.StringArray, heights: pa.Array) -> Exception:
    """What is wrong with the first value that its column refuses."""
    for text, block in zip(texts.to_pylist(), heights.to_pylist(), strict=True):
        single = pa.array([text], pa.string())
        try:
            _ = quantities(column, single) if column.type in NUMBERS else pc.cast(single, pa.float64())
        except (ValueError, pa.ArrowInvalid):
            try:
                value = int(text, 16)
            except ValueError:
                told = f"{column.source} of a row of {table.name} of block {block}: {text[:100]!r} is no number"
                return Refusal(Kind.BROKEN, told)
            return InvalidAnswer(_complaint(table, column, block, value, f"does not fit {column.type.value}"))
    raise AssertionError("unreachable: some value of the column was refused")


def _missing(table: Table, column: Column, values: pa.Array, heights: pa.Array) -> str:
    at = pc.index(values.is_null(), True).as_py()
    return _complaint(table, column, heights[at].as_py(), None, "is missing")


def _complaint(table: Table, column: Column, block: int, value: Any, problem: str) -> str:
    return (
        f"The node's answer for block {block}: {table.name}.{column.name} = {str(value)[:100]!r} {problem}. "
        "Nothing of the day was published; compare the block with another node."
    )


def batch(table: Table, columns: Mapping[str, Sequence[Any]]) -> pa.RecordBatch:
    """Lists of values as one batch of ``table``.

    Raises:
        InvalidAnswer: naming block, column and value, when a value is missing or does not fit.
    """
    arrays = []
    for column in table.columns:
        try:
            arrays.append(array(column, columns[column.name]))
        except ValueError as error:
            raise InvalidAnswer(_listed_complaint(table, column, columns)) from error
    return pa.RecordBatch.from_arrays(arrays, schema=table.arrow_schema)


def _listed_complaint(table: Table, column: Column, columns: Mapping[str, Sequence[Any]]) -> str:
    """What is wrong with the first value of a column that its type refuses."""
    heights = columns[next(name for name in ("number", "block_number", "start_block") if name in columns)]
    for value, block in zip(columns[column.name], heights, strict=True):
        try:
            array(column, [value])
        except ValueError:
            problem = "is missing" if value is None else f"does not fit {column.type.value}"
            return _complaint(table, column, block, value, problem)
    raise AssertionError("unreachable: some value of the column was refused")
