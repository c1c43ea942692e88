"""What each database has of its own: the names of its types, and what it can do.

One map of types: every ``ColumnType`` has a name in every dialect, written as the database's own catalog writes it, so
that what is there can be compared with what is declared.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa

from core.tables import Column, ColumnType, Table

# DuckDB and Redshift hold 38 digits at most. A number with more before or after the point is refused, never rounded.
NUMBER = pa.decimal128(38, 18)


@dataclass(frozen=True)
class Dialect:
    """One database, as SQL sees it.

    ``longest_text``: the most bytes of a text; see ``stored_columns``. None where there is no such limit.
    ``number``: the widest decimal that a NUMERIC column holds; None where it holds any.
    ``keyed``: the table's key, its required columns, its indexes and its merge rule are the database's to keep.
    ``distributes``: rows are spread over nodes and kept sorted, by the table's keys.
    ``indexed``: days are found by an index, where the engine has no other means.
    ``reads``: what a column is cast to when it is read, where its Arrow type is another one.
    ``bytes_of``: the length of a text in bytes. ``grantee``: how a role is named in GRANT.
    ``lock``: keeps other writers of a table off until the commit.
    """

    system: str
    types: Mapping[ColumnType, str]
    longest_text: int | None = None
    number: pa.Decimal128Type | None = None
    keyed: bool = False
    distributes: bool = False
    indexed: bool = False
    reads: Mapping[ColumnType, str] = field(default_factory=dict)
    bytes_of: str = "octet_length({})"
    grantee: str = "{}"
    lock: str | None = None


DUCKDB = Dialect(
    system="DuckDB",
    types={
        ColumnType.BIGINT: "BIGINT",
        ColumnType.DECIMAL: "DECIMAL(38,0)",
        ColumnType.UINT256: "VARCHAR",
        ColumnType.DOUBLE: "DOUBLE",
        ColumnType.TEXT: "VARCHAR",
        ColumnType.BOOLEAN: "BOOLEAN",
        ColumnType.DATE: "DATE",
        ColumnType.NUMERIC: "DECIMAL(38,18)",
        ColumnType.TIMESTAMP: "TIMESTAMP WITH TIME ZONE",
    },
    number=NUMBER,
    bytes_of="strlen({})",
)
# PostgreSQL as the warehouse of a lake: the lake keeps the keys, and files of older schema versions must fit, so
# columns are nullable and no key is declared.
POSTGRES = Dialect(
    system="PostgreSQL",
    types={
        ColumnType.BIGINT: "bigint",
        ColumnType.DECIMAL: "numeric(38,0)",
        ColumnType.UINT256: "text",
        ColumnType.DOUBLE: "double precision",
        ColumnType.TEXT: "text",
        ColumnType.BOOLEAN: "boolean",
        ColumnType.DATE: "date",
        ColumnType.NUMERIC: "numeric",
        ColumnType.TIMESTAMP: "timestamp with time zone",
    },
    indexed=True,
    lock="LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE",
)
# PostgreSQL as the only home of a room's rows. What differs is a matter of where a table lives, not of the table: the
# same declaration is text in the warehouse, as on DuckDB and Redshift, and a number where SQL has to sum it.
POSTGRES_KEYED = replace(
    POSTGRES,
    types={**POSTGRES.types, ColumnType.UINT256: "numeric(78,0)"},
    keyed=True,
    reads={ColumnType.UINT256: "text"},
)
REDSHIFT = Dialect(
    system="Redshift",
    types={
        **POSTGRES.types,
        ColumnType.UINT256: "character varying(78)",
        ColumnType.TEXT: "character varying(65535)",
        ColumnType.NUMERIC: "numeric(38,18)",
    },
    longest_text=65_535,
    number=NUMBER,
    distributes=True,
    grantee="ROLE {}",
)


def length_column(column: Column, dialect: Dialect) -> Column:
    """The column beside a text that the engine may not hold."""
    return Column(
        f"{column.name}_bytes",
        ColumnType.BIGINT,
        f"Length of {column.name} where it is over {dialect.longest_text:,} bytes: it is null then, and whole in the "
        "lake.",
        unit="bytes",
    )


def lengths(table: Table, dialect: Dialect) -> tuple[Column, ...]:
    """The columns beside texts that the engine may not hold.

    A text that is too long is null there, and its length is in ``<column>_bytes``; of any other text that is null.
    """
    if dialect.longest_text is None:
        return ()
    return tuple(length_column(column, dialect) for column in table.columns if column.unbounded)
