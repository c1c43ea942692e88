"""PostgreSQL as the only home of a room's rows: merged by key, or replaced by the day, each in one transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from core.errors import LoadRejected
from core.merging import Batch, Merge, Merged, Row, content_hash
from core.sql import ddl, merging
from core.sql.dialects import POSTGRES_KEYED
from core.sql.storing import without_nul
from core.sql.versioning import HASH
from core.tables import Table
from resources.clients.postgres.connection import PostgresSession
from resources.clients.postgres.warehouse import PostgresWarehouse


class Postgres(PostgresWarehouse):
    """One database, which keeps the keys of its tables and the history of their rows."""

    dialect = POSTGRES_KEYED

    def records(
        self, statement: str, parameters: Mapping[str, Any] | Sequence[Any] | None = None
    ) -> list[dict[str, Any]]:
        """The rows of a query."""
        with self.transaction() as session:
            return session.run(statement, parameters)

    def merge(self, table: Table, batch: Batch, run_id: str, now: datetime) -> Merged:
        """Merge a batch by the table's rule, in one transaction; a second time, every row is unchanged.

        Raises:
            LoadRejected: when rows of the batch contradict each other, or a value does not fit its column.
        """
        with self.transaction() as session:
            return self.merge_within(session, table, batch, run_id, now)

    def merge_within(self, session: PostgresSession, table: Table, batch: Batch, run_id: str, now: datetime) -> Merged:
        """The same, inside a transaction that holds more."""
        rule = table.merge or Merge()
        self._migrate(session, table)
        # Writers of a table take turns; readers go on.
        session.run((self.dialect.lock or "").format(table.address))
        self._fill_staging(session, table, batch)
        stamp = {"source": batch.source, "now": now, "run_id": run_id, **(batch.complete_for or {})}
        if rule.history:
            session.run(merging.remember_replaced(table), stamp)
        orphaned = 0
        if rule.one_current:
            for statement in merging.orphan_displaced(table, rule, batch.complete_for):
                orphaned += session.execute(statement.encode(), stamp).rowcount
        touched = session.run(merging.merge_staged(table, rule), stamp)
        inserted = sum(row["inserted"] for row in touched)
        return Merged(
            inserted=inserted,
            updated=len(touched) - inserted,
            unchanged=len(batch.rows) - len(touched),
            rejected=sum(batch.rejected.values()),
            orphaned=orphaned,
        )

    def _fill_staging(self, session: PostgresSession, table: Table, batch: Batch) -> None:
        session.run(merging.drop_staging(table))
        session.run(ddl.create_staging(table, self.dialect, HASH))
        names = table.arrow_schema.names
        content = [name for name in names if name not in table.key]

        def values(row: Row) -> list[Any]:
            kept = {name: without_nul(row.get(name)) for name in names}
            return [*kept.values(), content_hash(kept, content)]

        session.copy_rows(table, merging.copy_into_staging(table), map(values, batch.rows))
        session.run(f"ANALYZE {ddl.staging(table)}")
        unique = (table.key, *((table.merge.one_current,) if table.merge and table.merge.one_current else ()))
        for columns in unique:
            repeated = session.run(merging.repeated_in_staging(table, columns))[0]["string_agg"]
            if repeated:
                raise LoadRejected(
                    f"PostgreSQL: {batch.source} holds several rows with the same {', '.join(columns)} for "
                    f"{table.address}: {repeated}. The table is unchanged; run again."
                )

    def append_within(self, session: PostgresSession, table: Table, row: Row) -> None:
        """Add a row to a table that is only ever added to, inside a transaction that holds more."""
        self._migrate(session, table)
        session.run(merging.append(table, row), {name: without_nul(value) for name, value in row.items()})

    def count(self, address: str) -> int:
        """Rows of a table or view."""
        return self.records(f"SELECT count(*) AS row_count FROM {address}")[0]["row_count"]
