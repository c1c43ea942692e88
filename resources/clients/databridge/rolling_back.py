"""Going back to the table before a live one, and the name under which that is kept."""

from datetime import UTC, datetime

from core.errors import LoadRejected
from resources.clients.databridge.catalog import Sql, count, dependent_views, exists, named
from resources.clients.databridge.schema import literal, quoted

# The moment in a temporary table's name.
STAMP = "%y%m%d%H%M%S"


def old_of(table: str) -> str:
    """The name under which the table before is kept."""
    return f"{table}_old"


def roll_back(sql: Sql, schema: str, table: str) -> int:
    """Make the table before live again; the one that was live is the table before then. The rows of the live one.

    Raises:
        LoadRejected: when there is none.
    """
    live, old = (named(schema, name) for name in (table, old_of(table)))
    if not exists(sql, old):
        raise LoadRejected(f"{live}: there is no {old} to go back to. Load the table again instead.")
    away = f"t_{table[:41]}_{datetime.now(UTC):{STAMP}}000000"
    views = dependent_views(sql, live)
    statements = [
        f"SELECT pg_advisory_xact_lock(hashtext({literal(live)}))",
        f"ALTER TABLE IF EXISTS {live} RENAME TO {quoted(away)}",
        f"ALTER TABLE {old} RENAME TO {quoted(table)}",
        f"ALTER TABLE IF EXISTS {named(schema, away)} RENAME TO {quoted(old_of(table))}",
        *views.values(),
    ]
    sql.run(";\n".join(statements))
    return count(sql, live)
