"""PostgreSQL as the warehouse of a room with a lake: COPY of the lake's files, in bounded memory."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import chain
from typing import Self

import pyarrow as pa

from core.sql import ddl, replacing
from core.sql.dialects import POSTGRES, Dialect
from core.sql.grants import NOBODY, Roles
from core.sql.storing import stored
from core.tables import Table
from resources.clients.lake.reading import LakeDay
from resources.clients.postgres.connection import PostgresAddress, PostgresSession, connected
from resources.clients.warehouse import Staging, Warehouse


class PostgresWarehouse(Warehouse):
    """Tables of one database. Texts of any length are held, so no column has a length beside it."""

    engine = "postgres"
    dialect: Dialect = POSTGRES
    # Two processes creating the same thing at once fail on the catalog, IF NOT EXISTS or not.
    migration_lock = "SELECT pg_advisory_xact_lock(hashtext('headwater'))"

    def __init__(self, address: PostgresAddress, roles: Roles = NOBODY, label: str | None = None):
        super().__init__(roles)
        self.address, self._label = address, label

    def labelled(self, label: str) -> Self:
        """The same warehouse, its connections named after the label."""
        return type(self)(self.address, self.roles, label)

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

    def transaction(self) -> AbstractContextManager[PostgresSession]:
        """A session whose work is committed at the end, or not at all; see ``connected``."""
        return connected(self.address, self._label)

    @contextmanager
    def staged_days(self, table: Table, days: Sequence[LakeDay]) -> Iterator[Staging]:
        """Days of the lake, read batch by batch while they are copied."""
        yield self._staging(table, chain.from_iterable(day.batches() for day in days))

    @contextmanager
    def staged_rows(self, table: Table, rows: pa.Table) -> Iterator[Staging]:
        """Rows in memory."""
        yield self._staging(table, rows.select(table.arrow_schema.names).to_batches())

    def _staging(self, table: Table, batches: Iterable[pa.RecordBatch]) -> Staging:
        def fill(session: PostgresSession) -> str:
            session.run(ddl.create_staging(table, self.dialect))
            session.copy_batches(table, stored(batches, table, self.dialect))
            return ddl.staging(table)

        return Staging(fill, lambda source: replacing.insert_from(table, source, self.dialect))
