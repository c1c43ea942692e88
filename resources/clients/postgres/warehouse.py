"""PostgreSQL as the warehouse of a room with a lake: COPY of the lake's files, in bounded memory."""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, Self

import psycopg
import pyarrow as pa
import pyarrow.csv

from core import warehouse_sql as sql
from core.errors import DayMissing, LoadRejected
from core.tables import Table
from core.warehouse_sql import Roles, column_list, literal
from resources.clients.lake.lake import LakeDay
from resources.clients.postgres.database import Connection, Postgres, PostgresAddress
from resources.clients.warehouse import ServerWarehouse, Staging

NOBODY = Roles()
LONGEST_NAME = 63  # bytes of an application's name; PostgreSQL cuts the rest
NO_HEADER = pyarrow.csv.WriteOptions(include_header=False)


@dataclass(frozen=True)
class _Session:
    connection: Connection

    def run(self, statement: str, parameters: Sequence[Any] | None = None) -> list[dict[str, Any]]:
        cursor = self.connection.execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description else []

    def copy(self, table: Table, batches: Iterable[pa.RecordBatch]) -> None:
        """Batches into the staging table; an unquoted empty cell is null."""
        statement = f"COPY {sql.staging(table)} ({column_list(table)}) FROM STDIN (FORMAT csv)"
        try:
            with self.connection.cursor().copy(statement.encode()) as copy:
                for batch in batches:
                    text = io.BytesIO()
                    pyarrow.csv.write_csv(batch, text, NO_HEADER)
                    copy.write(text.getbuffer())
        except psycopg.DataError as error:
            raise LoadRejected(
                f"PostgreSQL: {table.address} refuses rows of the lake: {error.diag.message_primary} "
                f"({error.diag.context}). The table is unchanged; export these days again."
            ) from error


class PostgresWarehouse(ServerWarehouse):
    """Tables of one database. Texts of any length are held, so no column has a length beside it."""

    engine = "postgres"
    dialect = sql.POSTGRES
    # Two processes creating the same thing at once fail on the catalog, IF NOT EXISTS or not.
    migration_lock = "SELECT pg_advisory_xact_lock(hashtext('headwater'))"

    def __init__(self, address: PostgresAddress, roles: Roles = NOBODY, label: str | None = None):
        super().__init__(roles)
        self._database, self._label = Postgres(address), label

    def labelled(self, label: str) -> Self:
        """The same warehouse, its connections named after the label."""
        return type(self)(self._database.address, self.roles, label)

    def uri(self, address: str) -> str:
        """The address of a table or view, with its database; no user, no password."""
        return self._database.uri(address)

    def dbt_environment(self) -> dict[str, str]:
        """What ``dbt_project/profiles.yml`` reads for this server."""
        return self._database.dbt_environment()

    @contextmanager
    def transaction(self) -> Iterator[_Session]:
        """A session whose work is committed at the end, or not at all.

        Raises:
            DatabaseUnavailable: when the server does not answer or breaks off.
            DayMissing: when a table is not there yet.
            PermanentError: when it refuses the login or the role's rights do not suffice.
        """
        try:
            with self._database.transaction() as connection:
                session = _Session(connection)
                if self._label:
                    session.run(f"SET application_name = {literal(self._label[:LONGEST_NAME])}")
                yield session
        except psycopg.errors.UndefinedTable as error:
            raise DayMissing(
                f"PostgreSQL: {self.uri('')}: {error.diag.message_primary}. Materialize the warehouse tables (or dbt "
                "models) of the day first."
            ) from error

    @contextmanager
    def staged_days(self, table: Table, days: Sequence[LakeDay]) -> Iterator[Staging]:
        """Days of the lake, read batch by batch while they are copied."""
        yield self._staging(table, chain.from_iterable(day.batches() for day in days))

    @contextmanager
    def staged_rows(self, table: Table, rows: pa.Table) -> Iterator[Staging]:
        """Rows in memory."""
        yield self._staging(table, rows.to_batches())

    def _staging(self, table: Table, batches: Iterable[pa.RecordBatch]) -> Staging:
        return Staging(
            fill=lambda session: session.copy(table, batches), insert=sql.insert_from(table, sql.staging(table))
        )
