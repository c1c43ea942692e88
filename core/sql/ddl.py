"""Tables, indexes and comments, from the declarations."""

from collections.abc import Iterable
from dataclasses import dataclass

from core.sql.dialects import Dialect, lengths
from core.sql.names import address_of, listed, literal, quoted
from core.sql.versioning import REPLACED_AT, history_address, versioning
from core.tables import Column, ColumnType, Table

LONGEST_NAME = 63  # bytes of an identifier; PostgreSQL cuts the rest


@dataclass(frozen=True)
class Index:
    """An index. ``where``: the condition of the rows that it is about; all of them without one."""

    name: str
    columns: tuple[str, ...]
    unique: bool = False
    where: str = ""


@dataclass(frozen=True)
class Relation:
    """A table as a database is to have it. ``required``: the columns that are never null. ``key``: the primary key."""

    address: str
    columns: tuple[Column, ...]
    comment: str
    required: frozenset[str]
    key: tuple[str, ...] = ()
    layout: str = ""
    indexes: tuple[Index, ...] = ()


def stored_columns(table: Table, dialect: Dialect) -> tuple[Column, ...]:
    """The columns that the table has in a database: those declared, and those that the database needs beside them."""
    return (*table.columns, *(versioning(table) if dialect.keyed else lengths(table, dialect)))


def relations(table: Table, dialect: Dialect) -> tuple[Relation, ...]:
    """The table, and its history where one is kept."""
    columns = stored_columns(table, dialect)
    main = Relation(
        table.address,
        columns,
        table_comment(table),
        # Elsewhere a null where none belongs is the checks' to report: files of older schema versions must fit.
        frozenset(_required(columns) if dialect.keyed else filter(None, [table.day_column])),
        table.key if dialect.keyed else (),
        layout(table, dialect),
        indexes(table, dialect),
    )
    if not (dialect.keyed and table.merge and table.merge.history):
        return (main,)
    kept = (*columns, REPLACED_AT)
    comment = f"Earlier contents of {table.address}, each with the time at which a newer one took its place."
    history = Relation(history_address(table), kept, comment, frozenset(_required(kept)), (*table.key, "revision"))
    return (main, history)


def _required(columns: Iterable[Column]) -> list[str]:
    return [column.name for column in columns if not column.nullable]


def indexes(table: Table, dialect: Dialect) -> tuple[Index, ...]:
    """The indexes of a table, where the engine has any."""
    if not dialect.indexed:
        return ()
    if not dialect.keyed:
        names = dict.fromkeys(filter(None, (table.day_column, table.sort_key)))
        return tuple(Index(_cut(f"{table.name}_{name}"), (name,)) for name in names)
    prefix = table.address.replace(".", "_")
    found = [Index(_cut("_".join((prefix, *columns))), columns) for columns in table.indexes]
    if table.merge and table.merge.one_current:
        found.append(Index(_cut(f"{prefix}_one_current"), table.merge.one_current, unique=True, where="NOT is_orphan"))
    return tuple(found)


def _cut(name: str) -> str:
    return name.encode()[:LONGEST_NAME].decode(errors="ignore")


def create_schema(schema: str) -> str:
    return f"CREATE SCHEMA IF NOT EXISTS {schema}"


def create_table(relation: Relation, dialect: Dialect) -> str:
    """DDL of a table that may be there already."""
    columns = [
        defined(column, dialect) + (" NOT NULL" if column.name in relation.required else "")
        for column in relation.columns
    ]
    if relation.key:
        columns.append(f"PRIMARY KEY ({listed(relation.key)})")
    return f"CREATE TABLE IF NOT EXISTS {relation.address} ({', '.join(columns)}){relation.layout}"


def create_index(relation: Relation, index: Index) -> str:
    unique, where = "UNIQUE " if index.unique else "", f" WHERE {index.where}" if index.where else ""
    return (
        f"CREATE {unique}INDEX IF NOT EXISTS {quoted(index.name)} ON {relation.address} "
        f"({listed(index.columns)}){where}"
    )


def defined(column: Column, dialect: Dialect) -> str:
    return f"{quoted(column.name)} {dialect.types[column.type]}"


def layout(table: Table, dialect: Dialect) -> str:
    """How the rows lie on the nodes, where the engine lets us say so."""
    if not dialect.distributes:
        return ""
    key = f" DISTKEY ({quoted(table.distribution_key)})" if table.distribution_key else " DISTSTYLE ALL"
    return f"{key} SORTKEY ({quoted(table.sort_key)})"


def staging(table: Table) -> str:
    """The staging table: of the session's own, where rows are counted before they take others' place."""
    return f"staged_{table.name}"


def create_staging(table: Table, dialect: Dialect, *more: Column) -> str:
    """A table of the session's own with the declared columns, in the order of the lake's files."""
    columns = ", ".join(defined(column, dialect) for column in (*table.columns, *more))
    return f"CREATE TEMPORARY TABLE {staging(table)} ({columns}){layout(table, dialect)}"


def add_column(address: str, column: Column, dialect: Dialect) -> str:
    # A mark that is new: the rows that are there do not bear it.
    unmarked = " DEFAULT false" if column.type is ColumnType.BOOLEAN and not column.nullable else ""
    return f"ALTER TABLE {address} ADD COLUMN {defined(column, dialect)}{unmarked}"


def table_comment(table: Table) -> str:
    return f"{table.description} Grain: {table.grain}."


def comment_on_table(relation: Relation) -> str:
    return f"COMMENT ON TABLE {relation.address} IS {literal(relation.comment)}"


def comment_on_column(relation: Relation, column: Column) -> str:
    return f"COMMENT ON COLUMN {relation.address}.{quoted(column.name)} IS {literal(column.comment)}"


def schema_of(table: Table) -> str:
    """The schema that the table's address names."""
    return address_of(table.address)[0]
