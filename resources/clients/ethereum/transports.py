"""Carrying a JSON-RPC body to an endpoint and back: HTTP(S), WebSocket, IPC socket.

Every way it can fail becomes a ``Refusal`` of a named kind; deciding what to do about it is the caller's.
"""

import queue
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import msgspec
import urllib3
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect as websocket_connect

from core.clock import Clock
from core.errors import SettingError
from core.secrecy import hidden, keep_uri_secret


class Kind(Enum):
    """Why an endpoint gave no usable answer."""

    RATE_LIMITED = "rate limit"
    SERVER_ERROR = "server error"
    TIMEOUT = "time-out"
    TOO_LARGE = "request or answer too large"
    BROKEN = "broken answer"
    BEHIND = "block or receipt not there yet"
    MOVED = "another block by now"
    UNPROVEN = "the header commits to something else"
    UNSUPPORTED = "method not offered"
    DENIED = "access denied"
    INVALID = "request refused"


class Refusal(Exception):
    """An endpoint gave no usable answer.

    retry_after: seconds the server asked to wait, if it did.
    """

    def __init__(self, kind: Kind, detail: str, retry_after: float | None = None):
        self.kind, self.detail, self.retry_after = kind, hidden(detail), retry_after
        super().__init__(f"{kind.value}: {self.detail}")


class Transport(Protocol):
    def exchange(self, body: bytes) -> bytes:
        """The answer to one request body. Raises Refusal. Called from several threads."""
        ...


def transport_for(uri: str, timeout: float, connections: int, clock: Clock) -> Transport:
    """The transport of an endpoint's URI: http(s)://, ws(s):// or the path of an IPC socket (file:// allowed).

    Raises:
        SettingError: when it is none of these. The URI is not shown: it may hold a key wherever it is mistyped.
    """
    try:
        parts = urllib3.util.parse_url(uri)
        scheme, network = parts.scheme, parts.scheme in ("http", "https", "ws", "wss") and bool(parts.host)
    except urllib3.exceptions.LocationParseError:
        scheme, network = None, False
    if network:
        keep_uri_secret(uri)
        if scheme in ("http", "https"):
            return HttpTransport(uri, timeout, connections, clock)
        return StreamTransport(lambda: _WebSocket(uri, timeout))
    if uri.startswith("/") or scheme in ("file", "ipc"):
        return StreamTransport(lambda: _IpcSocket(urlsplit(uri).path, timeout))
    raise SettingError(
        "ETHEREUM_PROVIDER_URI: one of its endpoints is none; use http(s)://host, ws(s)://host or the absolute path of "
        "an IPC socket, for example http://localhost:8545. Inside a name, password or key write / as %2F and @ as %40."
    )


# An answer is to be whole within so many time-outs: a node that trickles never lets a single one pass. By the
# machine's own time, in which sockets wait, too.
PATIENCE = 4
READ_BYTES = 1 << 20


class HttpTransport:
    """POST over keep-alive connections."""

    def __init__(self, uri: str, timeout: float, connections: int, clock: Clock):
        self._uri, self._clock, self._timeout = uri, clock, timeout
        auth = urllib3.util.parse_url(uri).auth
        self._login = urllib3.make_headers(basic_auth=unquote(auth)) if auth else {}
        self._pool = urllib3.PoolManager(
            maxsize=connections, block=False, retries=False, timeout=urllib3.Timeout(connect=10, read=timeout)
        )

    def exchange(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip", **self._login}
        try:
            answer = self._pool.request(
                "POST", self._uri, body=body, headers=headers, redirect=False, preload_content=False
            )
            data = self._read(answer)
        except (urllib3.exceptions.ReadTimeoutError, urllib3.exceptions.ConnectTimeoutError) as error:
            raise Refusal(Kind.TIMEOUT, type(error).__name__) from error
        except urllib3.exceptions.HTTPError as error:
            raise Refusal(Kind.BROKEN, type(error).__name__) from error
        if answer.status == 200:
            return data
        raise self._refusal(answer.status, answer.headers.get("Retry-After"), data)

    def _read(self, answer: urllib3.BaseHTTPResponse) -> bytes:
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            answer.shutdown()  # which ends the reading

        limit = threading.Timer(PATIENCE * self._timeout, expire)
        limit.start()
        try:
            data = answer.read()
        except (urllib3.exceptions.HTTPError, OSError):
            if not expired.is_set():
                raise
        finally:
            limit.cancel()
        if expired.is_set():
            raise Refusal(Kind.TIMEOUT, f"not whole after {PATIENCE * self._timeout:.0f} s")
        return data

    def _refusal(self, status: int, retry_after: str | None, data: bytes) -> Refusal:
        detail = f"HTTP {status} {data[:200].decode(errors='replace')}".strip()
        if status == 429:
            return Refusal(Kind.RATE_LIMITED, detail, _seconds(retry_after, self._clock.now()))
        if status == 413:
            return Refusal(Kind.TOO_LARGE, detail)
        if status in (401, 402, 403):
            return Refusal(Kind.DENIED, detail)
        if status >= 500 or status == 408:
            return Refusal(Kind.SERVER_ERROR, detail, _seconds(retry_after, self._clock.now()))
        return Refusal(Kind.INVALID, detail)


def _seconds(retry_after: str | None, now: datetime) -> float | None:
    """Seconds of a Retry-After header, given as seconds or as a date."""
    if not retry_after:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - now).total_seconds())
    except ValueError:
        return None


class _Stream(Protocol):
    def ask(self, body: bytes) -> bytes: ...

    def close(self) -> None: ...


class StreamTransport:
    """One exchange at a time on each of a pool of connections; a broken connection is dropped."""

    def __init__(self, connect: Callable[[], _Stream]):
        self._connect = connect
        self._idle: queue.SimpleQueue[_Stream] = queue.SimpleQueue()

    def exchange(self, body: bytes) -> bytes:
        with self._connection() as connection:
            return connection.ask(body)

    @contextmanager
    def _connection(self) -> Any:
        connection = None
        try:
            try:
                connection = self._idle.get_nowait()
            except queue.Empty:
                connection = self._connect()
            yield connection
        except (OSError, WebSocketException) as error:
            if connection:
                connection.close()
            kind = Kind.TIMEOUT if isinstance(error, TimeoutError) else Kind.BROKEN
            raise Refusal(kind, type(error).__name__) from error
        self._idle.put(connection)


class _WebSocket:
    def __init__(self, uri: str, timeout: float):
        self._timeout = timeout
        self._open = ExitStack()
        self._socket = self._open.enter_context(websocket_connect(uri, open_timeout=10, close_timeout=1, max_size=None))

    def ask(self, body: bytes) -> bytes:
        self._socket.send(body.decode())
        answer = self._socket.recv(timeout=self._timeout)
        return answer.encode() if isinstance(answer, str) else answer

    def close(self) -> None:
        self._open.close()


class _IpcSocket:
    """A node's local socket. An answer is complete when it parses: nodes differ in ending it with a newline."""

    def __init__(self, path: str, timeout: float):
        self._timeout = timeout
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        self._socket.connect(path)

    def ask(self, body: bytes) -> bytes:
        self._socket.sendall(body + b"\n")
        answer, deadline = bytearray(), time.monotonic() + PATIENCE * self._timeout
        while True:
            part = self._socket.recv(READ_BYTES)
            if time.monotonic() > deadline:
                raise TimeoutError
            if not part:
                raise ConnectionError("closed by the node")
            answer += part
            if part.rstrip()[-1:] in (b"}", b"]"):
                try:
                    msgspec.json.decode(answer, type=msgspec.Raw)
                    return bytes(answer)
                except msgspec.DecodeError:
                    continue

    def close(self) -> None:
        self._socket.close()
