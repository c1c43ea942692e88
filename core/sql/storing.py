"""Rows as the databases store them: Arrow in, Arrow out.

**NUL characters.** PostgreSQL's text holds every character but U+0000, which JSON and EVM strings may contain. Tables
and values are the same on every database, so the rule is the same everywhere and stands here alone: NUL characters are
taken out of texts before they are stored. The lake keeps them.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from core.errors import LoadRejected
from core.sql.dialects import Dialect
from core.tables import ColumnType, Table

NUL = "\0"


def without_nul(value: Any) -> Any:
    """A value as it is stored."""
    return value.replace(NUL, "") if isinstance(value, str) and NUL in value else value


def without_nul_sql(expression: str) -> str:
    """The same of a text inside DuckDB; most texts are only looked through, not written again."""
    return f"CASE WHEN contains({expression}, chr(0)) THEN replace({expression}, chr(0), '') ELSE {expression} END"


def has_nul(column: pa.ChunkedArray | pa.Array) -> bool:
    """Whether any text of a column holds a NUL character."""
    return pc.any(pc.match_substring(column, NUL)).as_py() or False


def stored(batches: Iterable[pa.RecordBatch], table: Table, dialect: Dialect) -> Iterator[pa.RecordBatch]:
    """Batches of the table's columns as the database stores them.

    Raises:
        LoadRejected: when a number has more digits than its column holds.
    """
    for batch in batches:
        arrays, fields = [], []
        for field, array in zip(batch.schema, batch.columns, strict=True):
            kind, changed = table.column(field.name).type, array
            if kind is ColumnType.TEXT and has_nul(array):
                changed = pc.replace_substring(array, NUL, "")
            elif kind is ColumnType.NUMERIC and dialect.number:
                changed = _narrowed(array, table, field.name, dialect)
            arrays.append(changed)
            fields.append(field.with_type(changed.type))
        yield pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _narrowed(array: pa.Array, table: Table, name: str, dialect: Dialect) -> pa.Array:
    try:
        return array.cast(dialect.number)
    except pa.ArrowInvalid as error:
        raise LoadRejected(
            f"{dialect.system}: {table.address}.{name} holds {dialect.types[ColumnType.NUMERIC]}, and a number has "
            f"more digits: {error}. The table is unchanged; declare a column of another type, or mend the rows."
        ) from error


def is_narrowed(table: Table, dialect: Dialect) -> bool:
    """Whether the database cannot read the lake's own files of the table, for numbers wider than it knows."""
    return dialect.number is not None and any(column.type is ColumnType.NUMERIC for column in table.columns)


# PostgreSQL's and Redshift's names of types, as what a column of a mart or of somebody's own table becomes.
_ARROW = {
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp without time zone": pa.timestamp("us"),
    "timestamp with time zone": pa.timestamp("us", tz="UTC"),
    "numeric": pa.decimal256(76, 30),
}


def arrow_type(type_: str) -> pa.DataType | None:
    """The Arrow type of a column that the catalog calls so; None for what is read as text."""
    if found := re.fullmatch(r"numeric\((\d+),(-?\d+)\)", type_):
        precision, scale = map(int, found.groups())
        if precision <= 38:
            return pa.decimal128(precision, scale)
        return pa.decimal256(precision, scale) if precision <= 76 else None
    return _ARROW.get(type_)
