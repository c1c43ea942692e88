"""SQL of the warehouse, derived from the table declarations. Every statement that all engines share stands here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.tables import Column, ColumnType, Table
from core.windows import DayWindow


@dataclass(frozen=True)
class Dialect:
    """What is an engine's own in the SQL of a warehouse.

    ``types``: as the engine's catalog names them, so that what is there can be compared with what is declared.
    ``longest_text``: the most bytes of a text; see ``stored_columns``. None where there is no such limit.
    ``distributes``: rows are spread over nodes and kept sorted, by the table's keys.
    ``indexed``: days are found by an index, where the engine has no other means.
    ``grantee``: how a role is named in GRANT. ``lock``: keeps other writers of a table off until the commit.
    """

    system: str
    types: Mapping[ColumnType, str]
    longest_text: int | None = None
    distributes: bool = False
    indexed: bool = False
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
    },
)
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
    },
    indexed=True,
    lock="LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE",
)
REDSHIFT = Dialect(
    system="Redshift",
    types={
        **POSTGRES.types,
        ColumnType.UINT256: "character varying(78)",
        ColumnType.TEXT: "character varying(65535)",
    },
    longest_text=65_535,
    distributes=True,
    grantee="ROLE {}",
)


@dataclass(frozen=True)
class Roles:
    """Who may do what in the warehouse, besides the owner of the tables; None for nobody."""

    loader: str | None = None
    dbt: str | None = None
    reader: str | None = None


def stored_columns(table: Table, dialect: Dialect) -> tuple[Column, ...]:
    """The columns the table has in a warehouse: those declared, and lengths of texts that the engine may not hold.

    A text that is too long is null there, and its length is in ``<column>_bytes``; of any other text that is null.
    """
    if dialect.longest_text is None:
        return table.columns
    return (*table.columns, *(length_column(column, dialect) for column in table.columns if column.unbounded))


def length_column(column: Column, dialect: Dialect) -> Column:
    return Column(
        f"{column.name}_bytes",
        ColumnType.BIGINT,
        f"Length of {column.name} where it is over {dialect.longest_text:,} bytes: it is null then, and whole in the "
        "lake.",
        unit="bytes",
    )


def quoted(name: str) -> str:
    """An identifier, quoted: some columns (``index``) are reserved words somewhere."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string literal."""
    return "'" + text.replace("'", "''") + "'"


def column_list(table: Table) -> str:
    return ", ".join(quoted(column.name) for column in table.columns)


def create_schema(schema: str) -> str:
    return f"CREATE SCHEMA IF NOT EXISTS {schema}"


def create_table(table: Table, dialect: Dialect) -> list[str]:
    """DDL of a table that may be there already.

    Columns are nullable but for the table's day: a null where none belongs is the checks' to report, and an
    existing table must keep accepting files of older schema versions.
    """
    columns = ", ".join(
        _defined(column, dialect) + (" NOT NULL" if column.name == table.day_column else "")
        for column in stored_columns(table, dialect)
    )
    statements = [f"CREATE TABLE IF NOT EXISTS {table.address} ({columns}){layout(table, dialect)}"]
    if dialect.indexed:
        for name in (table.day_column, table.sort_key):
            index = quoted(f"{table.name}_{name}")
            statements.append(f"CREATE INDEX IF NOT EXISTS {index} ON {table.address} ({quoted(name)})")
    return statements


def _defined(column: Column, dialect: Dialect) -> str:
    return f"{quoted(column.name)} {dialect.types[column.type]}"


def layout(table: Table, dialect: Dialect) -> str:
    """How the rows lie on the nodes, where the engine lets us say so."""
    if not dialect.distributes:
        return ""
    key = f" DISTKEY ({quoted(table.distribution_key)})" if table.distribution_key else " DISTSTYLE ALL"
    return f"{key} SORTKEY ({quoted(table.sort_key)})"


def create_staging(table: Table, dialect: Dialect) -> str:
    """A table of the session's own with the declared columns, in the order of the lake's files."""
    columns = ", ".join(_defined(column, dialect) for column in table.columns)
    return f"CREATE TEMPORARY TABLE {staging(table)} ({columns}){layout(table, dialect)}"


def staging(table: Table) -> str:
    return f"staged_{table.name}"


def add_column(table: Table, column: Column, dialect: Dialect) -> str:
    return f"ALTER TABLE {table.address} ADD COLUMN {_defined(column, dialect)}"


def table_comment(table: Table) -> str:
    return f"{table.description} Grain: {table.grain}."


def comment_on_table(table: Table) -> str:
    return f"COMMENT ON TABLE {table.address} IS {literal(table_comment(table))}"


def comment_on_column(table: Table, column: Column) -> str:
    return f"COMMENT ON COLUMN {table.address}.{quoted(column.name)} IS {literal(column.comment)}"


def grants(tables: Sequence[Table], roles: Roles, dialect: Dialect) -> list[str]:
    """Statements that give each role what its work takes on the tables of one schema, and no more."""
    schema, statements = tables[0].address.split(".")[0], []
    listed = ", ".join(table.address for table in tables)
    for role, on_schema, on_tables in (
        (roles.loader, "USAGE", "SELECT, INSERT, DELETE"),
        (roles.dbt, "USAGE, CREATE", "SELECT"),
        (roles.reader, "USAGE", "SELECT"),
    ):
        if role:
            grantee = dialect.grantee.format(quoted(role))
            statements.append(f"GRANT {on_schema} ON SCHEMA {schema} TO {grantee}")
            statements.append(f"GRANT {on_tables} ON TABLE {listed} TO {grantee}")
    return statements


def in_window(window: DayWindow) -> str:
    """The condition that picks a window of days."""
    return f"block_date BETWEEN DATE '{window.first}' AND DATE '{window.last}'"


def delete_window(table: Table, window: DayWindow) -> str:
    return f"DELETE FROM {table.address} WHERE {in_window(window)}"


def insert_from(table: Table, source: str) -> str:
    """Insert by column name, all declared columns, from a relation or table function."""
    names = column_list(table)
    return f"INSERT INTO {table.address} ({names}) SELECT {names} FROM {source}"


def select_window(table: Table, window: DayWindow, columns: list[str] | None = None) -> str:
    names = ", ".join(map(quoted, columns)) if columns else column_list(table)
    return f"SELECT {names} FROM {table.address} WHERE {in_window(window)} ORDER BY {quoted(table.sort_key)}"


def count_by_day(table: Table, window: DayWindow) -> str:
    return (
        f"SELECT block_date, count(*) AS row_count FROM {table.address} WHERE {in_window(window)} GROUP BY block_date"
    )


def count_staged(table: Table) -> str:
    return f"SELECT block_date, count(*) AS row_count FROM {staging(table)} GROUP BY block_date"


def catalog_columns(schema: str, name: str) -> str:
    """The columns of a table or view that PostgreSQL's catalog, or Redshift's, lists, with comments."""
    return (
        "SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, "
        "col.description AS comment, tab.description AS table_comment "
        "FROM pg_catalog.pg_attribute AS a "
        "JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid "
        "JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace "
        "LEFT JOIN pg_catalog.pg_description AS col ON col.objoid = c.oid AND col.objsubid = a.attnum "
        "LEFT JOIN pg_catalog.pg_description AS tab ON tab.objoid = c.oid AND tab.objsubid = 0 "
        f"WHERE n.nspname = {literal(schema)} AND c.relname = {literal(name)} "
        "AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
    )


def catalog_schema(schema: str) -> str:
    return f"SELECT 1 AS found FROM pg_catalog.pg_namespace WHERE nspname = {literal(schema)}"
