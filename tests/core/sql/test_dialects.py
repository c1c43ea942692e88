"""One map of types: complete in every dialect, and unchanged for the tables that exist."""

import pytest

from assets.ethereum.tables import TABLES as ETHEREUM
from assets.markets.tables import TABLES as MARKETS
from core.sql.dialects import DUCKDB, POSTGRES, POSTGRES_KEYED, REDSHIFT
from core.tables import ColumnType

DIALECTS = (DUCKDB, POSTGRES, POSTGRES_KEYED, REDSHIFT)

# What the tables of the first two rooms have been made with.
MADE_WITH = {
    "duckdb": (DUCKDB, ETHEREUM, {
        "BIGINT": "BIGINT", "DECIMAL": "DECIMAL(38,0)", "UINT256": "VARCHAR", "DOUBLE": "DOUBLE", "TEXT": "VARCHAR",
        "BOOLEAN": "BOOLEAN", "DATE": "DATE",
    }),
    "postgres": (POSTGRES, ETHEREUM, {
        "BIGINT": "bigint", "DECIMAL": "numeric(38,0)", "UINT256": "text", "DOUBLE": "double precision",
        "TEXT": "text", "BOOLEAN": "boolean", "DATE": "date",
    }),
    "redshift": (REDSHIFT, ETHEREUM, {
        "BIGINT": "bigint", "DECIMAL": "numeric(38,0)", "UINT256": "character varying(78)",
        "DOUBLE": "double precision", "TEXT": "character varying(65535)", "BOOLEAN": "boolean", "DATE": "date",
    }),
    "raw": (POSTGRES_KEYED, MARKETS, {
        "BIGINT": "bigint", "DECIMAL": "numeric(38,0)", "UINT256": "numeric(78,0)", "DOUBLE": "double precision",
        "TEXT": "text", "BOOLEAN": "boolean", "DATE": "date", "NUMERIC": "numeric",
        "TIMESTAMP": "timestamp with time zone",
    }),
}  # fmt: skip


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: f"{dialect.system}-{dialect.keyed}")
def test_every_type_has_a_name_in_every_dialect(dialect):
    assert set(dialect.types) == set(ColumnType)


@pytest.mark.parametrize("made", MADE_WITH.values(), ids=MADE_WITH)
def test_existing_columns_keep_their_types(made):
    dialect, tables, names = made
    used = {column.type for table in tables for column in table.columns}
    assert {kind.name for kind in used} <= set(names)
    assert {kind.name: dialect.types[kind] for kind in ColumnType if kind.name in names} == names
