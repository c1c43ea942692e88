"""Answers over HTTP, read within bounds: bytes however they come in, and seconds for the whole exchange.

A read time-out alone is met by a server that sends a byte now and then, and a small compressed body may unfold to
anything. Every client over HTTP reads through this module.
"""

import math
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

CONNECT_SECONDS = 10.0
# What a compressed body may unfold to: JSON shrinks 10 to 20 times, a bomb a thousand times.
UNFOLDED_FREELY, MOST_UNFOLDED = 16 << 20, 50
PIECE = 1 << 16
# A length of bytes that may be read as a number, which neither ² nor ten thousand digits may.
_SMALL = re.compile("[0-9]{1,18}")


class TooMuch(Exception):
    """The answer is longer than it may be."""


class TooSlow(Exception):
    """The answer was not whole in time."""


class Deadline:
    """The end of one exchange: its connection is shut down when it is not over by then."""

    def __init__(self, seconds: float):
        self.seconds, self.expired = seconds, False
        self._connection: HTTPConnection | None = None
        self._answer: urllib3.BaseHTTPResponse | None = None
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True

    def watch(self, connection: HTTPConnection) -> None:
        """The connection that the exchange goes over."""
        self._connection = connection

    def reading(self, answer: urllib3.BaseHTTPResponse) -> None:
        """The answer whose body is read from now on."""
        self._answer = answer

    def start(self) -> None:
        """Count from now."""
        self._timer.start()

    def cancel(self) -> None:
        """The exchange is over."""
        self._timer.cancel()

    def __enter__(self) -> "Deadline":
        _watching.deadline = self
        self.start()
        return self

    def __exit__(self, *reason: object) -> None:
        self.cancel()
        _watching.deadline = None

    def _expire(self) -> None:
        self.expired = True
        with suppress(Exception):  # whatever is left to shut down: reading has to end
            if self._answer is not None:
                self._answer.shutdown()
        with suppress(Exception):
            if self._connection is not None and self._connection.sock is not None:
                self._connection.sock.shutdown(socket.SHUT_RDWR)


_watching = threading.local()


def _watched(connection: HTTPConnection) -> None:
    if deadline := getattr(_watching, "deadline", None):
        deadline.watch(connection)


class _Connection(HTTPConnection):
    def request(self, *arguments: Any, **named: Any) -> None:
        _watched(self)
        super().request(*arguments, **named)


class _SecureConnection(HTTPSConnection):
    def request(self, *arguments: Any, **named: Any) -> None:
        _watched(self)
        super().request(*arguments, **named)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


# Pools whose connections a ``Deadline`` can shut down, for a PoolManager's ``pool_classes_by_scheme``.
WATCHED_POOLS = {"http": _Pool, "https": _SecurePool}


def connection_pool(connections: int, timeout: float) -> urllib3.PoolManager:
    """Keep-alive connections. timeout: seconds without a byte."""
    pool = urllib3.PoolManager(
        maxsize=connections,
        block=False,
        retries=False,
        timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, timeout), read=timeout),
    )
    pool.pool_classes_by_scheme = WATCHED_POOLS
    return pool


@contextmanager
def exchange(
    pool: urllib3.PoolManager,
    method: str,
    url: str,
    *,
    seconds: float,
    headers: Mapping[str, str],
    body: bytes | None = None,
    fields: Mapping[str, Any] | None = None,
) -> Iterator[urllib3.BaseHTTPResponse]:
    """One request; its answer's body is read inside, by ``body_of`` or ``pieces_of``. Redirects are not followed.

    Raises:
        TooSlow: when request, answer and what is done with it inside take longer than ``seconds``.
        urllib3.exceptions.HTTPError: when the connection fails.
    """
    with Deadline(seconds) as deadline:
        try:
            answer = pool.request(
                method, url, body=body, fields=fields, headers=headers, redirect=False, preload_content=False
            )
            deadline.reading(answer)
            try:
                yield answer
            finally:
                answer.release_conn() if not deadline.expired else answer.close()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            if not deadline.expired:
                raise
            raise TooSlow(f"not whole after {seconds:g} s") from error
        if deadline.expired:
            raise TooSlow(f"not whole after {seconds:g} s")


def body_of(answer: urllib3.BaseHTTPResponse, most: int) -> bytes:
    """The whole body, decompressed.

    Raises:
        TooMuch: when it is longer than ``most`` bytes, or unfolds like a bomb.
    """
    length = answer.headers.get("Content-Length", "")
    if _SMALL.fullmatch(length) and int(length) <= most and not answer.headers.get("Content-Encoding"):
        return answer.read()  # in one piece: joining pieces takes twice the memory
    return b"".join(pieces_of(answer, most))


def pieces_of(answer: urllib3.BaseHTTPResponse, most: int, *, decoded: bool = True) -> Iterator[bytes]:
    """The body piece by piece. decoded: decompressed, if the server says that it is compressed.

    Raises:
        TooMuch: when it is longer than ``most`` bytes, or unfolds like a bomb.
    """
    received = 0
    for piece in answer.stream(PIECE, decode_content=decoded):
        received += len(piece)
        if received > most:
            answer.close()
            raise TooMuch(f"longer than {most:,} bytes")
        if decoded and received > UNFOLDED_FREELY + MOST_UNFOLDED * answer.tell():
            answer.close()
            raise TooMuch(f"{answer.tell():,} bytes unfold to more than {received:,}")
        yield piece


def seconds_to_wait(retry_after: str | None, now: datetime) -> float | None:
    """Seconds of a Retry-After header, given as seconds or as a date; None when it is neither."""
    if not retry_after:
        return None
    try:
        seconds = float(retry_after)
        return max(0.0, seconds) if math.isfinite(seconds) else None
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(retry_after[:100])
        # -0000 says that the time is UTC without a zone; Python gives it none.
        return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)).timestamp() - now.timestamp())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
