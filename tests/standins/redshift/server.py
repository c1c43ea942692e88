"""The stand-in: a listener that speaks Redshift's wire protocol before a PostgreSQL server."""

import hashlib
import secrets
import socket
import ssl
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from resources.clients.postgres.connection import PostgresAddress
from tests.standins.redshift import wire
from tests.standins.redshift.certificates import server_tls
from tests.standins.redshift.journal import Journal
from tests.standins.redshift.session import ConnectionCutError, Session
from tests.standins.redshift.sources import S3
from tests.standins.redshift.wire import ConnectionLostError, RedshiftError, Stream, text

TEMPLATE = "redshift_template"
# Of the client's start-up parameters PostgreSQL gets these; the rest are Redshift's (client_protocol_version, ...).
PASSED_ON = {"application_name", "client_encoding", "options"}
SESSION_SETTINGS = {
    "default_transaction_isolation": "serializable",
    "timezone": "UTC",
    "standard_conforming_strings": "off",  # a backslash escapes inside quotes, as in PostgreSQL 8
    "escape_string_warning": "off",
}
REPORTED = {"server_version": "8.0.2", "client_encoding": "UNICODE"}


@dataclass(frozen=True)
class Statement:
    """A statement that reached the server. ``pid``: of the session, as pg_backend_pid() gives it."""

    pid: int
    database: str
    user: str
    query_group: str
    sql: str


@dataclass(frozen=True)
class Cut:
    """Where a connection ends: at a statement's number or text, ``before`` or ``after`` it."""

    at: int | str
    moment: str


class RedshiftStandIn:
    """Listens on loopback; each connection gets a server session of its own, in a thread.

    ``directory``: of its own, readable by the server. ``authority``: file of the certificate that clients have to
    trust, ``tls`` what a server shows it by; ``offers_tls`` off refuses TLS, as a port without it would.
    ``passwords``: of the users that may connect, by name; a user ``IAM:name`` or ``IAMR:name`` may with any, as
    temporary credentials are another service's affair. ``statements``: all that were executed.
    """

    def __init__(self, postgres: PostgresAddress, s3_endpoint: str, directory: Path):
        self.host, self.s3_endpoint = "127.0.0.1", s3_endpoint
        self.offers_tls = True
        self.passwords: dict[str, str] = {}
        self.statements: list[Statement] = []
        self.s3, self.journal = S3(s3_endpoint), Journal(directory / "journal")
        self.tls, self.authority = server_tls(directory)
        self._postgres = postgres
        self._cut: Cut | None = None
        self._lock = threading.Lock()
        self._prepare()
        self._listener = socket.create_server((self.host, 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _prepare(self) -> None:
        with self._administrator("postgres") as connection:
            connection.execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
        with self._administrator(TEMPLATE) as connection:
            connection.execute("SET allow_system_table_mods = on; SET check_function_bodies = off")
            connection.execute(Path(__file__).with_name("catalog.sql").read_text() + self.journal.views())
            connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA pg_catalog, redshift_standin TO public")

    @contextmanager
    def _administrator(self, database: str) -> Iterator[psycopg.Connection]:
        parameters = replace(self._postgres, database=database).parameters()
        with psycopg.connect(**parameters, autocommit=True) as connection:
            yield connection

    def create_database(self, name: str, owner: str, template: str = TEMPLATE) -> None:
        """An empty Redshift database, or a copy of another."""
        with self._administrator("postgres") as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" OWNER "{owner}"')

    def drop_database(self, name: str) -> None:
        """Remove a database, and what is recorded of it: the next of this name begins anew."""
        with self._administrator("postgres") as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        self.journal.forget(name)
        self.statements[:] = [statement for statement in self.statements if statement.database != name]

    def create_user(self, name: str, password: str) -> None:
        """A user who may log in; where it is there already, it gets this password."""
        with self._administrator("postgres") as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchall():
                connection.execute(f'CREATE ROLE "{name}" LOGIN CREATEROLE')
        self.passwords[name] = password

    # Cutting connections.

    @contextmanager
    def cut(self, before: int | str | None = None, after: int | str | None = None) -> Iterator[None]:
        """Ends one client's connection before or after a statement executed inside this block: the n-th (from 0), or
        the first that holds a text.

        After: the server has executed it, but the client hears nothing of it. What was not committed is gone by the
        time that the client notices.
        """
        chosen = after if before is None else before
        at = len(self.statements) + chosen if isinstance(chosen, int) else chosen
        with self._lock:
            self._cut = Cut(at, "after" if before is None else "before")
        try:
            yield
        finally:
            with self._lock:
                self._cut = None

    @contextmanager
    def statement(self, session: Session, sql: str) -> Iterator[bool]:
        """Around the execution of a statement. Gives whether its answer must not reach the client.

        Raises:
            ConnectionCutError: where the test asked for it.
        """
        moment = self._moment_of_cut(sql)
        if moment == "before":
            raise ConnectionCutError
        row = {"query": self.journal.next_query(), "label": session.query_group, "pid": session.pid, "querytxt": sql}
        self.journal.add(session.database, "stl_query", row | {"database": session.database, "aborted": 0})
        with self._lock:
            self.statements.append(Statement(session.pid, session.database, session.user, session.query_group, sql))
        try:
            yield moment == "after"
        finally:
            if moment == "after":
                raise ConnectionCutError

    def _moment_of_cut(self, sql: str) -> str | None:
        """Whether the connection ends here: before or after this statement. It ends once."""
        with self._lock:
            cut = self._cut
            if cut is None or not (cut.at in sql if isinstance(cut.at, str) else cut.at == len(self.statements)):
                return None
            self._cut = None
            return cut.moment

    # Connections.

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # answers are many small messages
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        client, server = Stream(connection), None
        try:
            client, parameters = self._startup(client)
            if parameters is None:
                return
            session = self._log_in(client, parameters)
            server = session.server
            session.run()
        except RedshiftError as error:
            with suppress(ConnectionLostError):
                client.send(b"E", error.body("FATAL"))
        except (ConnectionLostError, ConnectionCutError, ssl.SSLError):
            pass
        finally:
            if server:
                _leave(server)
            client.close()

    def _startup(self, client: Stream) -> tuple[Stream, Mapping[str, str] | None]:
        """Answer until the client names itself, in the clear or inside TLS."""
        while True:
            code, body = client.startup()
            if code == wire.SSL_REQUEST and self.offers_tls:
                client.write(b"S")
                client = Stream(self.tls.wrap_socket(client.connection, server_side=True))
            elif code in (wire.SSL_REQUEST, wire.GSS_REQUEST):
                client.write(b"N")
            elif code == wire.CANCEL_REQUEST:
                server = self._connect()
                server.send(b"", body)
                server.close()
                client.leave()
                return client, None
            else:
                return client, wire.startup_parameters(body)

    def _log_in(self, client: Stream, parameters: Mapping[str, str]) -> Session:
        """Ask for the password, then open the server session and pass its greeting on.

        Raises:
            RedshiftError: when either is refused.
        """
        user, database = parameters.get("user", ""), parameters.get("database") or parameters.get("user", "")
        self._check_password(client, user)
        role = user.split(":")[-1]
        server = self._connect()
        passed = {name: value for name, value in parameters.items() if name in PASSED_ON}
        passed["client_encoding"] = "UTF8"
        server.send(b"", wire.startup_body({"user": role, "database": database, **SESSION_SETTINGS, **passed}))
        session = Session(client, server, self, database, role, 0)
        while True:
            kind, body = server.receive()
            if kind == b"E":
                server.close()
                fields = wire.error_fields(body)
                raise RedshiftError(fields["M"], fields["C"])
            if kind == b"S":
                name = body.split(b"\0")[0].decode()
                body = text(name) + text(REPORTED[name]) if name in REPORTED else body
            if kind == b"K":
                (session.pid,) = struct.unpack_from("!i", body)
            client.send(kind, body)
            if kind == b"Z":
                return session

    def _check_password(self, client: Stream, user: str) -> None:
        salt = secrets.token_bytes(4)
        client.send(b"R", struct.pack("!i", 5) + salt)
        kind, body = client.receive()
        inner = hashlib.md5((self.passwords.get(user, "") + user).encode()).hexdigest()
        expected = "md5" + hashlib.md5(inner.encode() + salt).hexdigest()
        temporary = user.startswith(("IAM:", "IAMR:")) and user.rsplit(":", maxsplit=1)[-1] in self.passwords
        known = user in self.passwords and body == text(expected)
        if kind != b"p" or not (temporary or known):
            raise RedshiftError(f'password authentication failed for user "{user}"', "28000")

    def _connect(self) -> Stream:
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{self._postgres.host}/.s.PGSQL.{self._postgres.port}")
        return Stream(server)

    def stop(self) -> None:
        """Take no more connections, and drop the template."""
        self._listener.close()
        self.drop_database(TEMPLATE)


def _leave(server: Stream) -> None:
    """End the server session, and wait until it has let go of its locks."""
    with suppress(ConnectionLostError):
        server.send(b"X")
        while True:
            server.receive()
    server.close()
