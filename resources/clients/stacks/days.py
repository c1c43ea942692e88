"""The tables of days: a day's rows of several tables replaced in one transaction, from the snapshot they agree in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
from psycopg import sql

from core.errors import LoadRejected
from core.tables import Table
from resources.clients.postgres.connection import said
from resources.clients.postgres.database import Postgres
from resources.clients.stacks.indexer import Snapshot


@dataclass(frozen=True)
class Reading:
    """What fills a table's day: a statement on the indexer with one column for each of the table's, in order."""

    table: Table
    statement: str


@dataclass(frozen=True)
class Kept:
    """What is kept of all days up to some, for later days to begin from: ``following`` of ``replace_day``.

    beginning: a query of one row, whose columns the statements take as parameters. written: whether this day's is
    kept; of the days before then only the newest one's stays.
    """

    reading: Reading
    beginning: str
    written: bool


def replace_day(
    database: Postgres,
    snapshot: Snapshot,
    day: date,
    readings: Iterable[Reading],
    parameters: Mapping[str, Any],
    *,
    following: Table | None = None,
) -> dict[str, int]:
    """Make a day of each table exactly what its statement gives; all of them or none. Rows by table name.

    Writers of a day take turns, so two runs at once leave one set of rows. Nothing is held in memory but a piece of
    what passes from one server to the other. following: holds what was computed of all days up to some; what is of
    this day or a later one goes in the same transaction.

    Raises:
        LoadRejected: when a table does not take a row.
    """
    readings = list(readings)
    database.migrate(*(reading.table for reading in readings), *([following] if following else []))
    rows = {}
    with database.transaction() as connection:
        if following:
            connection.execute("SELECT pg_advisory_xact_lock_shared(hashtext(%s))", [following.address])
            table = sql.Identifier(*following.address.split("."))
            connection.execute(sql.SQL("DELETE FROM {} WHERE day >= %s").format(table), [day])
        for reading in readings:
            _take_turns(connection, reading.table, day)
            rows[reading.table.name] = _copied(connection, snapshot, reading, day, parameters)
    return rows


def _copied(
    connection: psycopg.Connection[Any], snapshot: Snapshot, reading: Reading, day: date, parameters: Mapping[str, Any]
) -> int:
    """Rows of the day that took the place of those before."""
    table, cursor = sql.Identifier(*reading.table.address.split(".")), connection.cursor()
    connection.execute(sql.SQL("DELETE FROM {} WHERE day = %s").format(table), [day])
    try:
        with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(table, _columns(reading.table))) as copy:
            for piece in snapshot.copied(reading.statement, {**parameters, "day": day}):
                copy.write(piece)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        raise LoadRejected(
            f"PostgreSQL: {reading.table.address} does not take {day} as {snapshot.address} gives it: "
            f"{said(error)}. The day is unchanged."
        ) from error
    return cursor.rowcount


def compute_day(
    database: Postgres,
    day: date,
    preparation: str,
    readings: Iterable[Reading],
    parameters: Mapping[str, Any],
    *,
    kept: Kept,
) -> dict[str, int]:
    """The same from the tables of days themselves. ``preparation`` makes what the statements have in common."""
    readings = [*readings, *([kept.reading] if kept.written else [])]
    database.migrate(kept.reading.table, *(reading.table for reading in readings))
    rows, known = {}, {**parameters, "day": day}
    with database.transaction() as connection:
        cursor = psycopg.ClientCursor(connection)  # CREATE TABLE AS takes no parameters of the server's
        # No day is replaced meanwhile, which could take what is begun from away.
        connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [kept.reading.table.address])
        (begin,) = connection.execute(kept.beginning.encode(), known).fetchall()
        known |= begin
        cursor.execute(preparation.encode(), known)
        for reading in readings:
            table = sql.Identifier(*reading.table.address.split("."))
            _take_turns(connection, reading.table, day)
            connection.execute(sql.SQL("DELETE FROM {} WHERE day = %s").format(table), [day])
            insert = sql.SQL("INSERT INTO {} ({}) ").format(table, _columns(reading.table)).as_bytes(connection)
            cursor.execute(insert + reading.statement.encode(), known)
            rows[reading.table.name] = cursor.rowcount
        if kept.written:
            older = "DELETE FROM {0} WHERE day < (SELECT max(day) FROM {0} WHERE day < %s)"
            connection.execute(sql.SQL(older).format(sql.Identifier(*kept.reading.table.address.split("."))), [day])
    return rows


def _take_turns(connection: psycopg.Connection[Any], table: Table, day: date) -> None:
    connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"{table.address} {day.isoformat()}"])


def _columns(table: Table) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
