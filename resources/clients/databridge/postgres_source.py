"""A table or view of PostgreSQL, with PostGIS or without, read in one snapshot by COPY.

The server writes the CSV: no digit and no fraction is lost on the way, and none is parsed for nothing.
"""

import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from core.errors import InvalidAnswer, SourceRefused
from resources.clients.databridge.geometry import COLUMN_TYPES
from resources.clients.databridge.postgres_sql import ALIVE, not_connected, said
from resources.clients.databridge.records import TIME_ZONE
from resources.clients.databridge.schema import Column, TableSchema, checked, literal, quoted
from resources.clients.databridge.source import Since, in_pieces

CONNECT_SECONDS = 5
# Also of a database that does not know its encoding, whose texts would be bytes.
ENCODING = {"client_encoding": "UTF8"}
# A statement that does not end is given up.
STATEMENT_SECONDS = 6 * 3600
# Digits behind the point: as many as the smallest part of a number has.
DIGITS = 17
# A column of ArcGIS' own that no reader knows.
IGNORED = "gdb_geomattr_data"
_GEOMETRY = re.compile(r'"?geo(?:metry|graphy)\((\w+?)(?:ZM|Z|M)?,([0-9]+)\)"?', re.IGNORECASE)
# One whose column does not say what reference system it has.
_BARE = re.compile(r"geometry(\(\w+\))?", re.IGNORECASE)
# As texts are wanted, whatever the server's or the user's own settings say.
_WRITTEN = (
    "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; SET LOCAL bytea_output = 'hex'; "
    "SET LOCAL IntervalStyle = 'postgres'; SET LOCAL extra_float_digits = 1; "
    f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'"
)
_TYPES = {
    "character varying": "text", "character": "text", "text": "text", "name": "text", "citext": "text", "uuid": "text",
    "smallint": "integer", "integer": "integer", "bigint": "bigint", "numeric": "numeric", "real": "double precision",
    "double precision": "double precision", "boolean": "boolean", "date": "date", "bytea": "bytea",
    "timestamp without time zone": "datetime", "timestamp with time zone": "timestamp with time zone",
    "time without time zone": "time", "json": "object", "jsonb": "object",
}  # fmt: skip
_COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required,
    c.relkind::text AS kind,
    COALESCE(a.attnum = ANY(i.indkey), false) AS key
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""


class PostgresSource:
    """One table. parameters: psycopg's. Raises DatabaseUnavailable, SourceRefused, InvalidAnswer."""

    def __init__(self, parameters: dict[str, Any], schema: str, table: str):
        self._parameters = {"connect_timeout": CONNECT_SECONDS, **ALIVE, **parameters, **ENCODING}
        self._schema, self._table = schema, table
        self._since: Since | None = None

    def __str__(self) -> str:
        return (
            f"PostgreSQL {self._parameters.get('host')}/{self._parameters.get('dbname')} {self._schema}.{self._table}"
        )

    def schema(self) -> TableSchema:
        with self._connection() as connection:
            rows = connection.execute(_COLUMNS.encode(), [self._schema, self._table]).fetchall()
            if not rows or rows[0][3] not in ("r", "p", "v", "m", "f"):
                raise SourceRefused(f"{self}: there is no such table or view, or the user may not see it.")
            columns = [self._column(connection, *row[:3]) for row in rows if row[0].lower() != IGNORED]
        columns.sort(key=lambda column: column.is_geometry)
        return checked(TableSchema(tuple(columns), tuple(row[0].lower() for row in rows if row[4])), str(self))

    def count(self) -> int:
        with self._connection() as connection:
            (rows,) = connection.execute(f"SELECT count(*) FROM {self._named}".encode()).fetchone() or (0,)
        return rows

    def since(self, since: Since) -> "PostgresSource":
        part = copy.copy(self)
        part._since = since
        return part

    def lines(self, schema: TableSchema) -> Iterator[list[Any]]:
        with self._connection() as connection, connection.transaction(), connection.cursor() as cursor:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            connection.execute(_WRITTEN)
            with cursor.copy(self._copy_statement(connection, schema).encode()) as rows:
                # One row each, by libpq's word, with its end.
                yield from in_pieces(line[:-1] for line in rows)

    def _copy_statement(self, connection: psycopg.Connection, schema: TableSchema) -> str:
        found = connection.execute(_COLUMNS.encode(), [self._schema, self._table]).fetchall()
        kinds = {row[0].lower(): (row[0], row[1]) for row in found}
        wanted = [*schema.names, *([self._since.column] if self._since else [])]
        if gone := [name for name in wanted if name not in kinds]:
            raise SourceRefused(f"{self}: column {gone[0]} is gone since the schema was read. Run again.")
        ewkt = _ewkt(connection)
        cells = [
            ewkt.format(quoted(kinds[column.name][0])) if column.is_geometry else cell(*kinds[column.name])
            for column in schema.columns
        ]
        if len(cells) == 1:
            cells = [f"COALESCE(({cells[0]})::text, '')"]  # an empty line would be no row
        where = ""
        if self._since:
            column = quoted(kinds[self._since.column][0])
            where = f" WHERE {column} >= {literal(str(self._since.least))} OR {column} IS NULL"
        rows = f"SELECT {', '.join(cells)} FROM {self._named}{where}"
        return f"COPY ({rows}) TO STDOUT WITH (FORMAT csv, ENCODING 'UTF8')"

    @property
    def _named(self) -> str:
        return f"{quoted(self._schema)}.{quoted(self._table)}"

    def _column(self, connection: psycopg.Connection, name: str, kind: str, required: bool) -> Column:
        if found := _GEOMETRY.fullmatch(kind):
            known = found[1].lower() if found[1].lower() in COLUMN_TYPES else "geometry"
            return Column(name.lower(), "geometry", required, geometry_type=known, srid=int(found[2]))
        if _BARE.fullmatch(kind):
            return self._sampled(connection, name, required)
        if kind.endswith("[]"):
            return Column(name.lower(), "array", required)
        return Column(name.lower(), _type_of(kind), required)

    def _sampled(self, connection: psycopg.Connection, name: str, required: bool) -> Column:
        """A geometry column without a declared type: what a row says; one without SRID is refused by name."""
        found = connection.execute(
            f"SELECT ST_SRID({quoted(name)}) FROM {self._named} WHERE {quoted(name)} IS NOT NULL LIMIT 1".encode()
        ).fetchone()
        return Column(name.lower(), "geometry", required, geometry_type="geometry", srid=found[0] if found else 0)

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection]:
        try:
            with psycopg.connect(**self._parameters, autocommit=True) as connection:
                yield connection
        except psycopg.OperationalError as error:
            raise not_connected(self, error) from error
        except psycopg.DataError as error:
            raise InvalidAnswer(f"{self}: {said(error)}. Mend it in the source.") from error
        except psycopg.Error as error:
            raise SourceRefused(f"{self}: {said(error)}. Check the table's name and the user's rights.") from error


def cell(name: str, kind: str) -> str:
    """SQL for a column's text. Nothing is written as NULL is, and a moment without an offset has New York's.

    As with Python's own ``fold=0``, in the hour that autumn repeats it is the first, and one that spring leaves out
    has winter's. New York has been five or four hours behind UTC since 1883, whatever its laws were.
    """
    column = quoted(name)
    if kind.startswith("timestamp") and kind.endswith("without time zone"):
        summer = f"({column} + interval '4 hours') AT TIME ZONE 'UTC' AT TIME ZONE '{TIME_ZONE.key}' = {column}"
        known = f"{column} >= '1900-01-01' AND {column} < '10000-01-01'"
        return f"{column}::text || CASE WHEN NOT ({known}) THEN '' WHEN {summer} THEN '-04:00' ELSE '-05:00' END"
    if kind.endswith("[]"):
        return f"to_jsonb({column})"
    if kind == "boolean":
        return f"{column}::text"
    if kind == "json":  # the one type that may hold a character of zero, written so
        return rf"regexp_replace({column}::text, '((?<!\\)(?:\\\\)*)\\u0000', '\1', 'g')"
    return f"NULLIF({column}::text, '')" if _type_of(kind) == "text" else column


def _ewkt(connection: psycopg.Connection) -> str:
    """SQL for a geometry's text: by PostGIS, with all digits where its version can; else the column is text."""
    found = connection.execute("SELECT max(pronargs) FROM pg_proc WHERE proname = 'st_asewkt'").fetchone()
    return {None: "{}::text", 1: "ST_AsEWKT({})"}.get(found[0] if found else None, f"ST_AsEWKT({{}}, {DIGITS})")


def _type_of(kind: str) -> str:
    """What a schema calls a type of PostgreSQL's."""
    return _TYPES.get(re.sub(r"\([0-9, ]+\)", "", kind).strip(), "text")
