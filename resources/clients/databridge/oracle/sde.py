"""A table of Oracle SDE, read within one read-only transaction; geometries come as WKT.

The SQL is compared with what is expected of it; it was never run on an Oracle, since none can run here. An Oracle DATE
has a time and keeps it; NUMBER comes as a decimal, whole.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import date, datetime
from typing import Any

from core.errors import DatabaseUnavailable, SourceRefused
from core.plain import one_line
from core.secrecy import hidden
from resources.clients.databridge.geometry import srid_of_sde
from resources.clients.databridge.schema import Column, TableSchema, checked
from resources.clients.databridge.source import Since

BATCH = 1000
# For the way there, and for a call that a server never answers; a call fetches a batch, or finds the first.
CONNECT_SECONDS, CALL_SECONDS = 10, 3600
# Points up to which a geometry is converted to text within 4,000 characters; beyond it comes as a LOB.
SHORT = 150
COLUMNS = (
    "SELECT column_name, data_type, data_scale, nullable, data_type_owner FROM all_tab_cols "
    "WHERE owner = :owner AND table_name = :name AND hidden_column = 'NO' ORDER BY column_id"
)
SRID = (
    "SELECT r.auth_srid FROM sde.layers l JOIN sde.spatial_references r ON r.srid = l.srid "
    "WHERE l.owner = :owner AND l.table_name = :name"
)
# NULL for NULL, as it would not be with the offset behind it.
UTC_TEXT = 'YYYY-MM-DD HH24:MI:SS.FF6"+00:00"'
READ_ONLY = "SET TRANSACTION READ ONLY"
# Connection lost, not there, refused for now or not answered in time; a moment that is no longer kept.
_UNAVAILABLE = (
    *("03113", "03114", "12514", "12541", "12170", "01033", "01034", "DPY-4011", "DPY-4024", "DPY-6005"),
    "01555",
)
# Of the types of moments with an offset, the session's or their own.
ZONED = "TIME ZONE"
_TYPES = {
    "VARCHAR2": "text", "NVARCHAR2": "text", "CHAR": "text", "NCHAR": "text", "CLOB": "text", "NCLOB": "text",
    "NUMBER": "numeric", "FLOAT": "numeric", "BINARY_FLOAT": "double precision", "BINARY_DOUBLE": "double precision",
    "DATE": "datetime", "BLOB": "bytea", "RAW": "bytea",
}  # fmt: skip


def identifier(name: str) -> str:
    """A name as Oracle keeps it: upper case, quoted."""
    return '"' + name.upper().replace('"', "") + '"'


def table_name(owner: str, table: str) -> str:
    return f"{identifier(owner)}.{identifier(table)}"


def type_query(owner: str, table: str, shape: str) -> str:
    """The types that a layer's geometries have."""
    return (
        f"SELECT DISTINCT sde.st_geometrytype({identifier(shape)}) FROM {table_name(owner, table)} "
        f"WHERE {identifier(shape)} IS NOT NULL"
    )


def points_query(owner: str, table: str, shape: str) -> str:
    """The most points that a geometry has."""
    return f"SELECT max(sde.st_numpoints({identifier(shape)})) FROM {table_name(owner, table)}"


def where(since: Since) -> str:
    """A condition of SQL; a day and a moment are compared as DATE, which has a time, so that an index serves."""
    column, least = identifier(since.column), str(since.least)
    if type(since.least) is date:
        least = f"DATE '{least}'"
    if isinstance(since.least, datetime):
        least = f"TO_DATE('{since.least:%Y-%m-%d %H:%M:%S}', 'YYYY-MM-DD HH24:MI:SS')"
    return f" WHERE {column} >= {least} OR {column} IS NULL"


def select(
    owner: str,
    table: str,
    schema: TableSchema,
    longest: int,
    since: Since | None = None,
    *,
    zoned: frozenset[str] = frozenset(),
) -> str:
    """All rows, or those since; geometries as text. longest: the most points that one has. zoned: columns of moments
    with an offset, which python-oracledb would lose; they come as texts."""
    cells = []
    for column in schema.columns:
        name = identifier(column.name)
        if column.name in zoned:
            name = f"to_char(sys_extract_utc({name}), '{UTC_TEXT}')"
        if column.is_geometry:
            text = f"sde.st_astext({name})"
            text = f"to_char({text})" if longest <= SHORT else text
            name = f"CASE WHEN sde.st_isempty({name}) = 1 THEN NULL ELSE {text} END"
        cells.append(name)
    return f"SELECT {', '.join(cells)} FROM {table_name(owner, table)}{where(since) if since else ''}"


class OracleSource:
    """One table. connect: opens a connection of python-oracledb's. Raises DatabaseUnavailable, SourceRefused."""

    def __init__(self, connect: Callable[[], Any], where: str, owner: str, table: str):
        self._connect, self._where = connect, where
        self._owner, self._table = owner.upper(), table.upper()
        self._since: Since | None = None
        self._zoned: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"Oracle {self._where} {self._owner}.{self._table}"

    def schema(self) -> TableSchema:
        parameters = {"owner": self._owner, "name": self._table}
        found = self._all(COLUMNS, parameters)
        if not found:
            raise SourceRefused(f"{self}: there is no such table, or the user may not see it.")
        self._zoned = frozenset(row[0].lower() for row in found if ZONED in row[1])
        columns = []
        for name, kind, scale, nullable, owner in found:
            if (owner, kind) in (("SDE", "ST_GEOMETRY"), ("MDSYS", "SDO_GEOMETRY")) or kind == "ST_GEOMETRY":
                columns.append(self._geometry(name, parameters))
            else:
                columns.append(Column(name.lower(), self._type(name, kind, scale), nullable == "N"))
        columns.sort(key=lambda column: column.is_geometry)
        ids = [column.name for column in columns if column.required and column.name.startswith("objectid")]
        return checked(TableSchema(tuple(columns), tuple(ids[:1])), str(self))

    def count(self) -> int:
        return int(self._all(f"SELECT count(*) FROM {table_name(self._owner, self._table)}", {})[0][0])

    def since(self, since: Since) -> "OracleSource":
        """Raises SourceRefused for moments with an offset, which python-oracledb gives without it."""
        if isinstance(since.least, datetime) and since.least.tzinfo:
            raise SourceRefused(f"{self}: watermark {since.column} has a time zone; name a column without one.")
        part = copy.copy(self)
        part._since = since
        return part

    def rows(self, schema: TableSchema) -> Iterator[Sequence[Any]]:
        shape, longest = schema.geometry, 0
        if shape:
            longest = int(self._all(points_query(self._owner, self._table, shape.name), {})[0][0] or 0)
        try:
            with closing(self._connect()) as connection, closing(connection.cursor()) as cursor:
                cursor.execute(READ_ONLY)
                cursor.arraysize = BATCH
                cursor.execute(select(self._owner, self._table, schema, longest, self._since, zoned=self._zoned))
                while batch := cursor.fetchmany(BATCH):
                    yield from batch
        except Exception as error:
            raise self._explained(error) from error

    def _geometry(self, name: str, parameters: dict[str, str]) -> Column:
        srid = self._all(SRID, parameters)
        types = {str(row[0]).upper().removeprefix("ST_") for row in self._all(self._type_query(name), {})}
        kinds = {kind.removeprefix("MULTI") for kind in types}
        kind = "geometry" if len(kinds) != 1 or types == {"MULTIPOINT"} else kinds.pop().lower()
        if kind == "linestring" and "MULTILINESTRING" in types:
            kind = "multilinestring"
        elif kind == "point" and "MULTIPOINT" in types:
            kind = "geometry"
        return Column(name.lower(), "geometry", geometry_type=kind, srid=srid_of_sde(int(srid[0][0])) if srid else 0)

    def _type_query(self, shape: str) -> str:
        return type_query(self._owner, self._table, shape)

    def _type(self, name: str, kind: str, scale: int | None) -> str:
        if kind.startswith("TIMESTAMP"):
            return "timestamp with time zone" if ZONED in kind else "datetime"
        if kind == "NUMBER" and scale == 0:
            return "numeric"
        if kind not in _TYPES:
            raise SourceRefused(f"{self}: column {name} has the type {kind}, which no column here takes. Leave it out.")
        return _TYPES[kind]

    def _all(self, sql: str, parameters: dict[str, str]) -> list[Any]:
        try:
            with closing(self._connect()) as connection, closing(connection.cursor()) as cursor:
                cursor.execute(sql, parameters)
                return cursor.fetchall()
        except Exception as error:
            raise self._explained(error) from error

    def _explained(self, error: Exception) -> Exception:
        """Errors of python-oracledb's as the product's; its classes are not imported where no Oracle is read."""
        if type(error).__module__.split(".")[0] != "oracledb":
            return error
        said = one_line(hidden(str(error)), 300)
        if any(code in said for code in _UNAVAILABLE):
            return DatabaseUnavailable(f"{self}: {said}. Check that it runs, then run again.")
        return SourceRefused(f"{self}: {said}. Check the table's name and the user's rights.")


def connector(host: str, port: int, sid: str, user: str, password: str) -> Callable[[], Any]:
    """Opens connections in thin mode: no client library is needed. Numbers come as decimals, LOBs as text."""

    def connect() -> Any:
        import oracledb  # noqa: PLC0415 - only where an Oracle is read

        oracledb.defaults.fetch_decimals = True
        oracledb.defaults.fetch_lobs = False
        place = {"host": host, "port": port, "sid": sid, "tcp_connect_timeout": CONNECT_SECONDS}
        connection = oracledb.connect(user=user, password=password, **place)
        connection.call_timeout = CALL_SECONDS * 1000
        return connection

    return connect
