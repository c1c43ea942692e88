"""One declaration per table. Arrow schema, DDL, asset keys and documentation derive from it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Literal

import pyarrow as pa

from core.declared import Declarations
from core.layout import DAYS_OF_A_TABLE, LakeLayout, overlapping
from core.merging import Merge

LARGEST_DECIMAL = 10**38 - 1


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

    ``source``: the field of the source's answer it is read from, if it is read from one.
    ``joined``: the text is a comma-joined list, which a text file's JSON has as a list.
    ``extension``: not part of the text files' schema, so absent from a table that is kept in them.
    ``wider``: the column beside it with the digits of a number that does not fit; this one is null then.
    ``unbounded``: the text may be of any length; a warehouse that holds less of it says so, as its dialect describes.
    ``trust``: a sentence on how its values are known to be true, where the source's word is not all there is.
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
    wider: str | None = None
    trust: str | None = None

    @property
    def comment(self) -> str:
        """The description with the unit and the trust, as shown in the UI and the warehouse."""
        return " ".join(filter(None, (self.description, self.unit and f"Unit: {self.unit}.", self.trust)))

    @cached_property
    def arrow_field(self) -> pa.Field:
        return pa.field(self.name, _ARROW[self.type](), nullable=self.nullable)


_declared: Declarations["Table"] = Declarations("table")


def declared_tables() -> list["Table"]:
    """The tables of every room whose ``tables`` module was imported."""
    return list(_declared)


def table_of_key(key: Sequence[str]) -> "Table":
    """The table that an asset key is the address of; its room's ``tables`` module must have been imported.

    Raises:
        KeyError: when no such table is declared.
    """
    return _declared.of_key(key)


@dataclass(frozen=True)
class Table:
    """One table of a system, the same in the lake and in the warehouse.

    ``key`` identifies a row inside the whole table; ``csv_layout`` is how it is written where its text files are kept.
    ``schema``: the database's schema, where it is not the system's name. ``merge``: the rule of tables that rows are
    merged into; the others are replaced by the day. ``day_column``: the UTC day of a row, if it belongs to one.
    ``distribution_key``: where a warehouse spreads rows over nodes, rows with the same value lie on the same one.
    ``layout``: where it lies in the lake. ``path``: its address in asset keys, where it is not system and name.
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
    day_column: str = "day"
    indexes: tuple[tuple[str, ...], ...] = ()
    layout: LakeLayout = DAYS_OF_A_TABLE
    path: tuple[str, ...] = ()

    def __post_init__(self):
        names = [column.name for column in self.columns]
        repeated = {name for name in names if names.count(name) > 1}
        unknown = {*self.key, self.sort_key, self.distribution_key or self.sort_key} - set(names)
        if repeated or unknown:
            raise ValueError(f"table {self.name}: repeated columns {repeated}, unknown key columns {unknown}")
        for other in _declared:
            if other.asset_path != self.asset_path and (shared := overlapping(self.lake.roots, other.lake.roots)):
                raise ValueError(f"table {self.address}: its folder {shared[0][0]} is {other.address}'s {shared[0][1]}")
        _declared.add(self)

    @property
    def asset_path(self) -> tuple[str, ...]:
        """The table's address in asset keys, without the layer's name."""
        return self.path or (self.system, self.name)

    @cached_property
    def lake(self) -> LakeLayout:
        """Where its objects lie in the lake."""
        return self.layout.of(self.system, self.name)

    @property
    def lake_key(self) -> list[str]:
        return ["lake", *self.asset_path]

    @property
    def warehouse_key(self) -> list[str]:
        return ["warehouse", *self.asset_path]

    @property
    def raw_key(self) -> list[str]:
        """The asset key of a table that a source's rows are merged into."""
        return ["raw", *self.asset_path]

    @property
    def address(self) -> str:
        """``schema.table`` in the warehouse."""
        return f"{self.schema or self.system}.{self.name}"

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        return pa.schema([column.arrow_field for column in self.columns])

    @cached_property
    def contract(self) -> tuple[Column, ...]:
        """The columns of its text files, in their order."""
        return tuple(column for column in self.columns if not column.extension)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)
