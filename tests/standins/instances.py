"""Dagster's instances at a fraction of their cost: in memory, hundreds of which are made in the tests, and in SQLite's
files and PostgreSQL, which the programs that they start keep theirs in.

Dagster's storages open a database and set it up again for each event they store and each question they answer, several
thousand times in a run: the statements are compiled anew, and the disk is waited for, though no test cuts the power.
Here one in memory has a connection that each thread keeps, and the others have a pool. And what Dagster knows of its
migrations, which each new database is compared with, is read once.
"""

import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import dagster_postgres.utils
import sqlalchemy
from alembic.script import ScriptDirectory
from dagster import EventLogEntry
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.storage.event_log import in_memory as events
from dagster._core.storage.event_log.in_memory import InMemoryEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs import in_memory as runs
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage
from sqlalchemy import Connection, Engine

SECONDS_TO_WAIT = 60  # for another process's write
# A file for each run: those used last stay open.
FILES = 32

INSERT = SqlEventLogStorageTable.insert()

_kept: WeakKeyDictionary[InMemoryEventLogStorage, threading.local] = WeakKeyDictionary()


@contextmanager
def _connect(storage: InMemoryEventLogStorage) -> Iterator[Connection]:
    with storage._db_lock:
        kept = _kept.setdefault(storage, threading.local())
        if not hasattr(kept, "connection"):
            kept.connection = storage._engine.connect()
        with kept.connection.begin():
            yield kept.connection


def _store_event(storage: SqlEventLogStorage, event: EventLogEntry) -> None:
    """As Dagster does, by one statement for all events instead of one for each."""
    with storage.run_connection(event.run_id) as connection:
        (at,) = connection.execute(INSERT, storage._event_to_row(event)).inserted_primary_key
    if event.dagster_event_type in ASSET_EVENTS and event.dagster_event.asset_key:
        with storage.index_transaction() as connection:
            storage._store_asset_event_tags(connection, [event], [at])
            storage._store_asset_event(connection, event, at)
    if event.dagster_event_type in ASSET_CHECK_EVENTS:
        storage.store_asset_check_event(event, at)


@functools.lru_cache(maxsize=FILES)
def _engine(address: str, process: int) -> Engine:
    """process: one that was forked must not use its parent's connections."""
    engine = sqlalchemy.create_engine(address, connect_args={"timeout": SECONDS_TO_WAIT})
    engine.dispose = lambda **_: None  # after each use
    sqlalchemy.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
    return engine


def _kept_engine(address: str, **_: Any) -> Engine:
    return _engine(address, os.getpid())


def _pooled_engine(address: str, *, poolclass: Any = None, **options: Any) -> Engine:
    return sqlalchemy.create_engine(address, **options)


def make_cheaper() -> None:
    """From now on, all in memory that are made in this process."""
    InMemoryEventLogStorage._connect = _connect
    InMemoryEventLogStorage.has_table = lambda *_: True  # it has just been made
    SqlEventLogStorage.store_event = _store_event
    events.stamp_alembic_rev = runs.stamp_alembic_rev = lambda *_: None


def keep_connections() -> None:
    """From now on, to all in files and in PostgreSQL: for programs, each of which has its own."""
    for module in (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage):
        module.create_engine = _kept_engine
    dagster_postgres.utils.create_engine = _pooled_engine
    ScriptDirectory.from_config = functools.cache(ScriptDirectory.from_config)
