"""Connecting to PostgreSQL, and what it complains of as our errors: once for everything that speaks to it."""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.csv
from psycopg.rows import dict_row

from core.errors import DatabaseUnavailable, DayMissing, DiskRefused, LoadRejected, PermanentError
from core.plain import one_line
from core.sql.ddl import staging
from core.sql.names import listed
from core.tables import Table
from resources.clients.postgres.kept import KeptSessions

CONNECT_SECONDS = 10
LONGEST_LABEL = 63  # bytes of an application's name; PostgreSQL cuts the rest
SHOWN = 500  # characters of what the server says that a message shows
SESSIONS = KeptSessions()
NO_HEADER = pyarrow.csv.WriteOptions(include_header=False)

REFUSED = (
    psycopg.errors.InvalidAuthorizationSpecification,
    psycopg.errors.InvalidPassword,
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.InvalidCatalogName,
)
# What a server says when it lets nobody in: the driver has only its words then. One that says so in another language
# counts as one that does not answer.
_NO_ENTRY = re.compile(
    "authentication failed|no password supplied|not permitted to log in|no pg_hba.conf entry|permission denied for "
    'database|(role|user|database) ".*" does not exist'
)


@dataclass(frozen=True)
class PostgresAddress:
    """Where a server is and who connects. ``host`` may be the directory of a socket file."""

    host: str
    port: int
    database: str
    user: str
    password: str | None = field(default=None, repr=False)
    sslmode: str = "prefer"
    dbt_user: str | None = None
    dbt_password: str | None = field(default=None, repr=False)

    def parameters(self) -> dict[str, Any]:
        """What psycopg connects with."""
        return {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.user,
            "password": self.password,
            "sslmode": self.sslmode,
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "headwater",
            "options": "-c timezone=UTC",
        }

    def __str__(self) -> str:
        return f"{self.host}:{self.port}/{self.database}"


class PostgresSession(psycopg.Connection[dict[str, Any]]):
    """A connection in a transaction."""

    def run(self, statement: str, parameters: Any = None) -> list[dict[str, Any]]:
        """The rows of one statement; none of a statement that has no result."""
        cursor = self.execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description else []

    def copy_batches(self, table: Table, batches: Iterable[pa.RecordBatch]) -> None:
        """Batches into the staging table; an unquoted empty cell is null.

        Raises:
            LoadRejected: when a column does not take a value.
        """
        statement = f"COPY {staging(table)} ({listed(table.arrow_schema.names)}) FROM STDIN (FORMAT csv)"
        with rows_explained(table), self.cursor().copy(statement.encode()) as copy:
            for batch in batches:
                text = io.BytesIO()
                pyarrow.csv.write_csv(batch, text, NO_HEADER)
                copy.write(text.getbuffer())

    def copy_rows(self, table: Table, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Rows of Python's values, by a COPY statement.

        Raises:
            LoadRejected: when a column does not take a value.
        """
        with rows_explained(table), self.cursor().copy(statement.encode()) as copy:
            for row in rows:
                copy.write_row(row)


@contextmanager
def connected(address: PostgresAddress, label: str | None = None) -> Iterator[PostgresSession]:
    """A session whose work is committed at the end, or not at all. label: what it is called in the server's lists.

    Raises:
        DatabaseUnavailable: when the server does not answer or breaks off.
        DayMissing: when a table is not there yet.
        DiskRefused: when the server's disk is full.
        LoadRejected: when rows break a key or a required column.
        PermanentError: when it refuses the login or the role's rights do not suffice.
    """
    try:
        with SESSIONS.transaction((PostgresSession, address), lambda: _connect(address)) as session:
            if label:
                session.run("SELECT set_config('application_name', %s, true)", [label[:LONGEST_LABEL]])
            yield session
    except psycopg.errors.UndefinedTable as error:
        raise DayMissing(
            f"PostgreSQL at {address}: {said(error)}. Materialize the warehouse tables (or dbt models) of the day "
            "first."
        ) from error
    except psycopg.IntegrityError as error:
        raise LoadRejected(
            f"PostgreSQL at {address} refuses rows: {said(error)}. Nothing was changed; mend the rows, then run again."
        ) from error
    except psycopg.errors.DiskFull as error:
        raise DiskRefused(
            f"PostgreSQL at {address}: {said(error)}. Nothing was changed; make room on the server's disk, then run "
            "again."
        ) from error
    except (*REFUSED, psycopg.OperationalError) as error:
        if refuses_login(error):
            raise PermanentError(
                f"PostgreSQL at {address} refuses {address.user}: {said(error)}. Check POSTGRES_USER, "
                "POSTGRES_PASSWORD and POSTGRES_DATABASE, and what the role may do."
            ) from error
        raise DatabaseUnavailable(
            f"PostgreSQL at {address}: {said(error)}. Check that it runs and that POSTGRES_HOST, "
            "POSTGRES_PORT and POSTGRES_SSLMODE are right, then run again."
        ) from error


def refuses_login(error: psycopg.Error) -> bool:
    """Whether a server refuses who asks, which stays so until somebody changes a login, a right or a name."""
    return isinstance(error, REFUSED) or (error.sqlstate is None and _NO_ENTRY.search(str(error)) is not None)


def _connect(address: PostgresAddress) -> PostgresSession:
    """Nothing is prepared: a plan would outlive its transaction, and fail when another process migrates the table."""
    return PostgresSession.connect(**address.parameters(), row_factory=dict_row, prepare_threshold=None)


@contextmanager
def rows_explained(table: Table) -> Iterator[None]:
    """What no column takes, by the table's name."""
    try:
        yield
    except psycopg.DataError as error:
        where = f" ({error.diag.context})" if error.diag.context else ""
        raise LoadRejected(
            f"PostgreSQL: {table.address} refuses rows: {said(error)}{where}. The table is unchanged; mend the rows at "
            "their source, or export these days again."
        ) from error


def said(error: psycopg.Error) -> str:
    """What the server, or the driver, said; its first line."""
    with suppress(AttributeError):
        if error.diag.message_primary:
            return one_line(error.diag.message_primary, SHOWN)
    return one_line(str(error).strip().split("\n", maxsplit=1)[0], SHOWN)
