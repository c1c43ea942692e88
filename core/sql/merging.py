"""Merging rows by key: what is new is inserted, what changed is updated, and what displaced or replaced is kept."""

from collections.abc import Iterable, Mapping

from core.merging import Merge
from core.sql.ddl import staging
from core.sql.names import listed, quoted
from core.sql.versioning import HASH, ORPHAN, VERSIONING, history_address, versioned_columns
from core.tables import Table


def drop_staging(table: Table) -> str:
    """A transaction may merge into one table more than once."""
    return f"DROP TABLE IF EXISTS pg_temp.{staging(table)}"


def copy_into_staging(table: Table) -> str:
    return f"COPY {staging(table)} ({listed([*table.arrow_schema.names, HASH.name])}) FROM STDIN"


def repeated_in_staging(table: Table, columns: tuple[str, ...]) -> str:
    """Values of ``columns`` that several staged rows share; one row of text."""
    return (
        f"SELECT string_agg(key, '; ') FROM (SELECT concat_ws(', ', {listed(columns)}) AS key FROM {staging(table)} "
        f"GROUP BY {listed(columns)} HAVING count(*) > 1 LIMIT 5) AS repeated"
    )


def remember_replaced(table: Table) -> str:
    """Copy the rows whose content is about to change into the history. Parameter: now."""
    kept = listed([column.name for column in versioned_columns(table)])
    return (
        f"INSERT INTO {history_address(table)} ({kept}, replaced_at) "
        f"SELECT {', '.join(f'old.{quoted(column.name)}' for column in versioned_columns(table))}, %(now)s "
        f"FROM {table.address} AS old JOIN {staging(table)} AS new USING ({listed(table.key)}) "
        "WHERE old.payload_sha256 IS DISTINCT FROM new.payload_sha256"
    )


def orphan_displaced(table: Table, merge: Merge, complete_for: Mapping[str, object] | None) -> list[str]:
    """Mark the current rows that staged ones displace, and those of a completely received part that are gone."""
    same_place = " AND ".join(f"old.{quoted(name)} = new.{quoted(name)}" for name in merge.one_current)
    same_row = " AND ".join(f"old.{quoted(name)} = new.{quoted(name)}" for name in table.key)
    mark = f"UPDATE {table.address} AS old SET is_orphan = true"
    statements = [f"{mark} FROM {staging(table)} AS new WHERE NOT old.is_orphan AND {same_place} AND NOT ({same_row})"]
    if complete_for is not None:
        part = " AND ".join(["true", *(f"old.{quoted(name)} = %({name})s" for name in complete_for)])
        gone = f"NOT EXISTS (SELECT 1 FROM {staging(table)} AS new WHERE {same_row})"
        statements.append(f"{mark} WHERE NOT old.is_orphan AND {part} AND {gone}")
    return statements


def merge_staged(table: Table, merge: Merge) -> str:
    """Insert what is new and update what changed, returning for each touched row whether it was inserted.

    Parameters: source, now, run_id. Rows of equal content are not touched. A row that comes back from being an
    orphan becomes current again, and is otherwise as it was: its content did not change. Where the first content stays,
    only what it did not know is filled in.
    """
    names = [column.name for column in table.columns]
    inserted = [*names, *(column.name for column in VERSIONING)]
    values = f"{listed(names)}, %(source)s, payload_sha256, %(now)s, %(now)s, 1, %(run_id)s"
    if merge.one_current:
        inserted.append(ORPHAN.name)
        values += ", false"
    statement = (
        f"INSERT INTO {table.address} AS old ({listed(inserted)}) SELECT {values} FROM {staging(table)} "
        f"ON CONFLICT ({listed(table.key)}) DO "
    )
    content = [quoted(name) for name in names if name not in table.key]
    if merge.insert_only:
        if not content:
            return statement + "NOTHING RETURNING true AS inserted"
        changed = f"({' OR '.join(f'old.{name} IS NULL AND excluded.{name} IS NOT NULL' for name in content)})"
        updates = [f"{name} = coalesce(old.{name}, excluded.{name})" for name in content]
    else:
        changed = "old.payload_sha256 IS DISTINCT FROM excluded.payload_sha256"
        updates = [f"{name} = excluded.{name}" for name in content]
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
    return f"INSERT INTO {table.address} ({listed(names)}) VALUES ({', '.join(f'%({name})s' for name in names)})"
