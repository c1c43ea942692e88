"""A table of any database that SQLAlchemy reads, streamed within one transaction."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from core.errors import DatabaseUnavailable, SourceRefused
from core.plain import one_line
from core.secrecy import hidden
from resources.clients.databridge.schema import Column, TableSchema, checked
from resources.clients.databridge.source import Since

BATCH = 2000
_TYPES: tuple[tuple[type[Any], str], ...] = (
    (sa.Boolean, "boolean"),
    (sa.BigInteger, "bigint"),
    (sa.Integer, "integer"),
    (sa.Float, "double precision"),
    (sa.Numeric, "numeric"),
    (sa.DateTime, "datetime"),
    (sa.Date, "date"),
    (sa.Time, "time"),
    (sa.JSON, "object"),
    (sa.LargeBinary, "bytea"),
)


class SqlAlchemySource:
    """One table. geometry: the text column that holds WKT, as the table's schema JSON declares it.

    Raises DatabaseUnavailable, SourceRefused.
    """

    def __init__(self, url: str, schema: str | None, table: str, geometry: Column | None = None):
        self._engine = sa.create_engine(url)
        self._schema, self._table, self._geometry = schema, table, geometry
        self._since: Since | None = None

    def __str__(self) -> str:
        url = self._engine.url
        return f"{url.get_backend_name()} {url.host or ''}/{url.database} {self._table}"

    def schema(self) -> TableSchema:
        with self._explained():
            inspector = sa.inspect(self._engine)
            found = inspector.get_columns(self._table, self._schema)
            key = inspector.get_pk_constraint(self._table, self._schema)["constrained_columns"]
        columns = [self._column(column) for column in found]
        columns.sort(key=lambda column: column.is_geometry)
        return checked(TableSchema(tuple(columns), tuple(name.lower() for name in key)), str(self))

    def count(self) -> int:
        with self._explained(), self._engine.connect() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(self._reflected())).scalar_one()

    def since(self, since: Since) -> "SqlAlchemySource":
        """Raises SourceRefused for moments with an offset, which databases give and take in zones of their own."""
        with self._explained():
            column = self._reflected().columns
            kind = next((each.type for each in column if each.name.lower() == since.column), None)
        if getattr(kind, "timezone", False):
            raise SourceRefused(f"{self}: watermark {since.column} has a time zone; name a column without one.")
        part = copy.copy(self)
        part._since = since
        return part

    def rows(self, schema: TableSchema) -> Iterator[Sequence[Any]]:
        with self._explained():
            table = self._reflected()
            by_name = {column.name.lower(): column for column in table.columns}
            statement = sa.select(*(by_name[name] for name in schema.names))
            if self._since:
                column = by_name[self._since.column]
                statement = statement.where(sa.or_(column >= self._since.least, column.is_(None)))
            with self._engine.connect().execution_options(stream_results=True, yield_per=BATCH) as connection:
                yield from connection.execute(statement)

    def _reflected(self) -> sa.Table:
        return sa.Table(self._table, sa.MetaData(), schema=self._schema, autoload_with=self._engine)

    def _column(self, column: Any) -> Column:
        name = column["name"].lower()
        if self._geometry and name == self._geometry.name:
            return self._geometry
        kind = next((ours for theirs, ours in _TYPES if isinstance(column["type"], theirs)), "text")
        return Column(name, kind, not column["nullable"])

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.NoSuchTableError as error:
            raise SourceRefused(f"{self}: there is no such table. Check the name of the table's file.") from error
        except sa.exc.OperationalError as error:
            raise DatabaseUnavailable(
                f"{self}: {one_line(hidden(str(error.orig)), 300)}. Check that it runs, then run again."
            ) from error
        except sa.exc.SQLAlchemyError as error:
            raise SourceRefused(
                f"{self}: {one_line(hidden(str(error)).splitlines()[0], 300)}. Check the table and the user."
            ) from error
