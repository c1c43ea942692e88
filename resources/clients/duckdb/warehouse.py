"""The local warehouse: one DuckDB file, written by one process at a time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Self

import duckdb
import pyarrow as pa
from filelock import FileLock, Timeout

from core import warehouse_sql as sql
from core.errors import DayMissing, LoadRejected, WarehouseBusy
from core.migration import FoundColumn, changes
from core.scratch import ScratchDirectory
from core.tables import Table
from core.windows import DayWindow, windows
from resources.clients.lake.lake import LakeObject
from resources.clients.warehouse import Account

# How long to wait for another run's load or dbt build before giving the run back to its retry policy.
LOCK_SECONDS = 600


class DuckDbWarehouse:
    """Tables in a DuckDB file; ``:memory:`` lives as long as the object.

    Processes take turns by a lock file beside the database, since DuckDB admits a single writing process.
    """

    engine = "duckdb"

    def __init__(self, path: str):
        self.path = path
        self._memory = duckdb.connect() if path == ":memory:" else None

    def labelled(self, label: str) -> Self:
        """The same warehouse: statements of this process are nobody else's to tell apart."""
        return self

    def dbt_environment(self) -> dict[str, str]:
        """What ``dbt_project/profiles.yml`` reads for this file."""
        return {"DUCKDB_PATH": self.path}

    def grant(self, *tables: Table) -> None:
        """A file has no roles; here so that every engine migrates alike."""

    def uri(self, address: str) -> str:
        """The address of a table or view, ``schema.name``, with its database."""
        return f"duckdb://{self.path}/{address}"

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Holds the database file for this process, so that another tool may open it meanwhile.

        Raises:
            WarehouseBusy: when another process keeps it too long.
        """
        if self._memory:
            yield
            return
        path = Path(self.path).absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{path}.lock", is_singleton=True)
        try:
            lock.acquire(timeout=LOCK_SECONDS)
        except Timeout as error:
            raise WarehouseBusy(
                f"DuckDB: another run has held {path} for {LOCK_SECONDS} s. Run again later."
            ) from error
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        if self._memory:
            with self._memory.cursor() as cursor:
                yield cursor
            return
        with self.exclusive():
            try:
                connection = duckdb.connect(self.path)
            except duckdb.IOException as error:
                raise WarehouseBusy(
                    f"DuckDB: cannot open {self.path}: {error}. Close the program that holds it, then run again."
                ) from error
            with connection:
                yield connection

    @contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._connection() as connection:
            connection.execute("SET preserve_insertion_order = false; BEGIN")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def migrate(self, *tables: Table) -> None:
        """Create the tables, or add the columns they lack.

        Raises:
            PermanentError: when a column has another type than declared.
        """
        with self._transaction() as connection:
            for table in tables:
                self._migrate(connection, table)

    def _migrate(self, connection: duckdb.DuckDBPyConnection, table: Table) -> None:
        connection.execute(sql.create_schema(table.system))
        found = connection.execute(
            "SELECT c.column_name, c.data_type, c.comment, t.comment FROM duckdb_columns() AS c "
            "JOIN duckdb_tables() AS t USING (table_oid) WHERE c.schema_name = ? AND c.table_name = ?",
            [table.system, table.name],
        ).fetchall()
        for statement in changes(table, sql.DUCKDB, [FoundColumn(*column) for column in found]):
            connection.execute(statement)

    def replace(self, table: Table, source: LakeObject) -> Account:
        """Make the days of ``source`` exactly what the lake holds, in one transaction for each run of days.

        There is nothing to tell of a day but its rows: texts of any length are held.

        Raises:
            LoadRejected: when the files hold another number of rows than their manifests say.
        """
        with ScratchDirectory("load") as scratch:
            by_day = {day.day: day for day in source.days}
            for window in windows(by_day):
                days = [by_day[day] for day in window]
                files = [str(path) for day in days for path in day.local_files(Path(scratch))]
                listed = ", ".join(map(sql.literal, files))
                expected = sum(day.manifest.rows for day in days)
                with self._transaction() as connection:
                    self._load(connection, table, window, f"read_parquet([{listed}])", expected)
        return {}

    def replace_with(self, table: Table, window: DayWindow, rows: pa.Table) -> Account:
        """Make a window of days exactly ``rows``, in one transaction."""
        with self._transaction() as connection:
            connection.register("staged_rows", rows)
            self._load(connection, table, window, "staged_rows", rows.num_rows)
        return {}

    def _load(
        self, connection: duckdb.DuckDBPyConnection, table: Table, window: DayWindow, source: str, expected: int
    ) -> None:
        """Files are staging enough for DuckDB: their rows are counted before anything is deleted."""
        outside = f"SELECT count(*), count(*) FILTER (NOT ({sql.in_window(window)})) FROM {source}"
        staged, strangers = connection.execute(outside).fetchall()[0]
        if staged != expected or strangers:
            raise LoadRejected(
                f"DuckDB: the files of {table.address} for {window} hold {staged:,} rows, {strangers:,} of them of "
                f"other days; their manifests say {expected:,}. Export these days again; the table is unchanged."
            )
        self._migrate(connection, table)
        connection.execute(sql.delete_window(table, window))
        connection.execute(sql.insert_from(table, source))

    def read(self, table: Table, window: DayWindow, columns: list[str] | None = None) -> pa.Table:
        """A window of the table's days."""
        return self.query(sql.select_window(table, window, columns))

    def columns(self, address: str) -> dict[str, str]:
        """Names and types of the columns of a table or view."""
        return {row["column_name"]: row["column_type"] for row in self.query(f"DESCRIBE {address}").to_pylist()}

    def count_by_day(self, table: Table, window: DayWindow) -> dict[date, int]:
        """Rows of each day of the window that has any."""
        counted = self.query(sql.count_by_day(table, window)).to_pylist()
        return {row["block_date"]: row["row_count"] for row in counted}

    def query(self, statement: str, parameters: Sequence[Any] | None = None) -> pa.Table:
        """The result of one statement.

        Raises:
            DayMissing: when a table is not there yet.
        """
        with self._connection() as connection:
            try:
                return connection.sql(statement, params=parameters).to_arrow_table()
            except duckdb.CatalogException as error:
                reason = str(error).splitlines()[0]
                raise DayMissing(
                    f"DuckDB: {self.path}: {reason}. Materialize the warehouse tables (or dbt models) of the day first."
                ) from error
