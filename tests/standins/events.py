"""Dagster's events in memory, through a connection that each thread keeps.

Dagster's own storage opens one and sets it up again for each event it stores and each question it answers: a thousand
times in a run, a tenth of the run's time.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from dagster._core.storage.event_log.in_memory import InMemoryEventLogStorage
from sqlalchemy import Connection

_kept: WeakKeyDictionary[InMemoryEventLogStorage, threading.local] = WeakKeyDictionary()


@contextmanager
def _connect(storage: InMemoryEventLogStorage) -> Iterator[Connection]:
    with storage._db_lock:
        kept = _kept.setdefault(storage, threading.local())
        if not hasattr(kept, "connection"):
            kept.connection = storage._engine.connect()
        with kept.connection.begin():
            yield kept.connection


def keep_connections() -> None:
    """From now on, for every storage."""
    InMemoryEventLogStorage._connect = _connect
