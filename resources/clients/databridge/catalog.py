"""What a table is by the catalog of its database: rows, indexes, who may read it, which views do."""

import json
from contextlib import suppress
from typing import IO, Any, Protocol

from core.errors import InvalidAnswer, LoadRejected
from resources.clients.databridge.schema import literal, quoted

SHOWN = 80


class Sql(Protocol):
    """Where SQL is run. Statements of one call are one transaction."""

    def run(self, sql: str) -> list[dict[str, Any]]: ...

    def copy(self, sql: str, file: IO[bytes]) -> int: ...


def answered(sql: Sql, statement: str, **kinds: type | tuple[type, ...]) -> list[dict[str, Any]]:
    """The rows of a statement, each with values of these kinds.

    Raises:
        InvalidAnswer: when they are none: what answers is no database, or one behind something that changes answers.
    """
    rows = sql.run(statement)
    for row in rows:
        for name, kind in kinds.items():
            if name not in row or not isinstance(row[name], kind):
                raise InvalidAnswer(
                    f"{sql}: the answer's {name!r} is {str(row.get(name))[:SHOWN]!r}, of another kind than was asked "
                    "for. Check what serves that address."
                )
    return rows


def only(sql: Sql, statement: str, name: str, kind: type | tuple[type, ...]) -> Any:
    """The one value of a statement.

    Raises:
        InvalidAnswer: when there is none, or more than one.
    """
    rows = answered(sql, statement, **{name: kind})
    if len(rows) != 1:
        raise InvalidAnswer(f"{sql}: {len(rows):,} rows where one was asked for. Check what serves that address.")
    return rows[0][name]


def exists(sql: Sql, table: str) -> bool:
    """Whether there is such a table; its name quoted, with its schema, as in all functions here."""
    return only(sql, f"SELECT to_regclass({literal(table)}) IS NOT NULL AS exists", "exists", bool)


def comment_of(sql: Sql, table: str) -> dict[str, Any]:
    """What the table's comment says as JSON; nothing where it is none, or there is no table."""
    statement = f"SELECT obj_description(to_regclass({literal(table)}), 'pg_class') AS comment"
    with suppress(ValueError, TypeError, RecursionError):
        said = json.loads(only(sql, statement, "comment", (str, type(None))))
        return said if isinstance(said, dict) else {}
    return {}


def count(sql: Sql, table: str) -> int:
    return only(sql, f"SELECT count(*) AS rows FROM {table}", "rows", int)


def indexes(sql: Sql, schema: str, table: str) -> list[str]:
    """The definitions of a table's indexes. schema, table: plain names."""
    statement = (
        f"SELECT indexdef FROM pg_indexes WHERE schemaname = {literal(schema)} AND tablename = {literal(table)} "
        "ORDER BY indexname"
    )
    return [row["indexdef"] for row in answered(sql, statement, indexdef=str)]


def may_read(sql: Sql, user: str, table: str) -> bool:
    return only(sql, f"SELECT has_table_privilege({literal(user)}, {literal(table)}, 'SELECT') AS may", "may", bool)


_GRANTED = """
SELECT a.privilege_type || o.columns AS privilege, a.is_grantable AS grantable,
    CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END AS grantee
FROM pg_class c CROSS JOIN LATERAL (
    SELECT c.relacl AS acl, '' AS columns UNION ALL
    SELECT l.attacl, ' (' || quote_ident(l.attname) || ')' FROM pg_attribute l JOIN pg_attribute n USING (attname)
    WHERE l.attrelid = c.oid AND n.attrelid = to_regclass({new}) AND n.attnum > 0 AND l.attacl IS NOT NULL
) o CROSS JOIN LATERAL aclexplode(o.acl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE c.oid = to_regclass({live}) AND a.grantee <> c.relowner AND (a.grantee = 0 OR r.rolname IS NOT NULL)
"""


def grants_of(sql: Sql, live: str, new: str) -> list[str]:
    """Statements that give ``new`` what others than its owner were granted on ``live`` and on columns of both."""
    statement = _GRANTED.format(live=literal(live), new=literal(new))
    rows = answered(sql, statement, privilege=str, grantable=bool, grantee=str)
    return [
        f"GRANT {row['privilege']} ON {new} TO {row['grantee']}{' WITH GRANT OPTION' if row['grantable'] else ''}"
        for row in rows
    ]


def refuse_guarded(sql: Sql, table: str) -> None:
    """Refuse to replace a table whose rules another table would not have.

    Raises:
        LoadRejected: naming policies for its rows, or a trigger.
    """
    statement = (
        "SELECT c.relrowsecurity AS secured, COALESCE((SELECT min(t.tgname) FROM pg_trigger t WHERE t.tgrelid = c.oid "
        f"AND NOT t.tgisinternal), '') AS trigger FROM pg_class c WHERE c.oid = to_regclass({literal(table)})"
    )
    for row in answered(sql, statement, secured=bool, trigger=str):
        if row["secured"] or row["trigger"]:
            what = "policies for its rows" if row["secured"] else f"the trigger {row['trigger']}"
            raise LoadRejected(
                f"{table}: it has {what}, which the table that replaces it would not have. Put them on a view that "
                "reads it, and take them off the table."
            )


def dependent_views(sql: Sql, table: str) -> dict[str, str]:
    """Views that read a table, by name, with the statement that makes each anew over the table of that name.

    Raises:
        LoadRejected: naming a materialized view, which cannot be made to read another table.
    """
    rows = answered(
        sql,
        "SELECT DISTINCT v.oid::regclass::text AS name, v.relkind::text AS kind, pg_get_viewdef(v.oid) AS definition, "
        "COALESCE(array_to_string(v.reloptions, ', '), '') AS options "
        "FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass "
        "JOIN pg_class v ON v.oid = r.ev_class "
        f"WHERE d.refobjid = to_regclass({literal(table)}) AND v.oid <> d.refobjid",
        name=str,
        kind=str,
        definition=str,
        options=str,
    )
    for row in rows:
        if row["kind"] == "m":
            raise LoadRejected(
                f"{table}: the materialized view {row['name']} reads it and would go on reading the table before. "
                "Make it a view, or drop it and make it again after the load."
            )
    views = {}
    for row in rows:
        options = f" WITH ({row['options']})" if row["options"] else ""
        definition = row["definition"].rstrip().rstrip(";")
        views[row["name"]] = f"CREATE OR REPLACE VIEW {row['name']}{options} AS {definition}"
    return views


def named(schema: str, table: str) -> str:
    """A table's name as SQL has it."""
    return f"{quoted(schema)}.{quoted(table)}"
