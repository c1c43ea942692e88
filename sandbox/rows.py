"""Made-up rows of a declared table: a test names the values it is about, and the rest is filled."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from core.tables import Column, ColumnType, Table

DAY = date(2024, 1, 2)
_MIDNIGHT = datetime(2024, 1, 2, tzinfo=UTC)

_VALUES: dict[ColumnType, Callable[[Column, int], Any]] = {
    ColumnType.BIGINT: lambda _, row: row,
    ColumnType.DECIMAL: lambda _, row: Decimal(row),
    ColumnType.UINT256: lambda _, row: str(row),
    ColumnType.DOUBLE: lambda _, row: float(row),
    ColumnType.TEXT: lambda column, row: f"{column.name} {row}",
    ColumnType.BOOLEAN: lambda _, row: row % 2 == 0,
    ColumnType.DATE: lambda _, row: DAY,
    ColumnType.NUMERIC: lambda _, row: Decimal(row),
    ColumnType.TIMESTAMP: lambda _, row: _MIDNIGHT + timedelta(seconds=row),
}


def fake_rows(table: Table, count: int, **columns: Any) -> pa.Table:
    """Rows in the table's schema, no two with the same key unless told so.

    columns: the values of some columns, a list of ``count`` or one value for all. The others hold the number of the
    row, from 0, as their type has it: 3, 3.0, "name 3", the fourth second of 2024-01-02. Every date is 2024-01-02.

    Raises:
        ValueError: when a column is not the table's, a list has another length, or a value does not fit its column.
    """
    if strangers := sorted(set(columns) - set(table.arrow_schema.names)):
        raise ValueError(f"{table.address} has no column {', '.join(strangers)}")
    return pa.table([_array(column, count, columns) for column in table.columns], schema=table.arrow_schema)


def _array(column: Column, count: int, given: dict[str, Any]) -> pa.Array:
    value = given.get(column.name)
    if column.name not in given:
        values = [_VALUES[column.type](column, row) for row in range(count)]
    else:
        values = value if isinstance(value, list) else [value] * count
    if len(values) != count:
        raise ValueError(f"{column.name}: {len(values)} values for {count} rows")
    if not column.nullable and None in values:
        raise ValueError(f"{column.name} may not be null")
    try:
        return pa.array(values, column.arrow_field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, TypeError) as error:
        raise ValueError(f"{column.name}: {error}") from error
