"""A Carto account on loopback: its SQL API, COPY and dataset privacy over a real PostgreSQL, whose cartodbfy rewrites.

Where the server has PostGIS (the Debian package ``postgresql-15-postgis-3``) geometries are its own and are transformed
as by Carto. Without it a geometry is a domain over text that checks SRID and type, and cartodbfy keeps coordinates as
they are; all that happens to tables, names, indexes, grants and transactions is PostgreSQL's own.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
from psycopg.rows import dict_row

USER, KEY = "phl", "sandbox-carto-key"
ROLES = ("publicuser", "tileuser", "cartodb_user_00000000-aaaa-4bbb-8ccc-000000000001")
STATEMENT_SECONDS = 25
PIECE = 1 << 16
_GEOMETRY = re.compile(r'(?<!")geometry\((\w+),([0-9]+)\)(?!")')

# What cartodbfy makes of a geometry: in degrees and for maps, none, and the method of its index.
PLAIN = ("COALESCE(quote_ident(source) || '::text', 'NULL::text')",) * 2 + ("hash",)
_TRANSFORMED = "COALESCE('ST_Transform(' || quote_ident(source) || ', {0})', 'NULL') || '::geometry(Geometry,{0})'"
POSTGIS = (_TRANSFORMED.format(4326), _TRANSFORMED.format(3857), "gist")
# What of the real function a loader can see: the table is made anew with another identity, its indexes, grants and
# constraints are gone, the first geometry is now the_geom, and rows have a cartodb_id.
CARTODBFY = """
CREATE OR REPLACE FUNCTION cdb_cartodbfytable(username text, reloid regclass) RETURNS regclass AS $$
DECLARE
    place text; name text; source text; others text;
BEGIN
    SELECT n.nspname, c.relname INTO place, name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.oid = reloid;
    SELECT attname INTO source FROM pg_attribute WHERE attrelid = reloid AND attnum > 0 AND NOT attisdropped
        AND format_type(atttypid, atttypmod) LIKE '%geometry(%' ORDER BY attnum LIMIT 1;
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO others FROM pg_attribute
        WHERE attrelid = reloid AND attnum > 0 AND NOT attisdropped AND attname IS DISTINCT FROM source;
    EXECUTE format('CREATE TABLE %I.%I AS SELECT row_number() OVER ()::int AS cartodb_id, %s AS the_geom, '
        '%s AS the_geom_webmercator%s FROM %s', place, name || '_rewritten',
        {degrees},
        {mercator},
        COALESCE(', ' || others, ''), reloid);
    EXECUTE format('DROP TABLE %s', reloid);
    EXECUTE format('ALTER TABLE %I.%I RENAME TO %I', place, name || '_rewritten', name);
    EXECUTE format('ALTER TABLE %I.%I ADD PRIMARY KEY (cartodb_id)', place, name);
    EXECUTE format('CREATE INDEX ON %I.%I USING {method} (the_geom)', place, name);
    RETURN format('%I.%I', place, name)::regclass;
END
$$ LANGUAGE plpgsql
"""


class Dropped(Exception):
    """The connection breaks off instead of an answer."""


class Refused(Exception):
    """An answer of another status."""

    def __init__(self, status: int, error: str, headers: dict[str, str] | None = None):
        super().__init__(error)
        self.status, self.headers = status, headers or {}


# Called with "before" or "after" and the request's SQL; what it raises becomes the answer.
Fault = Callable[[str, str], None]


class CartoServer:
    """One account. parameters: psycopg's, of a database that is its alone.

    statements: the SQL of each request, in order. privacies: of datasets, by table.
    """

    def __init__(self, parameters: dict[str, Any], key: str = KEY):
        self.statements: list[str] = []
        self.privacies: dict[str, str] = {}
        self.fault: Fault = lambda moment, sql: None
        self._parameters, self._key = parameters, key
        self._idle: list[psycopg.Connection[dict[str, Any]]] = []
        self._prepare()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # or a body waits 40 ms for its head to be acknowledged

            def do_GET(self) -> None:
                _answer(self, server)

            do_POST = do_GET  # noqa: N815 - the library's own names
            do_PUT = do_GET  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self._server.server_port}/user/{USER}/"
        self.connection = f"carto://{USER}:{key}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        while self._idle:
            self._idle.pop().close()

    def connect(self) -> psycopg.Connection[dict[str, Any]]:
        """A connection like those that requests get."""
        options = f"{self._parameters.get('options', '')} -c statement_timeout={STATEMENT_SECONDS}s"
        return psycopg.Connection[dict[str, Any]].connect(
            **self._parameters | {"options": options}, autocommit=True, row_factory=dict_row, prepare_threshold=None
        )

    @contextmanager
    def _session(self) -> Iterator[psycopg.Connection[dict[str, Any]]]:
        """Of one request, which finds nothing of the ones before."""
        try:
            session = self._idle.pop()
        except IndexError:  # none, or another request has just taken the last one
            session = self.connect()
        try:
            yield session
        except BaseException:
            session.close()
            raise
        session.execute("DISCARD ALL")
        self._idle.append(session)

    def _prepare(self) -> None:
        with self.connect() as connection:
            connection.execute("SELECT pg_advisory_lock(hashtext('carto'))")
            for role in ROLES:
                if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchall():
                    with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
                        connection.execute(f'CREATE ROLE "{role}"'.encode())
            self.postgis = has_postgis(connection)
            degrees, mercator, method = POSTGIS if self.postgis else PLAIN
            function = CARTODBFY.format(degrees=degrees, mercator=mercator, method=method)
            connection.execute(function.encode())

    def check(self, key: str) -> None:
        """Refuse another key."""
        if key != self._key:
            raise Refused(401, "permission denied")

    def sql(self, text: str) -> dict[str, Any]:
        """One batch in one transaction."""
        self.statements.append(text)
        self.fault("before", text)
        with self._session() as connection:
            cursor = connection.execute(self._with_domains(connection, text).encode())
            while cursor.nextset():
                pass
            rows = cursor.fetchall() if cursor.description else []
        self.fault("after", text)
        return {"rows": rows, "time": 0.001, "fields": {}, "total_rows": len(rows)}

    def copy(self, text: str, pieces: Iterator[bytes]) -> dict[str, Any]:
        """COPY ... FROM STDIN, streamed."""
        self.statements.append(text)
        self.fault("before", text)
        with self._session() as connection, connection.cursor() as cursor:
            with cursor.copy(text.encode()) as copy:
                for piece in pieces:
                    copy.write(piece)
            total = cursor.rowcount
        self.fault("after", text)
        return {"time": 0.001, "total_rows": total}

    def _with_domains(self, connection: psycopg.Connection[Any], text: str) -> str:
        """Geometry types as domains, which are made when they first occur; as they are where there is PostGIS."""
        if self.postgis:
            return text
        for kind, srid in set(_GEOMETRY.findall(text)):
            pattern = f"^SRID={srid};" + ("[A-Z]+" if kind == "Geometry" else kind.upper()) + r"\("
            with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
                connection.execute(
                    f"CREATE DOMAIN \"geometry({kind},{srid})\" AS text CHECK (VALUE ~ '{pattern}')".encode()
                )
        return _GEOMETRY.sub(r'"geometry(\1,\2)"', text)


def has_postgis(connection: psycopg.Connection[Any]) -> bool:
    """Whether this database has PostGIS now, which is so wherever the server can give it."""
    if not connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'postgis'").fetchall():
        return False
    connection.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    return True


def _answer(request: BaseHTTPRequestHandler, server: CartoServer) -> None:
    """One request: what comes of it, as Carto says it."""
    parts = urlsplit(request.path)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    body = _body(request)
    status, headers, document = 200, {}, {}
    try:
        server.check(query.get("api_key", ""))
        if parts.path.endswith("/api/v2/sql/copyfrom"):
            document = server.copy(query["q"], body)
        elif parts.path.endswith("/api/v2/sql"):
            document = server.sql(parse_qs(b"".join(body).decode())["q"][0])
        else:
            table = parts.path.rsplit("/", 1)[1]
            if request.command == "PUT":
                server.privacies[table] = json.loads(b"".join(body))["privacy"]
            document = {"privacy": server.privacies.get(table, "PRIVATE")}
    except Dropped:
        request.close_connection = True
        return
    except Refused as refused:
        status, headers, document = refused.status, refused.headers, {"error": [str(refused)]}
    except psycopg.errors.QueryCanceled:
        status, document = 429, {"error": ["You are over platform's limits: SQL query timeout error."]}
    except psycopg.Error as error:
        status, document = 400, {"error": [str(error).splitlines()[0]]}
    for _ in body:
        pass
    data = json.dumps(document, default=str).encode()
    request.send_response(status)
    for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(data))}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(data)


def _body(request: BaseHTTPRequestHandler) -> Iterator[bytes]:
    """The body as it comes: of a length, or in chunks."""
    if request.headers.get("Transfer-Encoding") == "chunked":
        while length := int(request.rfile.readline().strip() or b"0", 16):
            yield request.rfile.read(length)
            request.rfile.readline()
        request.rfile.readline()
        return
    left = int(request.headers.get("Content-Length") or 0)
    while left:
        piece = request.rfile.read(min(left, PIECE))
        if not piece:
            return
        left -= len(piece)
        yield piece
