"""What a table's columns hold, as exact figures that the lake and every database work out alike.

Of each column: how many values are present, and a total. Of numbers it is their sum, of texts their bytes, of truth
values how many are true; other types have none.
"""

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from core.tables import Column, ColumnType, Table

_DECIMAL, _WIDEST = pa.decimal128(38, 0), pa.decimal256(76, 0)
# More columns than a table has, more digits than 10^18 numbers of 78 digits add up to.
MOST_COLUMNS = 1_000
Name = Annotated[str, msgspec.Meta(max_length=256)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Digits = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]{1,96}\Z")]


class Contents(msgspec.Struct):
    """The figures of some rows, by column. ``totals`` are digits: JSON's readers disagree about long numbers."""

    rows: Count = 0
    present: Annotated[dict[Name, Count], msgspec.Meta(max_length=MOST_COLUMNS)] = {}
    totals: Annotated[dict[Name, Digits], msgspec.Meta(max_length=MOST_COLUMNS)] = {}

    def add(self, rows: pa.Table | pa.RecordBatch, table: Table) -> None:
        """Count some more rows of the table."""
        self.rows += rows.num_rows
        for column in table.columns:
            values = rows.column(column.name)
            self.present[column.name] = self.present.get(column.name, 0) + len(values) - values.null_count
            if has_total(column):
                total = int(self.totals.get(column.name, "0")) + _total(column, values)
                self.totals[column.name] = str(total)

    def plus(self, other: "Contents") -> "Contents":
        """Both together."""
        present = {name: count + self.present.get(name, 0) for name, count in other.present.items()}
        totals = {name: str(int(total) + int(self.totals.get(name, "0"))) for name, total in other.totals.items()}
        return Contents(self.rows + other.rows, self.present | present, self.totals | totals)

    def differences(self, other: "Contents") -> Iterator[str]:
        """What the other has instead, column by column."""
        if self.rows != other.rows:
            yield f"{self.rows:,} rows instead of {other.rows:,}"
        for name, count in other.present.items():
            if self.present.get(name, 0) != count:
                yield f"{name} has {self.present.get(name, 0):,} values instead of {count:,}"
        for name, total in other.totals.items():
            if self.totals.get(name, "0") != total:
                yield f"{name} adds up to {self.totals.get(name, '0')} instead of {total}"


def has_total(column: Column) -> bool:
    """Whether a column has a total beside the count of its values."""
    kinds = ColumnType.DECIMAL, ColumnType.UINT256, ColumnType.BIGINT, ColumnType.TEXT, ColumnType.BOOLEAN
    return column.type in kinds


def _total(column: Column, values: Any) -> int:
    if column.type is ColumnType.UINT256:
        longest = pc.max(pc.binary_length(values)).as_py() or 0
        if longest <= _DECIMAL.precision:
            return _sum(values.cast(_DECIMAL).cast(_WIDEST))
        return sum(int(text) for text in values.to_pylist() if text is not None)
    if column.type is ColumnType.TEXT:
        return _sum(pc.binary_length(values))
    if column.type is ColumnType.BIGINT:
        ends = pc.min_max(values).as_py()
        if max(abs(ends["min"] or 0), abs(ends["max"] or 0)) * len(values) < 2**63:
            return _sum(values)
    # As they are, sums of so large numbers would wrap around.
    return _sum(values if column.type is ColumnType.BOOLEAN else values.cast(_WIDEST))


def _sum(values: Any) -> int:
    return int(pc.sum(values).as_py() or 0)
