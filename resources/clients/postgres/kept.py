"""PostgreSQL's sessions between two transactions: a login takes longer than most of what is asked of the server."""

import atexit
import os
import select
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg.pq import ExecStatus

# Firewalls and proxies forget a connection that says nothing, most of them after some minutes.
LONGEST_IDLE = 60.0  # seconds
MOST_IDLE = 4  # of one process, whichever servers they are of

Session = TypeVar("Session", bound=psycopg.Connection[Any])


@dataclass(frozen=True)
class _Idle:
    login: Hashable
    session: Any
    since: float


class KeptSessions:
    """Of one process; one that it forks begins with none. now: seconds of a clock that only goes forward."""

    def __init__(self, now: Callable[[], float] = time.monotonic):
        self._now = now
        self._begin()
        os.register_at_fork(after_in_child=self._begin)
        atexit.register(self.let_go)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Idle] = []

    @contextmanager
    def transaction(self, login: Hashable, connect: Callable[[], Session]) -> Iterator[Session]:
        """A session of this login, whose work is committed at the end, or not at all."""
        session = self._take(login, connect)
        try:
            yield session
            session.commit()
        except BaseException:
            with suppress(psycopg.Error):  # that the server has ended
                session.rollback()
            session.close()
            raise
        self._keep(login, session)

    def _take(self, login: Hashable, connect: Callable[[], Session]) -> Session:
        """One of this login that was kept, or a new one."""
        while idle := self._last(login):
            if self._now() - idle.since < LONGEST_IDLE and not _has_been_ended(idle.session):
                return idle.session
            idle.session.close()
        return connect()

    def _last(self, login: Hashable) -> _Idle | None:
        with self._lock:
            for idle in reversed(self._idle):
                if idle.login == login:
                    self._idle.remove(idle)
                    return idle
        return None

    def _keep(self, login: Hashable, session: psycopg.Connection[Any]) -> None:
        """For the next one, which finds nothing of what this one set or made for itself."""
        if session.pgconn.exec_(b"DISCARD ALL").status != ExecStatus.COMMAND_OK:
            session.close()  # its server has gone; what was asked of it is done
            return
        with self._lock:
            self._idle.append(_Idle(login, session, self._now()))
            ended, self._idle = self._idle[:-MOST_IDLE], self._idle[-MOST_IDLE:]
        for idle in ended:
            idle.session.close()

    def let_go(self) -> None:
        """End all that are idle."""
        with self._lock:
            ended, self._idle = self._idle, []
        for idle in ended:
            idle.session.close()


def _has_been_ended(session: psycopg.Connection[Any]) -> bool:
    """The server says so, or nothing, to a session that has asked for nothing."""
    said = select.poll()
    said.register(session.fileno(), select.POLLIN)
    return bool(said.poll(0))
