"""SQL of the warehouse, derived from the table declarations. Every statement of a load stands here."""

from collections.abc import Mapping

from core.tables import ColumnType, Table
from core.windows import DayWindow

DUCKDB_TYPES: Mapping[ColumnType, str] = {
    ColumnType.BIGINT: "BIGINT",
    ColumnType.DECIMAL: "DECIMAL(38,0)",
    ColumnType.UINT256: "VARCHAR",
    ColumnType.DOUBLE: "DOUBLE",
    ColumnType.TEXT: "VARCHAR",
    ColumnType.BOOLEAN: "BOOLEAN",
    ColumnType.DATE: "DATE",
}


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


def create_table(table: Table, types: Mapping[ColumnType, str]) -> str:
    """DDL of a table that may be there already.

    Columns are nullable but for the table's day: a null where none belongs is the checks' to report, and an
    existing table must keep accepting files of older schema versions.
    """
    columns = ", ".join(
        f"{quoted(column.name)} {types[column.type]}{' NOT NULL' if column.type is ColumnType.DATE else ''}"
        for column in table.columns
    )
    return f"CREATE TABLE IF NOT EXISTS {table.address} ({columns})"


def add_column(table: Table, name: str, types: Mapping[ColumnType, str]) -> str:
    return f"ALTER TABLE {table.address} ADD COLUMN {quoted(name)} {types[table.column(name).type]}"


def comments(table: Table) -> list[str]:
    """Statements that document the table and its columns."""
    return [f"COMMENT ON TABLE {table.address} IS {literal(f'{table.description} Grain: {table.grain}.')}"] + [
        f"COMMENT ON COLUMN {table.address}.{quoted(column.name)} IS {literal(column.comment)}"
        for column in table.columns
    ]


def in_window(window: DayWindow) -> str:
    """The condition that picks a window of days."""
    return f"block_date BETWEEN DATE '{window.first}' AND DATE '{window.last}'"


def delete_window(table: Table, window: DayWindow) -> str:
    return f"DELETE FROM {table.address} WHERE {in_window(window)}"


def insert_from(table: Table, source: str) -> str:
    """Insert by column name from a relation or table function."""
    names = column_list(table)
    return f"INSERT INTO {table.address} ({names}) SELECT {names} FROM {source}"


def select_window(table: Table, window: DayWindow, columns: list[str] | None = None) -> str:
    names = ", ".join(map(quoted, columns)) if columns else column_list(table)
    return f"SELECT {names} FROM {table.address} WHERE {in_window(window)} ORDER BY {quoted(table.sort_key)}"


def count_by_day(table: Table, window: DayWindow) -> str:
    return (
        f"SELECT block_date, count(*) AS row_count FROM {table.address} WHERE {in_window(window)} GROUP BY block_date"
    )
