"""A table or view of PostgreSQL, with PostGIS or without, read in one snapshot by a cursor of the server's.

Values come as the server writes them: no digit and no fraction is lost on the way, and none is parsed for nothing.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from core.errors import DatabaseUnavailable, SourceRefused
from core.plain import one_line
from core.secrecy import hidden
from resources.clients.databridge.geometry import COLUMN_TYPES
from resources.clients.databridge.records import localised_text
from resources.clients.databridge.schema import Column, TableSchema, checked, quoted

CONNECT_SECONDS = 5
# Rows that are held at a time: a thousand real districts have 33 MB.
BATCH = 1000
# A column of ArcGIS' own that no reader knows.
IGNORED = "gdb_geomattr_data"
_GEOMETRY = re.compile(r'"?geo(?:metry|graphy)\((\w+?)(?:ZM|Z|M)?,([0-9]+)\)"?', re.IGNORECASE)
# One whose column does not say what reference system it has.
_BARE = re.compile(r"geometry(\(\w+\))?", re.IGNORECASE)
# As texts are wanted, whatever the server's or the user's own settings say.
_WRITTEN = "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; SET LOCAL bytea_output = 'hex'"
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
    """One table. parameters: psycopg's. Raises DatabaseUnavailable, SourceRefused."""

    def __init__(self, parameters: dict[str, Any], schema: str, table: str):
        self._parameters = {"connect_timeout": CONNECT_SECONDS, **parameters}
        self._schema, self._table = schema, table

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

    def rows(self, schema: TableSchema) -> Iterator[Sequence[str | None]]:
        with self._connection() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            connection.execute(_WRITTEN)
            found = connection.execute(_COLUMNS.encode(), [self._schema, self._table]).fetchall()
            kinds = {row[0].lower(): (row[0], row[1]) for row in found}
            if gone := [name for name in schema.names if name not in kinds]:
                raise SourceRefused(f"{self}: column {gone[0]} is gone since the schema was read. Run again.")
            has_postgis = self._has_postgis(connection)
            cells = [self._cell(*kinds[column.name], column, has_postgis) for column in schema.columns]
            walls = [at for at, name in enumerate(schema.names) if _is_wall(kinds[name][1])]
            with connection.cursor("headwater_extract") as cursor:
                cursor.execute(f"SELECT {', '.join(cells)} FROM {self._named}".encode())
                while batch := cursor.fetchmany(BATCH):
                    yield from (_placed(row, walls) for row in batch) if walls else batch

    @property
    def _named(self) -> str:
        return f"{quoted(self._schema)}.{quoted(self._table)}"

    def _has_postgis(self, connection: psycopg.Connection) -> bool:
        return bool(connection.execute("SELECT 1 FROM pg_proc WHERE proname = 'st_asewkt'").fetchall())

    @staticmethod
    def _cell(name: str, kind: str, column: Column, has_postgis: bool) -> str:
        if column.is_geometry:
            return f"ST_AsEWKT({quoted(name)})" if has_postgis else f"{quoted(name)}::text"
        return f"to_jsonb({quoted(name)})::text" if kind.endswith("[]") else f"{quoted(name)}::text"

    def _column(self, connection: psycopg.Connection, name: str, kind: str, required: bool) -> Column:
        if found := _GEOMETRY.fullmatch(kind):
            known = found[1].lower() if found[1].lower() in COLUMN_TYPES else "geometry"
            return Column(name.lower(), "geometry", required, geometry_type=known, srid=int(found[2]))
        if _BARE.fullmatch(kind):
            return self._sampled(connection, name, required)
        if kind.endswith("[]"):
            return Column(name.lower(), "array", required)
        plain = re.sub(r"\([0-9, ]+\)", "", kind).strip()
        return Column(name.lower(), _TYPES.get(plain, "text"), required)

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
            raise DatabaseUnavailable(f"{self}: {_said(error)}. Check that it runs, then run again.") from error
        except psycopg.Error as error:
            raise SourceRefused(f"{self}: {_said(error)}. Check the table's name and the user's rights.") from error


def _is_wall(kind: str) -> bool:
    """Whether moments of a type have no offset."""
    return kind.startswith("timestamp") and kind.endswith("without time zone")


def _placed(row: Sequence[Any], walls: Sequence[int]) -> list[str | None]:
    """The row with an offset at the moments that have none."""
    cells = list(row)
    for at in walls:
        cells[at] = localised_text(cells[at])
    return cells


def _said(error: psycopg.Error) -> str:
    lines = hidden(str(error)).strip().splitlines()
    return one_line(lines[0], 300) if lines else type(error).__name__
