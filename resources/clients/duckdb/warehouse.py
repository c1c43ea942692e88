"""The local warehouse: one DuckDB file, written by one process at a time."""

import glob
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from core.errors import DayMissing, LoadRejected, WarehouseBusy
from core.private import make_private
from core.scratch import ScratchDirectory
from core.sql import replacing
from core.sql.dialects import DUCKDB
from core.sql.migration import FoundColumn
from core.sql.names import address_of, literal, quoted
from core.sql.replacing import Part, Slice
from core.sql.storing import is_narrowed, stored
from core.tables import Table
from core.windows import DayWindow
from resources.clients.duckdb.disk import disk_trouble_told, remove_cut_off
from resources.clients.duckdb.opening import opened, why_not_opened
from resources.clients.lake.reading import LakeDay
from resources.clients.warehouse import WHOLE, Staging, Warehouse

# How long to wait for another run's load or dbt build before giving the run back to its retry policy.
LOCK_SECONDS = 600


@dataclass(frozen=True)
class _Session:
    connection: duckdb.DuckDBPyConnection

    def run(self, statement: str, parameters: Sequence[Any] | None = None) -> list[dict[str, Any]]:
        result = self.connection.execute(statement, parameters)
        names = [name for name, *_ in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


class DuckDbWarehouse(Warehouse):
    """Tables in a DuckDB file; ``:memory:`` lives as long as the object.

    Processes take turns by a lock file beside the database, since DuckDB admits a single writing process. A file has no
    roles, and texts of any length are held: there is nothing to grant, and nothing to tell of a day but its rows.
    """

    engine = "duckdb"
    dialect = DUCKDB

    def __init__(self, path: str):
        super().__init__()
        self.path = path
        self._memory = duckdb.connect() if path == ":memory:" else None

    def labelled(self, label: str) -> Self:
        """The same warehouse: statements of this process are nobody else's to tell apart."""
        return self

    def dbt_environment(self) -> dict[str, str]:
        """What ``dbt_project/profiles.yml`` reads for this file."""
        return {"DUCKDB_PATH": self.path}

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
        make_private(path.parent)
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
        with self.exclusive(), disk_trouble_told(self.path):
            path = Path(self.path).absolute()
            remove_cut_off(path)
            with ExitStack() as stack:
                try:
                    connection = stack.enter_context(opened(path))
                except duckdb.Error as error:
                    raise why_not_opened(path, error) from error
                yield connection

    @contextmanager
    def transaction(self) -> Iterator[_Session]:
        """A session whose work is committed at the end, or not at all.

        Raises:
            DayMissing: when a table is not there yet.
            WarehouseBusy: when another program holds the file.
            PermanentError: when it is no database that can be opened.
        """
        with self._connection() as connection:
            connection.execute("SET preserve_insertion_order = false; BEGIN")
            try:
                with self._missing_explained():
                    yield _Session(connection)
            except BaseException:
                with suppress(duckdb.Error):  # of a database that is invalid since, which must not hide why
                    connection.execute("ROLLBACK")
                raise
            # Of the instance, which later connections share.
            connection.execute("COMMIT; RESET preserve_insertion_order")

    @contextmanager
    def _missing_explained(self) -> Iterator[None]:
        try:
            yield
        except duckdb.CatalogException as error:
            reason = str(error).splitlines()[0]
            raise DayMissing(
                f"DuckDB: {self.path}: {reason}. Materialize the warehouse tables (or dbt models) of the day first."
            ) from error

    def _found_columns(self, session: Any, address: str) -> list[FoundColumn]:
        found = session.run(
            "SELECT c.column_name AS name, c.data_type AS type, c.comment AS comment, "
            "coalesce(t.comment, v.comment) AS table_comment FROM duckdb_columns() AS c "
            "LEFT JOIN duckdb_tables() AS t USING (database_oid, table_oid) "
            "LEFT JOIN duckdb_views() AS v ON (v.database_oid, v.view_oid) = (c.database_oid, c.table_oid) "
            "WHERE c.database_name = current_database() AND c.schema_name = ? AND c.table_name = ? "
            "ORDER BY c.column_index",
            list(address_of(address)),
        )
        return [FoundColumn(**column) for column in found]

    def _has_schema(self, session: Any, schema: str) -> bool:
        schemas = (
            "SELECT schema_name FROM duckdb_schemas() WHERE database_name = current_database() AND schema_name = ?"
        )
        return bool(session.run(schemas, [schema]))

    @contextmanager
    def staged_days(self, table: Table, days: Sequence[LakeDay]) -> Iterator[Staging]:
        """Days of the lake: files are staging enough for DuckDB, which reads them twice."""
        with ScratchDirectory("load") as scratch:
            files = [path for day in days for path in day.local_files(Path(scratch))]
            if is_narrowed(table, self.dialect):
                files = [_narrowed(table, path, Path(scratch) / f"narrowed-{at}") for at, path in enumerate(files)]
            yield self._staging(table, lambda session: parquet(files))

    @contextmanager
    def staged_rows(self, table: Table, rows: pa.Table) -> Iterator[Staging]:
        """Rows in memory, which DuckDB reads where they are."""
        batches = list(stored(rows.select(table.arrow_schema.names).to_batches(), table, self.dialect))
        held = pa.Table.from_batches(batches) if batches else _without_rows(table)

        def fill(session: _Session) -> str:
            session.connection.register("staged_rows", held)
            return "staged_rows"

        yield self._staging(table, fill)

    def _replace(self, table: Table, rows: Slice, staging: Staging, days: Sequence[LakeDay] | None = None) -> None:
        """The same; files that DuckDB cannot read to their end are told of."""
        try:
            super()._replace(table, rows, staging, days)
        except duckdb.Error as error:
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise LoadRejected(
                f"DuckDB: the rows of {table.address} for {rows} cannot be read: {said}. The table is unchanged; "
                "export these days again."
            ) from error

    def _staging(self, table: Table, fill: Any) -> Staging:
        def filled(session: _Session) -> str:
            source = fill(session)
            _check_columns(session, table, source)
            return source

        return Staging(filled, lambda source: replacing.insert_from(table, source, self.dialect))

    def read_address(
        self,
        address: str,
        window: DayWindow | None,
        day_column: str,
        columns: Sequence[str] | None = None,
        part: Part = WHOLE,
    ) -> pa.Table:
        """A window of the days of any table or view, a mart for instance, or all of it; rows come in no order.

        Raises:
            DayMissing: when there is no such table or view.
        """
        names = [quoted(name) for name in columns or self._columns_there(address)]
        return _in_utc(self.query(replacing.select_from(address, names, window, day_column, part)))

    def _fetched(self, statement: str, schema: pa.Schema) -> pa.Table:
        found = self.query(statement)
        # Times come in the session's zone, and every column as nullable.
        arrays = [column.cast(field.type) for column, field in zip(found.columns, schema, strict=True)]
        return pa.Table.from_arrays(arrays, schema=schema)

    def query(self, statement: str, parameters: Sequence[Any] | None = None) -> pa.Table:
        """The result of one statement.

        Raises:
            DayMissing: when a table is not there yet.
        """
        with self._connection() as connection, self._missing_explained():
            return connection.sql(statement, params=parameters).to_arrow_table()


def _in_utc(rows: pa.Table) -> pa.Table:
    """The same moments; DuckDB gives them in the zone of the machine."""
    return rows.cast(
        pa.schema(
            field.with_type(pa.timestamp("us", tz="UTC"))
            if pa.types.is_timestamp(field.type) and field.type.tz
            else field
            for field in rows.schema
        )
    )


def parquet(files: Iterable[Path], *, numbered: bool = False) -> str:
    """The rows of Parquet files, whose columns come from the files alone, never from their paths.

    DuckDB would take ``value=7`` in a path for a column, and ``*``, ``?`` and ``[`` for other files' names.

    numbered: with a last column ``file_row_number``, a row's position in its file.
    """
    paths = ", ".join(literal(glob.escape(str(path.absolute()))) for path in files)
    options = ", file_row_number = true" if numbered else ""
    return f"read_parquet([{paths}]::VARCHAR[], hive_partitioning = false{options})"


def _check_columns(session: _Session, table: Table, source: str) -> None:
    """Refuse what is no relation of the table's columns, before any of it is counted."""
    try:
        there = {row["column_name"] for row in session.run(f"DESCRIBE SELECT * FROM {source}")}
    except duckdb.Error as error:
        raise LoadRejected(
            f"DuckDB: the files of {table.address} cannot be read: {str(error).splitlines()[0]} The table is "
            "unchanged; export these days again."
        ) from error
    if lacking := [name for name in table.arrow_schema.names if name not in there]:
        raise LoadRejected(
            f"DuckDB: the files of {table.address} lack the columns {', '.join(lacking[:5])}. The table is unchanged; "
            "export these days again."
        )


def _without_rows(table: Table) -> pa.Table:
    (empty,) = stored([pa.RecordBatch.from_pylist([], schema=table.arrow_schema)], table, DUCKDB)
    return pa.Table.from_batches([empty])


def _narrowed(table: Table, path: Path, target: Path) -> Path:
    """A copy of a file with the numbers that DuckDB knows: wider ones it would read as floating-point numbers."""
    with pq.ParquetFile(path, pre_buffer=False) as file:
        writer = None
        try:
            for batch in stored(file.iter_batches(), table, DUCKDB):
                writer = writer or pq.ParquetWriter(target, batch.schema)
                writer.write_batch(batch)
        finally:
            if writer:
                writer.close()
    if writer is None:
        pq.write_table(_without_rows(table), target)
    return target
