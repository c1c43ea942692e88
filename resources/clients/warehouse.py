"""What the warehouses on a server have in common: one contract with the local one, and one way to replace days.

Rows reach a staging table that only the session sees, are counted against the manifests, and then take the place of
the window's, all in one transaction on one connection.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol, Self

import pyarrow as pa

from core import warehouse_sql as sql
from core.errors import LoadRejected
from core.migration import FoundColumn, changes
from core.tables import Table
from core.warehouse_sql import Dialect, Roles
from core.windows import DayWindow, windows
from resources.clients.lake.lake import LakeDay, LakeObject

# What there is to tell of each loaded day, beyond its rows.
Account = Mapping[date, Mapping[str, int]]


class Warehouse(Protocol):
    """The contract of every warehouse. Addresses are ``schema.table``."""

    engine: str

    def labelled(self, label: str) -> Self:
        """The same warehouse, its statements marked with the label where the engine shows one."""
        ...

    def uri(self, address: str) -> str: ...

    def exclusive(self) -> AbstractContextManager[None]: ...

    def dbt_environment(self) -> dict[str, str]: ...

    def migrate(self, *tables: Table) -> None: ...

    def grant(self, *tables: Table) -> None: ...

    def replace(self, table: Table, source: LakeObject) -> Account: ...

    def replace_with(self, table: Table, window: DayWindow, rows: pa.Table) -> Account: ...

    def read(self, table: Table, window: DayWindow, columns: list[str] | None = None) -> pa.Table: ...

    def columns(self, address: str) -> dict[str, str]: ...

    def count_by_day(self, table: Table, window: DayWindow) -> dict[date, int]: ...

    def query(self, statement: str, parameters: Sequence[Any] | None = None) -> pa.Table: ...


class Session(Protocol):
    """A connection in a transaction."""

    def run(self, statement: str, parameters: Sequence[Any] | None = None) -> list[dict[str, Any]]:
        """The rows of one statement; none of a statement that has no result."""
        ...


@dataclass(frozen=True)
class Staging:
    """Rows on their way: ``fill`` puts them into the staging table by the engine's own session, ``insert`` takes them
    from there."""

    fill: Callable[[Any], None]
    insert: str
    account: Account = field(default_factory=dict)


class ServerWarehouse:
    """A warehouse on a server that speaks PostgreSQL's catalog; each engine says how it connects and stages."""

    engine: str
    dialect: Dialect
    migration_lock: str | None = None

    def __init__(self, roles: Roles):
        self.roles = roles

    def uri(self, address: str) -> str:
        """The address of a table or view, with its database; no user, no password."""
        raise NotImplementedError

    def transaction(self) -> AbstractContextManager[Session]:
        """A session whose work is committed at the end, or not at all."""
        raise NotImplementedError

    def staged_days(self, table: Table, days: Sequence[LakeDay]) -> AbstractContextManager[Staging]:
        """Days of the lake, made ready before the transaction begins."""
        raise NotImplementedError

    def staged_rows(self, table: Table, rows: pa.Table) -> AbstractContextManager[Staging]:
        """Rows in memory, made ready before the transaction begins."""
        raise NotImplementedError

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """A server needs no turns; here so that dbt runs alike on every engine."""
        yield

    def migrate(self, *tables: Table) -> None:
        """Create the tables, or add the columns they lack; nothing is sent when nothing has to change.

        Raises:
            PermanentError: when a column has another type than declared, or the tables are somebody else's.
        """
        with self.transaction() as session:
            for table in tables:
                self._migrate(session, table)

    def _migrate(self, session: Session, table: Table) -> None:
        if not self._changes(session, table):
            return
        if self.migration_lock:
            session.run(self.migration_lock)
        schema, name = table.address.split(".")
        if not session.run(sql.catalog_schema(schema)):
            session.run(sql.create_schema(schema))
        is_new = not session.run(sql.catalog_columns(schema, name))
        for statement in self._changes(session, table):
            session.run(statement)
        for statement in sql.grants([table], self.roles, self.dialect) if is_new else ():
            session.run(statement)

    def _changes(self, session: Session, table: Table) -> list[str]:
        found = session.run(sql.catalog_columns(*table.address.split(".")))
        return changes(table, self.dialect, [FoundColumn(**column) for column in found])

    def grant(self, *tables: Table) -> None:
        """Give the roles their rights again, as when they were named after the tables were made."""
        with self.transaction() as session:
            for statement in sql.grants(tables, self.roles, self.dialect):
                session.run(statement)

    def replace(self, table: Table, source: LakeObject) -> Account:
        """Make the days of ``source`` exactly what the lake holds, in one transaction for each run of days.

        Raises:
            LoadRejected: when the files hold other rows than their manifests say, or what no column takes.
        """
        self.migrate(table)
        by_day = {day.day: day for day in source.days}
        account: dict[date, Mapping[str, int]] = {}
        for window in windows(by_day):
            days = [by_day[day] for day in window]
            with self.staged_days(table, days) as staging:
                self._replace(table, window, staging, {day.day: day.manifest.rows for day in days})
            account |= staging.account
        return account

    def replace_with(self, table: Table, window: DayWindow, rows: pa.Table) -> Account:
        """Make a window of days exactly ``rows``, in one transaction.

        Raises:
            LoadRejected: when a row belongs to another day, or does not fit.
        """
        counted = rows.column(table.day_column).value_counts().to_pylist()
        expected = {entry["values"]: entry["counts"] for entry in counted}
        if strangers := set(expected) - set(window):
            raise LoadRejected(
                f"{self.dialect.system}: rows of {sorted(map(str, strangers))[:3]} were to replace {window} of "
                f"{table.address}. The table is unchanged; return the rows of the partition only."
            )
        self.migrate(table)
        with self.staged_rows(table, rows) as staging:
            self._replace(table, window, staging, expected)
        return staging.account

    def _replace(self, table: Table, window: DayWindow, staging: Staging, expected: Mapping[date, int]) -> None:
        with self.transaction() as session:
            session.run(sql.create_staging(table, self.dialect))
            staging.fill(session)
            self._compare(table, window, session, {day: rows for day, rows in expected.items() if rows})
            if self.dialect.lock:
                session.run(self.dialect.lock.format(table.address))
            session.run(sql.delete_window(table, window))
            session.run(staging.insert)

    def _compare(self, table: Table, window: DayWindow, session: Session, expected: Mapping[date, int]) -> None:
        """Rows staged against rows expected, day by day, before anything is deleted."""
        staged = {row["block_date"]: row["row_count"] for row in session.run(sql.count_staged(table))}
        if staged != expected:
            wrong = sorted(
                f"{day}: {staged.get(day, 0):,} instead of {expected.get(day, 0):,}"
                for day in {*staged, *expected}
                if staged.get(day) != expected.get(day)
            )
            raise LoadRejected(
                f"{self.dialect.system}: the files of {table.address} for {window} hold other rows than their "
                f"manifests say ({'; '.join(wrong[:5])}). Export these days again; the table is unchanged."
            )

    def read(self, table: Table, window: DayWindow, columns: list[str] | None = None) -> pa.Table:
        """A window of the table's days, declared columns only."""
        names = columns or table.arrow_schema.names
        with self.transaction() as session:
            rows = session.run(sql.select_window(table, window, columns))
        return pa.Table.from_pylist(rows, schema=pa.schema([table.arrow_schema.field(name) for name in names]))

    def columns(self, address: str) -> dict[str, str]:
        """Names and types of the columns of a table or view, in order; none when there is no such."""
        with self.transaction() as session:
            found = session.run(sql.catalog_columns(*address.split(".")))
        return {column["name"]: column["type"] for column in found}

    def count_by_day(self, table: Table, window: DayWindow) -> dict[date, int]:
        """Rows of each day of the window that has any."""
        with self.transaction() as session:
            return {row["block_date"]: row["row_count"] for row in session.run(sql.count_by_day(table, window))}

    def query(self, statement: str, parameters: Sequence[Any] | None = None) -> pa.Table:
        """The result of one statement.

        Raises:
            DayMissing: when a table is not there yet.
        """
        with self.transaction() as session:
            return pa.Table.from_pylist(session.run(statement, parameters))
