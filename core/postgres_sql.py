"""SQL of PostgreSQL tables, derived from their declarations: DDL, replacing days, and merging by key.

A table with a merge rule has, beside its declared columns, those of ``VERSIONING``: where a row's content came from,
its hash, when it was first and last received as something new, how many contents it has had, and the run that wrote it.
"""

from collections.abc import Iterable, Mapping

from core.merging import Merge
from core.tables import Column, ColumnType, Table
from core.warehouse_sql import column_list, literal, quoted
from core.windows import DayWindow

POSTGRES_TYPES: Mapping[ColumnType, str] = {
    ColumnType.BIGINT: "BIGINT",
    ColumnType.DECIMAL: "NUMERIC(38,0)",
    ColumnType.UINT256: "NUMERIC(78,0)",
    ColumnType.DOUBLE: "DOUBLE PRECISION",
    ColumnType.TEXT: "TEXT",
    ColumnType.BOOLEAN: "BOOLEAN",
    ColumnType.DATE: "DATE",
    ColumnType.NUMERIC: "NUMERIC",
    ColumnType.TIMESTAMP: "TIMESTAMPTZ",
}

VERSIONING = (
    Column("source", ColumnType.TEXT, "Address the content came from, without credentials.", nullable=False),
    Column("payload_sha256", ColumnType.TEXT, "Hash of the row's content.", nullable=False),
    Column("first_seen_at", ColumnType.TIMESTAMP, "When the row was first received.", nullable=False),
    Column("last_seen_at", ColumnType.TIMESTAMP, "When its present content was received.", nullable=False),
    Column("revision", ColumnType.BIGINT, "How many contents the row has had.", nullable=False),
    Column("run_id", ColumnType.TEXT, "Dagster run that wrote the present content.", nullable=False),
)
ORPHAN = Column("is_orphan", ColumnType.BOOLEAN, "Another row took this one's place at the source.", nullable=False)
REPLACED_AT = Column("replaced_at", ColumnType.TIMESTAMP, "When a newer content took its place.", nullable=False)

STAGED = "pg_temp.staged"


def all_columns(table: Table) -> tuple[Column, ...]:
    """The columns the table has in PostgreSQL."""
    if table.merge is None:
        return table.columns
    return (*table.columns, *VERSIONING, *((ORPHAN,) if table.merge.one_current else ()))


def history_address(table: Table) -> str:
    return f"{table.address}_history"


def create_table(table: Table) -> list[str]:
    """Statements that make a table, its history and its indexes where they are not there."""
    statements = [_create(table.address, all_columns(table), table.key)]
    name = table.address.replace(".", "_")
    for columns in table.indexes:
        index = quoted("_".join((name, *columns)))
        statements.append(f"CREATE INDEX IF NOT EXISTS {index} ON {table.address} ({_names(columns)})")
    if table.merge and table.merge.one_current:
        statements.append(
            f"CREATE UNIQUE INDEX IF NOT EXISTS {quoted(f'{name}_one_current')} ON {table.address} "
            f"({_names(table.merge.one_current)}) WHERE NOT is_orphan"
        )
    if table.merge and table.merge.history:
        kept = (*all_columns(table), REPLACED_AT)
        statements.append(_create(history_address(table), kept, (*table.key, "revision")))
    return statements


def _create(address: str, columns: tuple[Column, ...], key: tuple[str, ...]) -> str:
    defined = ", ".join(
        f"{quoted(column.name)} {POSTGRES_TYPES[column.type]}{'' if column.nullable else ' NOT NULL'}"
        for column in columns
    )
    return f"CREATE TABLE IF NOT EXISTS {address} ({defined}, PRIMARY KEY ({_names(key)}))"


def comments(table: Table) -> list[str]:
    """Statements that document the table and its columns."""
    return [f"COMMENT ON TABLE {table.address} IS {literal(f'{table.description} Grain: {table.grain}.')}"] + [
        f"COMMENT ON COLUMN {table.address}.{quoted(column.name)} IS {literal(column.comment)}"
        for column in all_columns(table)
    ]


def add_column(address: str, column: Column) -> str:
    return f"ALTER TABLE {address} ADD COLUMN {quoted(column.name)} {POSTGRES_TYPES[column.type]}"


def stage(table: Table) -> str:
    """A temporary table of the declared columns and the content's hash, gone with the transaction."""
    return (
        f"CREATE TEMPORARY TABLE staged ON COMMIT DROP AS SELECT {column_list(table)}, ''::text AS payload_sha256 "
        f"FROM {table.address} WITH NO DATA"
    )


def copy_into_stage(table: Table) -> str:
    return f"COPY {STAGED} ({column_list(table)}, payload_sha256) FROM STDIN"


def repeated_in_stage(columns: tuple[str, ...]) -> str:
    """Values of ``columns`` that several staged rows share; one row of text."""
    return (
        f"SELECT string_agg(key, '; ') FROM (SELECT concat_ws(', ', {_names(columns)}) AS key FROM {STAGED} "
        f"GROUP BY {_names(columns)} HAVING count(*) > 1 LIMIT 5) AS repeated"
    )


def remember_replaced(table: Table) -> str:
    """Copy the rows whose content is about to change into the history. Parameter: now."""
    kept = _names([column.name for column in all_columns(table)])
    return (
        f"INSERT INTO {history_address(table)} ({kept}, replaced_at) "
        f"SELECT {', '.join(f'old.{quoted(column.name)}' for column in all_columns(table))}, %(now)s "
        f"FROM {table.address} AS old JOIN {STAGED} AS new USING ({_names(table.key)}) "
        "WHERE old.payload_sha256 IS DISTINCT FROM new.payload_sha256"
    )


def orphan_displaced(table: Table, merge: Merge, complete_for: Mapping[str, object]) -> list[str]:
    """Mark the current rows that staged ones displace, and those of a completely received part that are gone."""
    same_place = " AND ".join(f"old.{quoted(name)} = new.{quoted(name)}" for name in merge.one_current)
    same_row = " AND ".join(f"old.{quoted(name)} = new.{quoted(name)}" for name in table.key)
    mark = f"UPDATE {table.address} AS old SET is_orphan = true"
    statements = [f"{mark} FROM {STAGED} AS new WHERE NOT old.is_orphan AND {same_place} AND NOT ({same_row})"]
    if complete_for:
        part = " AND ".join(f"old.{quoted(name)} = %({name})s" for name in complete_for)
        gone = f"NOT EXISTS (SELECT 1 FROM {STAGED} AS new WHERE {same_row})"
        statements.append(f"{mark} WHERE NOT old.is_orphan AND {part} AND {gone}")
    return statements


def merge_staged(table: Table, merge: Merge) -> str:
    """Insert what is new and update what changed, returning for each touched row whether it was inserted.

    Parameters: source, now, run_id. Rows of equal content are not touched. A row that comes back from being an
    orphan becomes current again, and is otherwise as it was: its content did not change.
    """
    names = [column.name for column in table.columns]
    inserted = [*names, *(column.name for column in VERSIONING)]
    values = f"{_names(names)}, %(source)s, payload_sha256, %(now)s, %(now)s, 1, %(run_id)s"
    if merge.one_current:
        inserted.append(ORPHAN.name)
        values += ", false"
    statement = (
        f"INSERT INTO {table.address} AS old ({_names(inserted)}) SELECT {values} FROM {STAGED} "
        f"ON CONFLICT ({_names(table.key)}) DO "
    )
    if merge.insert_only:
        return statement + "NOTHING RETURNING true AS inserted"
    changed = "old.payload_sha256 IS DISTINCT FROM excluded.payload_sha256"
    updates = [f"{quoted(name)} = excluded.{quoted(name)}" for name in names if name not in table.key]
    updates += [
        f"{name} = CASE WHEN {changed} THEN {new} ELSE old.{name} END"
        for name, new in (
            ("source", "excluded.source"),
            ("payload_sha256", "excluded.payload_sha256"),
            ("last_seen_at", "excluded.last_seen_at"),
            ("revision", "old.revision + 1"),
            ("run_id", "excluded.run_id"),
        )
    ]
    if merge.one_current:
        updates.append("is_orphan = false")
        changed = f"({changed} OR old.is_orphan)"
    return statement + f"UPDATE SET {', '.join(updates)} WHERE {changed} RETURNING (xmax = 0) AS inserted"


def append(table: Table, columns: Iterable[str]) -> str:
    """Insert one row, given by name."""
    names = list(columns)
    return f"INSERT INTO {table.address} ({_names(names)}) VALUES ({', '.join(f'%({name})s' for name in names)})"


def in_window(table: Table, window: DayWindow) -> str:
    """The condition that picks a window of the table's days."""
    return f"{quoted(table.day_column)} BETWEEN DATE '{window.first}' AND DATE '{window.last}'"


def delete_window(table: Table, window: DayWindow) -> str:
    return f"DELETE FROM {table.address} WHERE {in_window(table, window)}"


def select_window(table: Table, window: DayWindow | None) -> str:
    """The declared columns of a window of days, or of everything; no orphans."""
    conditions = [in_window(table, window)] if window else []
    conditions += ["NOT is_orphan"] if table.merge and table.merge.one_current else []
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {column_list(table)} FROM {table.address}{where} ORDER BY {quoted(table.sort_key)}"


def _names(names: Iterable[str]) -> str:
    return ", ".join(map(quoted, names))
