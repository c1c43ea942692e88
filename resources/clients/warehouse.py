"""The contract of every warehouse, and the one way in which all of them migrate, replace days and read.

Rows become a relation that only the session sees, are counted against what was expected, and then take the place of
the slice's, all in one transaction on one connection.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol, Self

import pyarrow as pa

from core.contents import Contents
from core.errors import DayMissing, LoadRejected
from core.sql import catalog, ddl, replacing
from core.sql.contents import contents_in, select_contents
from core.sql.dialects import Dialect
from core.sql.grants import NOBODY, Roles, grants
from core.sql.migration import Found, FoundColumn, FoundIndex, changes
from core.sql.names import quoted
from core.sql.replacing import Part, Slice
from core.sql.storing import arrow_type
from core.tables import Table
from core.windows import DayWindow, windows
from resources.clients.lake.reading import LakeDay, LakeObject

# What there is to tell of each loaded day, beyond its rows.
LoadReport = Mapping[date, Mapping[str, int]]
WHOLE: Part = {}


class Session(Protocol):
    """A connection in a transaction."""

    def run(self, statement: str, parameters: Sequence[Any] | None = None) -> list[dict[str, Any]]:
        """The rows of one statement; none of a statement that has no result."""
        ...


@dataclass(frozen=True)
class Staging:
    """Rows on their way: ``fill`` makes them a relation of the engine's own session and names it, ``insert`` is the
    statement that takes them from there."""

    fill: Callable[[Any], str]
    insert: Callable[[str], str]
    report: LoadReport = field(default_factory=dict)


class Warehouse:
    """One database. Addresses are ``schema.table``. Each engine says how it connects, and how rows reach it."""

    engine: str
    dialect: Dialect
    migration_lock: str | None = None

    def __init__(self, roles: Roles = NOBODY):
        self.roles = roles

    def labelled(self, label: str) -> Self:
        """The same warehouse, its statements marked with the label where the engine shows one."""
        raise NotImplementedError

    def uri(self, address: str) -> str:
        """The address of a table or view, with its database; no user, no password."""
        raise NotImplementedError

    def dbt_environment(self) -> dict[str, str]:
        """What ``dbt_project/profiles.yml`` reads from the environment for this database."""
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
        """Keeps other processes off where the engine admits one only; a server needs no turns."""
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
        schema = ddl.schema_of(table)
        if not self._has_schema(session, schema):
            session.run(ddl.create_schema(schema))
        is_new = not self._found_columns(session, table.address)
        for statement in self._changes(session, table):
            session.run(statement)
        for statement in grants([table], self.roles, self.dialect) if is_new else ():
            session.run(statement)

    def _changes(self, session: Session, table: Table) -> list[str]:
        return [
            statement
            for relation in ddl.relations(table, self.dialect)
            for statement in changes(relation, self.dialect, self._found(session, relation.address))
        ]

    def _found(self, session: Session, address: str) -> Found:
        columns = self._found_columns(session, address)
        if not (columns and self.dialect.indexed):
            return Found(columns)
        indexes = [FoundIndex(**index) for index in session.run(catalog.indexes(address))]
        return Found(columns, {index.name: index for index in indexes})

    def _found_columns(self, session: Session, address: str) -> list[FoundColumn]:
        return [FoundColumn(**column) for column in session.run(catalog.columns(address))]

    def _has_schema(self, session: Session, schema: str) -> bool:
        return bool(session.run(catalog.schema(schema)))

    def grant(self, *tables: Table) -> None:
        """Give the roles their rights again, as when they were named after the tables were made."""
        statements = grants(tables, self.roles, self.dialect)
        if statements:
            with self.transaction() as session:
                for statement in statements:
                    session.run(statement)

    def replace(self, table: Table, source: LakeObject) -> LoadReport:
        """Make the days of ``source`` exactly what the lake holds, in one transaction for each run of days.

        Of a table that is partitioned by more than days, ``source`` is of one part; other parts stay as they are.

        Raises:
            LoadRejected: when the files hold other rows than their manifests say, or what no column takes.
            LakeChanged: when a day is exported anew while files are made ready or a lock is waited for.
        """
        self.migrate(table)
        by_day = {day.day: day for day in source.days}
        (part,) = {day.partition.others for day in source.days}
        report: dict[date, Mapping[str, int]] = {}
        for window in windows(by_day):
            days = [by_day[day] for day in window]
            try:
                with self.staged_days(table, days) as staging:
                    self._replace(table, Slice(window, dict(part)), staging, days)
            except (LoadRejected, FileNotFoundError):
                for day in days:
                    day.ensure_current()  # files that went meanwhile are no reason to give up
                raise
            report |= staging.report
        return report

    def replace_with(self, table: Table, window: DayWindow, rows: pa.Table, part: Part = WHOLE) -> LoadReport:
        """Make a window of days, of one part if it is named, exactly ``rows``, in one transaction.

        Raises:
            LoadRejected: when a row belongs to another day or part, or does not fit.
        """
        self.migrate(table)
        with self.staged_rows(table, rows) as staging:
            self._replace(table, Slice(window, part), staging)
        return staging.report

    def _replace(self, table: Table, rows: Slice, staging: Staging, days: Sequence[LakeDay] | None = None) -> None:
        """Count what was staged, before anything is deleted; then put it in place of the slice's rows.

        days: those of the lake that the rows are from, which may have changed while a lock was waited for."""
        with self.transaction() as session:
            source = staging.fill(session)
            counted = {row["day"]: row for row in session.run(replacing.count_staged(table, source, rows.part))}
            if days is None:
                self._refuse_strangers(table, rows, counted)
            else:
                self._compare(table, rows, counted, {day.day: day.manifest.rows for day in days if day.manifest.rows})
            if self.dialect.lock:
                session.run(self.dialect.lock.format(table.address))
            for day in days or ():
                day.ensure_current()
            session.run(replacing.delete_slice(table, rows))
            session.run(staging.insert(source))

    def _refuse_strangers(self, table: Table, rows: Slice, counted: Mapping[date, Mapping[str, int]]) -> None:
        days = set(rows.window)
        others = {day: found["row_count"] for day, found in counted.items() if day not in days}
        of_other_parts = sum(found["strangers"] for found in counted.values())
        if others or of_other_parts:
            listed = f" ({', '.join(sorted(map(str, others))[:3])})" if others else ""
            raise LoadRejected(
                f"{self.dialect.system}: {sum(found['row_count'] for found in counted.values()):,} rows, "
                f"{sum(others.values()):,} of them of other days{listed} and {of_other_parts:,} of other parts, were "
                f"to replace {rows} of {table.address}. The table is unchanged; return the rows of the partition only."
            )

    def _compare(
        self,
        table: Table,
        rows: Slice,
        counted: Mapping[date, Mapping[str, int]],
        expected: Mapping[date, int],
    ) -> None:
        """Rows staged against rows that the manifests list, day by day."""
        staged = {day: found["row_count"] - found["strangers"] for day, found in counted.items()}
        of_other_parts = sum(found["strangers"] for found in counted.values())
        if staged != expected or of_other_parts:
            wrong = sorted(
                f"{day}: {staged.get(day, 0):,} instead of {expected.get(day, 0):,}"
                for day in {*staged, *expected}
                if staged.get(day) != expected.get(day)
            )
            raise LoadRejected(
                f"{self.dialect.system}: the files of {table.address} for {rows} hold {sum(staged.values()):,} rows "
                f"({'; '.join(wrong[:5])}) and {of_other_parts:,} of other parts; their manifests say "
                f"{sum(expected.values()):,}. Export these days again; the table is unchanged."
            )

    def read(
        self, table: Table, window: DayWindow | None, columns: list[str] | None = None, part: Part = WHOLE
    ) -> pa.Table:
        """A window of the table's days, or all of it; declared columns only, and no orphans.

        Raises:
            DayMissing: when the table is not there yet.
        """
        rows = Slice(window, part) if window else None
        schema = pa.schema([table.arrow_schema.field(name) for name in columns or table.arrow_schema.names])
        return self._fetched(replacing.select(table, rows, self.dialect, columns), schema)

    def read_address(
        self,
        address: str,
        window: DayWindow | None,
        day_column: str,
        columns: Sequence[str] | None = None,
        part: Part = WHOLE,
    ) -> pa.Table:
        """A window of the days of any table or view, a mart for instance, or all of it; rows come in no order.

        The columns and their types are the database's; what has no type in Arrow comes as text.

        Raises:
            DayMissing: when there is no such table or view.
        """
        found = self._columns_there(address)
        expressions, fields = [], []
        for name in columns or found:
            type_ = arrow_type(found[name])
            expressions.append(quoted(name) if type_ else f"CAST({quoted(name)} AS text) AS {quoted(name)}")
            fields.append(pa.field(name, type_ or pa.string()))
        return self._fetched(replacing.select_from(address, expressions, window, day_column, part), pa.schema(fields))

    def _columns_there(self, address: str) -> dict[str, str]:
        found = self.columns(address)
        if not found:
            raise DayMissing(f"{self.dialect.system}: {self.uri(address)} is not there. Materialize its asset first.")
        return found

    def _fetched(self, statement: str, schema: pa.Schema) -> pa.Table:
        with self.transaction() as session:
            return pa.Table.from_pylist(session.run(statement), schema=schema)

    def columns(self, address: str) -> dict[str, str]:
        """Names and types of the columns of a table or view, in order; none when there is no such."""
        with self.transaction() as session:
            return {column.name: column.type for column in self._found_columns(session, address)}

    def count_by_day(self, table: Table, window: DayWindow, part: Part = WHOLE) -> dict[date, int]:
        """Rows of each day of the window that has any."""
        with self.transaction() as session:
            counted = session.run(replacing.count_by_day(table, Slice(window, part)))
        return {row["day"]: row["row_count"] for row in counted}

    def contents_by_day(self, table: Table, window: DayWindow, part: Part = WHOLE) -> dict[date, Contents]:
        """What the columns hold on each day of the window that has rows."""
        with self.transaction() as session:
            found = session.run(select_contents(table, Slice(window, part), self.dialect))
        return {row["day"]: contents_in(table, row) for row in found}

    def query(self, statement: str, parameters: Sequence[Any] | None = None) -> pa.Table:
        """The result of one statement.

        Raises:
            DayMissing: when a table is not there yet.
        """
        with self.transaction() as session:
            return pa.Table.from_pylist(session.run(statement, parameters))
