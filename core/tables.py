"""One declaration per table. Arrow schema, DDL, asset keys and documentation derive from it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Literal

import pyarrow as pa

from core.merging import Merge


class ColumnType(Enum):
    """What a column holds, independent of any engine."""

    BIGINT = "BIGINT"
    DECIMAL = "DECIMAL(38,0)"
    UINT256 = "UINT256"  # decimal text: up to 78 digits, wider than any engine's number
    DOUBLE = "DOUBLE"
    TEXT = "TEXT"
    BOOLEAN = "BOOLEAN"
    DATE = "DATE"
    NUMERIC = "NUMERIC"  # exact, any size: prices, amounts of any unit
    TIMESTAMP = "TIMESTAMPTZ"


_ARROW: dict[ColumnType, Callable[[], pa.DataType]] = {
    ColumnType.BIGINT: pa.int64,
    ColumnType.DECIMAL: lambda: pa.decimal128(38, 0),
    ColumnType.UINT256: pa.string,
    ColumnType.DOUBLE: pa.float64,
    ColumnType.TEXT: pa.string,
    ColumnType.BOOLEAN: pa.bool_,
    ColumnType.DATE: pa.date32,
    ColumnType.NUMERIC: lambda: pa.decimal256(76, 30),
    ColumnType.TIMESTAMP: lambda: pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True)
class Column:
    """One column.

    ``source``: the field of the node's answer it is read from, if it is read from one.
    ``joined``: the text is a comma-joined list, as ethereum-etl writes lists into one cell.
    ``extension``: not part of ethereum-etl's schema, so absent from the csv lake.
    ``unbounded``: the text may be of any length; a warehouse that holds less of it says so, as its dialect describes.
    """

    name: str
    type: ColumnType
    description: str
    nullable: bool = True
    unit: str | None = None
    source: str | None = None
    lower_case: bool = False
    joined: bool = False
    extension: bool = False
    unbounded: bool = False

    @property
    def comment(self) -> str:
        """The description with the unit, as shown in the UI and the warehouse."""
        return f"{self.description} Unit: {self.unit}." if self.unit else self.description

    @cached_property
    def arrow_field(self) -> pa.Field:
        return pa.field(self.name, _ARROW[self.type](), nullable=self.nullable)


_declared: dict[tuple[str, str], "Table"] = {}


def declared(system: str, name: str) -> "Table":
    """The table of that address; its room's ``tables`` module must have been imported.

    Raises:
        KeyError: when no such table is declared.
    """
    return _declared[system, name]


@dataclass(frozen=True)
class Table:
    """One table of a system, the same in the lake and in the warehouse.

    ``key`` identifies a row inside the whole table; ``csv_layout`` is what the old system wrote.
    ``schema``: the database's schema, where it is not the system's name. ``merge``: the rule of tables that rows are
    merged into; the others are replaced by the day. ``day_column``: the UTC day of a row, if it belongs to one.
    ``distribution_key``: where a warehouse spreads rows over nodes, rows with the same value lie on the same one.
    """

    system: str
    name: str
    grain: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    sort_key: str
    distribution_key: str | None = None
    csv_layout: Literal["csv", "json", "txt"] = "csv"
    schema_version: int = 1
    schema: str | None = None
    merge: Merge | None = None
    day_column: str = "block_date"
    indexes: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self):
        names = [column.name for column in self.columns]
        repeated = {name for name in names if names.count(name) > 1}
        unknown = {*self.key, self.sort_key, self.distribution_key or self.sort_key} - set(names)
        if repeated or unknown:
            raise ValueError(f"table {self.name}: repeated columns {repeated}, unknown key columns {unknown}")
        if _declared.setdefault((self.system, self.name), self) != self:
            raise ValueError(f"table {self.address} is declared twice")

    @property
    def lake_key(self) -> list[str]:
        return ["lake", self.system, self.name]

    @property
    def warehouse_key(self) -> list[str]:
        return ["warehouse", self.system, self.name]

    @property
    def raw_key(self) -> list[str]:
        """The asset key of a table that a source's rows are merged into."""
        return ["raw", self.system, self.name]

    @property
    def address(self) -> str:
        """``schema.table`` in the warehouse."""
        return f"{self.schema or self.system}.{self.name}"

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        return pa.schema([column.arrow_field for column in self.columns])

    @cached_property
    def contract(self) -> tuple[Column, ...]:
        """The columns of ethereum-etl's own files, in their order."""
        return tuple(column for column in self.columns if not column.extension)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)
