"""Redshift as the warehouse: days are loaded by COPY from the lake on S3, and replaced in one transaction."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self

import pyarrow as pa
import redshift_connector
from redshift_connector.error import Error

from core.errors import LoadRejected, PermanentError, SettingError
from core.plain import one_line
from core.sql import copying, ddl
from core.sql.dialects import REDSHIFT
from core.sql.grants import NOBODY, Roles
from core.tables import Table
from resources.clients.lake.object_store import ObjectStore
from resources.clients.lake.reading import LakeDay
from resources.clients.redshift.copy_files import CopyFiles, copy_files
from resources.clients.redshift.errors import LOST, errors_explained, is_of_the_files, text_of
from resources.clients.redshift.login import LoginSource
from resources.clients.warehouse import Session, Staging, Warehouse


@dataclass(frozen=True)
class RedshiftAddress:
    """Where a warehouse is and who connects; ``dbt_login`` where dbt does not connect as the loader."""

    host: str
    port: int
    database: str
    login: LoginSource
    dbt_login: LoginSource | None = None
    sslmode: str = "verify-full"
    serverless: bool = False

    def __str__(self) -> str:
        return f"{self.host}:{self.port}/{self.database}"


@dataclass
class _Session:
    connection: redshift_connector.Connection
    serverless: bool

    def run(self, statement: str, parameters: Sequence[Any] | None = None) -> list[dict[str, Any]]:
        cursor = self.connection.cursor()
        cursor.paramstyle = "qmark"
        cursor.execute(statement, parameters)
        if cursor.description is None:
            return []
        names = [name.decode() if isinstance(name, bytes) else name for name, *_ in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def copy(self, table: Table, statement: str) -> None:
        """Run a COPY; its failure quotes what Redshift recorded of it.

        Raises:
            LoadRejected: when a file is not what the table takes.
        """
        try:
            self.run(statement)
        except Error as error:
            if not is_of_the_files(error):
                raise
            recorded = self._load_errors() or "It recorded no row of it."
            raise LoadRejected(
                f"Redshift: COPY into {table.address} failed: {text_of(error)}. {recorded} "
                "The table is unchanged; mend what is named, or export the days again."
            ) from error

    def _load_errors(self) -> str:
        with suppress(Error, *LOST):
            # The record is readable once the failed transaction is over.
            self.connection.rollback()
            (mine,) = self.run(copying.SESSION)
            rows = self.run(copying.load_errors(mine["session"], self.serverless))
            return " ".join(_load_error(row) for row in rows)
        return ""


def _load_error(row: dict[str, Any]) -> str:
    text = {name: one_line(value, 300) if value is not None else "" for name, value in row.items()}
    value = f" (found {text['value'][:100]!r})" if text["value"] else ""
    return (
        f"File {text['file_name']}, line {text['line_number']}, column {text['column_name']}: {text['reason']}{value}."
    )


class Redshift(Warehouse):
    """One database of a cluster or of a serverless workgroup.

    store: the lake that is loaded from, where loads also put what they make for themselves. iam_role: the role that
    Redshift reads it with, an ARN or ``default``. label: what statements say of themselves in Redshift's own record.
    """

    engine = "redshift"
    dialect = REDSHIFT

    def __init__(
        self,
        address: RedshiftAddress,
        store: ObjectStore,
        iam_role: str,
        roles: Roles = NOBODY,
        *,
        label: str = "headwater",
    ):
        super().__init__(roles)
        if not store.uri("").startswith("s3://"):
            raise SettingError(
                f"LAKE_URI={store.uri('')!r}: Redshift loads from S3 only. Set s3://bucket/prefix, or another "
                "WAREHOUSE."
            )
        self.address, self._store, self._iam_role, self._label = address, store, iam_role, label

    def labelled(self, label: str) -> Self:
        """The same warehouse, its statements in the query group of that name."""
        return type(self)(self.address, self._store, self._iam_role, self.roles, label=label)

    def uri(self, address: str) -> str:
        """The address of a table or view, with its database; no user, no password."""
        return f"redshift://{self.address}/{address}"

    def dbt_environment(self) -> dict[str, str]:
        """What ``dbt_project/profiles.yml`` reads for this server; temporary credentials are asked for anew."""
        login = (self.address.dbt_login or self.address.login)()
        return {
            "REDSHIFT_HOST": self.address.host,
            "REDSHIFT_PORT": str(self.address.port),
            "REDSHIFT_DATABASE": self.address.database,
            "REDSHIFT_SSLMODE": self.address.sslmode,
            "REDSHIFT_DBT_USER": login.user,
            "REDSHIFT_DBT_PASSWORD": login.password,
        }

    @contextmanager
    def transaction(self) -> Iterator[_Session]:
        """A session whose work is committed at the end, or not at all.

        Raises:
            DatabaseUnavailable: when the server does not answer or breaks off.
            WarehouseBusy: when another transaction changed the same tables meanwhile (error 1023).
            DayMissing: when a table is not there yet.
            PermanentError: when the login, or the statement itself, is refused.
        """
        with errors_explained(str(self.address)):
            connection = self._connect()
            try:
                session = _Session(connection, self.address.serverless)
                session.run(copying.set_label(self._label))
                yield session
                connection.commit()
            finally:
                # Not committed, the work is undone with the connection.
                with suppress(Error, *LOST):
                    connection.close()

    def _connect(self) -> redshift_connector.Connection:
        login, secured = self.address.login(), self.address.sslmode != "disable"
        return redshift_connector.connect(
            host=self.address.host,
            port=self.address.port,
            database=self.address.database,
            user=login.user,
            password=login.password,
            ssl=secured,
            sslmode=self.address.sslmode if secured else None,
            application_name="headwater",
        )

    def columns(self, address: str) -> dict[str, str]:
        """Names and types of the columns of a table or view, in order; none when there is no such."""
        with self.transaction() as session:
            found = session.run(copying.columns(address))
        return {column["name"]: column["type"] for column in found}

    def _changes(self, session: Session, table: Table) -> list[str]:
        statements = super()._changes(session, table)
        session.run(copying.look_in(ddl.schema_of(table)))
        found = session.run(copying.keys(table))
        if found:
            wanted = (table.distribution_key, table.sort_key)
            distributed = next((column["name"] for column in found if column["distkey"]), None)
            ordered = ", ".join(column["name"] for column in sorted(found, key=_sort_position) if column["sortkey"])
            if (distributed, ordered) != wanted:
                raise PermanentError(
                    f"Redshift: {table.address} is distributed by {distributed} and sorted by {ordered}, declared as "
                    f"{wanted[0]} and {wanted[1]}. Run ALTER TABLE {table.address} ALTER DISTKEY or ALTER SORTKEY when "
                    "it suits: rows are moved."
                )
        return statements

    def staged_days(self, table: Table, days: Sequence[LakeDay]) -> AbstractContextManager[Staging]:
        """Days of the lake: all their files in one COPY."""
        return self._staged(table, copy_files(self._store, table, self._longest_text(), days=days), days)

    def staged_rows(self, table: Table, rows: pa.Table) -> AbstractContextManager[Staging]:
        """Rows in memory: put into the staging prefix, and loaded from there."""
        return self._staged(table, copy_files(self._store, table, self._longest_text(), rows=rows))

    def _longest_text(self) -> int:
        return self.dialect.longest_text or 0

    @contextmanager
    def _staged(
        self, table: Table, prepared: AbstractContextManager[CopyFiles], days: Sequence[LakeDay] = ()
    ) -> Iterator[Staging]:
        with prepared as files:
            manifests = list(files.manifests())

            def fill(session: _Session) -> str:
                session.run(ddl.create_staging(table, self.dialect))
                try:
                    for format, uri in manifests:
                        session.copy(table, copying.copy(table, uri, self._iam_role, format, files.marker))
                except LoadRejected:
                    # A day that is exported anew meanwhile is no reason to give up.
                    for day in days:
                        day.ensure_present()
                    raise
                return ddl.staging(table)

            report = {
                day: {f"{column} over {self.dialect.longest_text} bytes": count for column, count in counts.items()}
                for day, counts in files.shortened.items()
            }
            yield Staging(fill, lambda _: copying.insert_staged(table, files.marker), report)


def _sort_position(column: dict[str, Any]) -> int:
    return abs(column["sortkey"])
