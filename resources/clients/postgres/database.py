"""PostgreSQL: tables that sources' rows are merged into, or whose days are replaced, each in one transaction."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import psycopg
import pyarrow as pa
from psycopg.rows import dict_row

from core import postgres_sql as sql
from core.errors import DatabaseUnavailable, LoadRejected, PermanentError
from core.merging import Batch, Merge, Merged, Row, content_hash
from core.tables import Table
from core.warehouse_sql import column_list, create_schema, quoted
from core.windows import DayWindow

CONNECT_SECONDS = 10

Connection = psycopg.Connection[dict[str, Any]]


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


class Postgres:
    """One database."""

    engine = "postgres"

    def __init__(self, address: PostgresAddress):
        self.address = address

    def uri(self, address: str) -> str:
        """The address of a table or view, ``schema.table``, with its database; no user, no password."""
        return f"postgresql://{self.address}/{address}"

    def dbt_environment(self) -> dict[str, str]:
        """What ``dbt_project/profiles.yml`` reads for this server."""
        address = self.address
        return {
            "POSTGRES_HOST": address.host,
            "POSTGRES_PORT": str(address.port),
            "POSTGRES_DATABASE": address.database,
            "POSTGRES_SSLMODE": address.sslmode,
            "POSTGRES_DBT_USER": address.dbt_user or address.user,
            "POSTGRES_DBT_PASSWORD": (address.dbt_password if address.dbt_user else address.password) or "",
        }

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection whose work is committed at the end, or not at all.

        Raises:
            DatabaseUnavailable: when the server does not answer or breaks off.
            PermanentError: when it refuses the login.
        """
        try:
            with Connection.connect(**self.address.parameters(), row_factory=dict_row) as connection:
                yield connection
        except (
            psycopg.errors.InvalidAuthorizationSpecification,
            psycopg.errors.InvalidPassword,
            psycopg.errors.InsufficientPrivilege,
            psycopg.errors.InvalidCatalogName,
        ) as error:
            raise PermanentError(
                f"PostgreSQL at {self.address} refuses {self.address.user}: {_first_line(error)}. Check POSTGRES_USER, "
                "POSTGRES_PASSWORD and POSTGRES_DATABASE, and what the role may do."
            ) from error
        except psycopg.OperationalError as error:
            raise DatabaseUnavailable(
                f"PostgreSQL at {self.address}: {_first_line(error)}. Check that it runs and that POSTGRES_HOST, "
                "POSTGRES_PORT and POSTGRES_SSLMODE are right, then run again."
            ) from error

    def records(self, statement: str, parameters: Mapping[str, Any] | Sequence[Any] | None = None) -> list[dict]:
        """The rows of a query."""
        with self.transaction() as connection:
            return connection.execute(statement.encode(), parameters).fetchall()

    def query(self, statement: str, parameters: Mapping[str, Any] | Sequence[Any] | None = None) -> pa.Table:
        """The rows of a query, as arrow."""
        return pa.Table.from_pylist(self.records(statement, parameters))

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """PostgreSQL needs no turns; here so that dbt runs alike on every engine."""
        yield

    def migrate(self, *tables: Table) -> None:
        """Create the tables, their histories and indexes, or add the columns they lack."""
        with self.transaction() as connection:
            for table in tables:
                self._migrate(connection, table)

    def _migrate(self, connection: Connection, table: Table) -> None:
        # Two processes creating the same thing at once fail on the catalog, IF NOT EXISTS or not.
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('headwater'))")
        schema, name = table.address.split(".")
        known = _columns(connection, schema, name)
        if known == {column.name for column in sql.all_columns(table)}:
            return
        if not connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [schema]).fetchall():
            connection.execute(create_schema(schema).encode())
        for column in sql.all_columns(table):
            if known and column.name not in known:
                connection.execute(sql.add_column(table.address, column).encode())
                if table.merge and table.merge.history:
                    connection.execute(sql.add_column(sql.history_address(table), column).encode())
        for statement in (*sql.create_table(table), *sql.comments(table)):
            connection.execute(statement.encode())

    def merge(self, table: Table, batch: Batch, run_id: str, now: datetime) -> Merged:
        """Merge a batch by the table's rule, in one transaction; a second time, every row is unchanged.

        Raises:
            LoadRejected: when rows of the batch contradict each other, or a value does not fit its column.
        """
        with self.transaction() as connection:
            return self.merge_within(connection, table, batch, run_id, now)

    def merge_within(self, connection: Connection, table: Table, batch: Batch, run_id: str, now: datetime) -> Merged:
        """The same, inside a transaction that holds more."""
        rule = table.merge or Merge()
        self._migrate(connection, table)
        # Writers of a table take turns; readers go on.
        connection.execute(f"LOCK TABLE {table.address} IN SHARE ROW EXCLUSIVE MODE".encode())
        self._stage(connection, table, batch)
        stamp = {"source": batch.source, "now": now, "run_id": run_id, **batch.complete_for}
        if rule.history:
            connection.execute(sql.remember_replaced(table).encode(), stamp)
        orphaned = 0
        if rule.one_current:
            for statement in sql.orphan_displaced(table, rule, batch.complete_for):
                orphaned += connection.execute(statement.encode(), stamp).rowcount
        touched = connection.execute(sql.merge_staged(table, rule).encode(), stamp).fetchall()
        inserted = sum(row["inserted"] for row in touched)
        return Merged(
            inserted=inserted,
            updated=len(touched) - inserted,
            unchanged=len(batch.rows) - len(touched),
            rejected=sum(batch.rejected.values()),
            orphaned=orphaned,
        )

    def _stage(self, connection: Connection, table: Table, batch: Batch) -> None:
        connection.execute("DROP TABLE IF EXISTS pg_temp.staged")
        connection.execute(sql.stage(table).encode())
        names = [column.name for column in table.columns]
        content = [name for name in names if name not in table.key]
        try:
            with connection.cursor().copy(sql.copy_into_stage(table).encode()) as copy:
                for row in batch.rows:
                    copy.write_row([*(row.get(name) for name in names), content_hash(row, content)])
        except psycopg.DataError as error:
            raise LoadRejected(
                f"PostgreSQL: {table.address} takes no row of {batch.source} as it is: {_first_line(error)}. "
                "The table is unchanged."
            ) from error
        connection.execute(f"ANALYZE {sql.STAGED}".encode())
        unique = (table.key, *((table.merge.one_current,) if table.merge and table.merge.one_current else ()))
        for columns in unique:
            repeated = connection.execute(sql.repeated_in_stage(columns).encode()).fetchall()[0]["string_agg"]
            if repeated:
                raise LoadRejected(
                    f"PostgreSQL: {batch.source} holds several rows with the same {', '.join(columns)} for "
                    f"{table.address}: {repeated}. The table is unchanged; run again."
                )

    def append_within(self, connection: Connection, table: Table, row: Row) -> None:
        """Add a row to a table that is only ever added to, inside a transaction that holds more."""
        self._migrate(connection, table)
        connection.execute(sql.append(table, row).encode(), row)

    def replace_with(self, table: Table, window: DayWindow, rows: pa.Table) -> None:
        """Make a window of days exactly ``rows``, in one transaction.

        Raises:
            LoadRejected: when a row belongs to another day, or does not fit.
        """
        days = {row[table.day_column] for row in rows.select([table.day_column]).to_pylist()}
        if strangers := days - set(window):
            raise LoadRejected(
                f"PostgreSQL: rows of {sorted(map(str, strangers))[:3]} were to replace {window} of {table.address}. "
                "The table is unchanged; return the rows of the partition only."
            )
        with self.transaction() as connection:
            self._migrate(connection, table)
            connection.execute(sql.delete_window(table, window).encode())
            try:
                with connection.cursor().copy(
                    f"COPY {table.address} ({column_list(table)}) FROM STDIN".encode()
                ) as copy:
                    for row in rows.select([column.name for column in table.columns]).to_pylist():
                        copy.write_row(list(row.values()))
            except (psycopg.DataError, psycopg.IntegrityError) as error:
                raise LoadRejected(
                    f"PostgreSQL: {table.address} refuses the rows of {window}: {_first_line(error)}. "
                    "The table is unchanged."
                ) from error

    def read(self, table: Table, window: DayWindow | None) -> pa.Table:
        """A window of the table's days, or all of it, without orphans."""
        rows = self.records(sql.select_window(table, window))
        return pa.Table.from_pylist(rows, schema=table.arrow_schema)

    def count_by_day(self, address: str, window: DayWindow, day_column: str = "day") -> dict[date, int]:
        """Rows of each day of the window that has any."""
        found = self.records(
            f"SELECT {quoted(day_column)} AS day, count(*) AS row_count FROM {address} "
            f"WHERE {quoted(day_column)} BETWEEN %s AND %s GROUP BY 1",
            [window.first, window.last],
        )
        return {row["day"]: row["row_count"] for row in found}

    def columns(self, address: str) -> dict[str, str]:
        """Columns and their types of a table or view, in order; none when there is no such."""
        found = self.records(
            "SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute "
            "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            [address],
        )
        return {row["attname"]: row["type"] for row in found}

    def count(self, address: str) -> int:
        """Rows of a table or view."""
        return self.records(f"SELECT count(*) AS row_count FROM {address}")[0]["row_count"]


def _columns(connection: Connection, schema: str, name: str) -> set[str]:
    found = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
        [f"{schema}.{name}"],
    ).fetchall()
    return {row["attname"] for row in found}


def _first_line(error: psycopg.Error) -> str:
    with suppress(AttributeError):
        if error.diag.message_primary:
            return error.diag.message_primary
    return str(error).strip().split("\n", maxsplit=1)[0]
