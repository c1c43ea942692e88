"""What a table's columns hold, as the database works it out: exact, since digits are summed in parts."""

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from core.contents import Contents, has_total
from core.sql.dialects import Dialect, length_column
from core.sql.names import quoted
from core.sql.replacing import Slice, in_slice
from core.sql.storing import stored
from core.tables import Column, ColumnType, Table

# Digits of a number, and of each part that is summed alone: 26 digits leave room for 10^12 rows.
_DIGITS, _PART = 78, 26
_LONG = (ColumnType.DECIMAL, ColumnType.UINT256)


def contents_of(batches: Iterable[pa.RecordBatch], table: Table, dialect: Dialect) -> Contents:
    """The figures of rows as the database stores them."""
    found = Contents()
    for batch in stored(batches, table, dialect):
        found.add(batch, table)
    return found


def select_contents(table: Table, rows: Slice, dialect: Dialect) -> str:
    """For each day of the slice that has rows, its figures, in columns that ``contents_in`` reads."""
    day = quoted(table.day_column)
    figures = ['count(*) AS "rows"']
    for at, column in enumerate(table.columns):
        for kind, expression in _expressions(column, dialect).items():
            figures.append(f"{expression} AS {kind}_{at}")
    return (
        f'SELECT {day} AS "day", {", ".join(figures)} FROM {table.address} WHERE {in_slice(table, rows)} GROUP BY {day}'
    )


def _expressions(column: Column, dialect: Dialect) -> dict[str, str]:
    name = quoted(column.name)
    if column.type is ColumnType.TEXT and column.unbounded and dialect.longest_text is not None:
        length = quoted(length_column(column, dialect).name)
        size = f"coalesce({dialect.bytes_of.format(name)}, {length})"
        return {"present": f"count({size})", "total": f"sum({size})"}
    found = {"present": f"count({name})"}
    if column.type in _LONG:
        return found | _long_sum(column, name)
    if column.type is ColumnType.TEXT:
        found["total"] = f"sum({dialect.bytes_of.format(name)})"
    elif column.type is ColumnType.BOOLEAN:
        found["total"] = f"sum(CASE WHEN {name} THEN 1 ELSE 0 END)"
    elif column.type is ColumnType.BIGINT:
        found["total"] = f"sum(CAST({name} AS decimal(38, 0)))"
    return found


def _long_sum(column: Column, name: str) -> dict[str, str]:
    """Sums of the high, middle and low digits."""
    text = f"CAST({name} AS varchar({_DIGITS + 2}))"
    minus = ""
    if column.type is ColumnType.DECIMAL:
        text, minus = f"replace({text}, '-', '')", f"CASE WHEN {name} < 0 THEN -1 ELSE 1 END * "
    digits = f"lpad({text}, {_DIGITS}, '0')"
    parts = {"high": 1, "middle": 1 + _PART, "low": 1 + 2 * _PART}
    return {
        kind: f"sum({minus}CAST(substring({digits}, {start}, {_PART}) AS decimal(38, 0)))"
        for kind, start in parts.items()
    }


def contents_in(table: Table, row: Mapping[str, Any]) -> Contents:
    """The figures of a row of ``select_contents``."""
    found = Contents(int(row["rows"]))
    for at, column in enumerate(table.columns):
        found.present[column.name] = int(row[f"present_{at}"])
        if column.type in _LONG:
            high, middle, low = (int(row[f"{kind}_{at}"] or 0) for kind in ("high", "middle", "low"))
            found.totals[column.name] = str(high * 10 ** (2 * _PART) + middle * 10**_PART + low)
        elif has_total(column):
            found.totals[column.name] = str(int(row[f"total_{at}"] or 0))
    return found
