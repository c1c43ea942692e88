"""The table before a live one: its name, the views that go along when tables are swapped, and going back to it."""

from datetime import UTC, datetime
from typing import IO, Any, Protocol

from core.errors import LoadRejected
from resources.clients.databridge.schema import literal, quoted

# The moment in a temporary table's name.
STAMP = "%y%m%d%H%M%S"


class Sql(Protocol):
    """Where SQL is run. Statements of one call are one transaction."""

    def run(self, sql: str) -> list[dict[str, Any]]: ...

    def copy(self, sql: str, file: IO[bytes]) -> int: ...


def old_of(table: str) -> str:
    """The name under which the table before is kept."""
    return f"{table}_old"


def dependent_views(sql: Sql, table: str) -> list[tuple[str, str]]:
    """Views that read a table, by name with their definitions.

    Raises:
        LoadRejected: naming a materialized view, which cannot be made to read another table.
    """
    rows = sql.run(
        "SELECT DISTINCT v.oid::regclass::text AS name, v.relkind::text AS kind, pg_get_viewdef(v.oid) AS definition "
        "FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass "
        f"JOIN pg_class v ON v.oid = r.ev_class "
        f"WHERE d.refobjid = to_regclass({literal(table)}) AND v.oid <> d.refobjid"
    )
    for row in rows:
        if row["kind"] == "m":
            raise LoadRejected(
                f"{table}: the materialized view {row['name']} reads it and would go on reading the table before. "
                "Make it a view, or drop it and make it again after the load."
            )
    return [(row["name"], row["definition"]) for row in rows]


def roll_back(sql: Sql, schema: str, table: str) -> int:
    """Make the table before live again; the one that was live is the table before then. The rows of the live one.

    Raises:
        LoadRejected: when there is none.
    """
    live, old = (f"{quoted(schema)}.{quoted(name)}" for name in (table, old_of(table)))
    (found,) = sql.run(f"SELECT to_regclass({literal(old)}) IS NOT NULL AS exists")
    if not found["exists"]:
        raise LoadRejected(f"{live}: there is no {old} to go back to. Load the table again instead.")
    away = f"t_{table[:41]}_{datetime.now(UTC):{STAMP}}000000"
    views = dependent_views(sql, live)
    statements = [
        f"SELECT pg_advisory_xact_lock(hashtext({literal(live)}))",
        f"ALTER TABLE IF EXISTS {live} RENAME TO {quoted(away)}",
        f"ALTER TABLE {old} RENAME TO {quoted(table)}",
        f"ALTER TABLE IF EXISTS {quoted(schema)}.{quoted(away)} RENAME TO {quoted(old_of(table))}",
        *[f"CREATE OR REPLACE VIEW {name} AS {definition.rstrip().rstrip(';')}" for name, definition in views],
    ]
    sql.run(";\n".join(statements))
    (found,) = sql.run(f"SELECT count(*) AS rows FROM {live}")
    return int(found["rows"])
