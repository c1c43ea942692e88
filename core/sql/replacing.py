"""Replacing days: the rows of a window of days, of one partition where a table has more than days, become others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.errors import LoadRejected
from core.sql.dialects import DUCKDB, Dialect
from core.sql.names import listed, literal, quoted, quoted_address
from core.sql.storing import NUL, without_nul_sql
from core.tables import ColumnType, Table
from core.windows import DayWindow

# Of a table that is partitioned by more than days: column to value, as text.
Part = Mapping[str, str]


@dataclass(frozen=True)
class Slice:
    """The rows of a window of days; of one part of the table, if one is named."""

    window: DayWindow
    part: Part = field(default_factory=dict)

    def __str__(self) -> str:
        of = ", ".join(f"{name} {value}" for name, value in self.part.items())
        return f"{self.window} of {of}" if of else str(self.window)


def in_window(day_column: str, window: DayWindow) -> str:
    """The condition that picks a window of days."""
    return f"{quoted(day_column)} BETWEEN DATE '{window.first}' AND DATE '{window.last}'"


def in_part(part: Part) -> str:
    """The condition that picks one part of a table.

    Raises:
        LoadRejected: when a value has a backslash, which some databases take for the beginning of an escape.
    """
    for name, value in part.items():
        if "\\" in value or NUL in value:
            raise LoadRejected(
                f"The partition {name} {value!r} has a backslash or a NUL character. Give it a name without them."
            )
    return " AND ".join(f"{quoted(name)} = {literal(value)}" for name, value in part.items())


def in_slice(table: Table, rows: Slice) -> str:
    """The condition that picks the rows."""
    days = in_window(table.day_column, rows.window)
    return f"{days} AND {in_part(rows.part)}" if rows.part else days


def delete_slice(table: Table, rows: Slice) -> str:
    return f"DELETE FROM {table.address} WHERE {in_slice(table, rows)}"


def insert_from(table: Table, source: str, dialect: Dialect) -> str:
    """Insert by column name, all declared columns, from a relation or table function."""
    names = table.arrow_schema.names
    values = [
        # The other databases are given their texts without NUL; DuckDB reads the lake's files itself.
        without_nul_sql(quoted(column.name))
        if dialect is DUCKDB and column.type is ColumnType.TEXT
        else quoted(column.name)
        for column in table.columns
    ]
    return f"INSERT INTO {table.address} ({listed(names)}) SELECT {', '.join(values)} FROM {source}"


def count_staged(table: Table, source: str, part: Part) -> str:
    """For each day of the rows on their way: how many there are, and how many of them are of other parts."""
    others = f"sum(CASE WHEN {in_part(part)} THEN 0 ELSE 1 END)" if part else "0"
    day = quoted(table.day_column)
    return f'SELECT {day} AS "day", count(*) AS row_count, {others} AS strangers FROM {source} GROUP BY {day}'


def count_by_day(table: Table, rows: Slice) -> str:
    day = quoted(table.day_column)
    counted = f'SELECT {day} AS "day", count(*) AS row_count FROM {table.address}'
    return f"{counted} WHERE {in_slice(table, rows)} GROUP BY {day}"


def select(table: Table, rows: Slice | None, dialect: Dialect, columns: Sequence[str] | None = None) -> str:
    """Declared columns of a slice, or of everything; no orphans."""
    conditions = [in_slice(table, rows)] if rows else []
    if dialect.keyed and table.merge and table.merge.one_current:
        conditions.append("NOT is_orphan")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    values = ", ".join(_read(table, name, dialect) for name in columns or table.arrow_schema.names)
    return f"SELECT {values} FROM {table.address}{where} ORDER BY {quoted(table.sort_key)}"


def _read(table: Table, name: str, dialect: Dialect) -> str:
    cast = dialect.reads.get(table.column(name).type)
    return f"CAST({quoted(name)} AS {cast}) AS {quoted(name)}" if cast else quoted(name)


def select_from(address: str, expressions: Sequence[str], window: DayWindow | None, day_column: str, part: Part) -> str:
    """A window of the days of any table or view, or all of it."""
    conditions = [in_window(day_column, window)] if window else []
    conditions += [in_part(part)] if part else []
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {', '.join(expressions)} FROM {quoted_address(address)}{where}"
