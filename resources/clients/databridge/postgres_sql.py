"""A PostgreSQL that tables are replaced in: batches and COPY on one connection, errors as the product's."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import psycopg
from psycopg.rows import dict_row

from core.errors import DatabaseUnavailable, DiskRefused, LoadRejected, SourceRefused
from core.plain import one_line
from core.secrecy import hidden
from resources.clients.postgres.connection import refuses_login

PIECE = 1 << 18
CONNECT_SECONDS = 10
# A server that is gone is noticed within two minutes.
ALIVE = {"keepalives_idle": 60, "keepalives_interval": 15, "keepalives_count": 4}
# A statement that takes longer is given up, and so is waiting for a lock that a reader holds.
STATEMENT_SECONDS, LOCK_SECONDS = 3600, 60


class PostgresSql:
    """Batches on a server. parameters: psycopg's; close when done."""

    def __init__(self, parameters: dict[str, Any]):
        self._parameters = parameters
        self._connection: psycopg.Connection[dict[str, Any]] | None = None

    def __str__(self) -> str:
        return f"PostgreSQL {self._parameters.get('host')}/{self._parameters.get('dbname')}"

    def run(self, sql: str) -> list[dict[str, Any]]:
        """The rows of the last statement; all statements are one transaction.

        Raises:
            DatabaseUnavailable, LoadRejected: when the server breaks off, or refuses the SQL.
            SourceRefused, DiskRefused: when it refuses the login, or its disk is full.
        """
        with self._explained() as connection:
            cursor = connection.execute(sql.encode())
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else []

    def copy(self, sql: str, file: IO[bytes]) -> int:
        """The rows that COPY took from the file."""
        with self._explained() as connection, connection.cursor() as cursor:
            with cursor.copy(sql.encode()) as copy:
                while piece := file.read(PIECE):
                    copy.write(piece)
            return cursor.rowcount

    def close(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _explained(self) -> Iterator[psycopg.Connection[dict[str, Any]]]:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = self._connected()
            yield self._connection
        except (
            psycopg.errors.LockNotAvailable,
            psycopg.errors.QueryCanceled,
            psycopg.errors.DeadlockDetected,
        ) as error:
            raise DatabaseUnavailable(f"{self}: {said(error)}. Run again when the table is less in use.") from error
        except psycopg.errors.DiskFull as error:
            raise DiskRefused(
                f"{self}: {said(error)}. The live table is as it was; make room on the server's disk, then run again."
            ) from error
        except psycopg.OperationalError as error:
            self.close()
            raise not_connected(self, error) from error
        except psycopg.Error as error:
            raise LoadRejected(f"{self}: {said(error)}. Correct the table's file, schema or data.") from error

    def _connected(self) -> psycopg.Connection[dict[str, Any]]:
        connection = psycopg.Connection[dict[str, Any]].connect(
            **{"connect_timeout": CONNECT_SECONDS, **ALIVE, **self._parameters},
            autocommit=True,
            row_factory=dict_row,
            prepare_threshold=None,
        )
        connection.execute(
            f"SET statement_timeout = '{STATEMENT_SECONDS}s'; SET lock_timeout = '{LOCK_SECONDS}s'".encode()
        )
        return connection


def said(error: psycopg.Error) -> str:
    """What the server or the driver said, on one line, without a secret."""
    lines = hidden(str(error)).strip().splitlines()
    return one_line(lines[0], 300) if lines else type(error).__name__


def not_connected(who: object, error: psycopg.OperationalError) -> SourceRefused | DatabaseUnavailable:
    """What a connection that was refused or broke off means: somebody has to change a login, or it may pass."""
    if refuses_login(error):
        return SourceRefused(f"{who}: {said(error)}. Check the connection's secret.")
    return DatabaseUnavailable(f"{who}: {said(error)}. Check that it runs, then run again.")
