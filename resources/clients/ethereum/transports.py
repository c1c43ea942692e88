"""Carrying a JSON-RPC body to an endpoint and back: HTTP(S), WebSocket, IPC socket.

Every way it can fail becomes a ``Refusal`` of a named kind; deciding what to do about it is the caller's.
"""

import queue
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import msgspec
import urllib3
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import connect as websocket_connect

from core.clock import Clock
from core.errors import SettingError
from core.nesting import DEEPEST_CALLS, require_shallow
from core.secrecy import keep_uri_secret
from resources.clients.ethereum.refusals import QUOTED, Kind, Refusal, classify, classify_status
from resources.clients.http.bounded import TooMuch, TooSlow, body_of, connection_pool, exchange, seconds_to_wait


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
        return StreamTransport(lambda: _WebSocket(uri, timeout, clock))
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
# The largest honest answers are traces: some hundred megabytes for a few of mainnet's blocks.
MOST_BYTES = 1 << 30


class HttpTransport:
    """POST over keep-alive connections."""

    def __init__(self, uri: str, timeout: float, connections: int, clock: Clock):
        self._uri, self._clock, self._seconds = uri, clock, PATIENCE * timeout
        auth = urllib3.util.parse_url(uri).auth
        self._login = urllib3.make_headers(basic_auth=unquote(auth)) if auth else {}
        self._pool = connection_pool(connections, timeout)

    def exchange(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip", **self._login}
        try:
            with exchange(self._pool, "POST", self._uri, seconds=self._seconds, headers=headers, body=body) as answer:
                data = body_of(answer, MOST_BYTES)
        except (TooSlow, urllib3.exceptions.ReadTimeoutError) as error:
            raise Refusal(Kind.TIMEOUT, _reason(error)) from error
        except _NOT_REACHED as error:
            raise Refusal(Kind.UNREACHABLE, _reason(error)) from error
        except TooMuch as error:
            raise Refusal(Kind.TOO_LARGE, str(error)) from error
        except urllib3.exceptions.HTTPError as error:
            raise Refusal(Kind.BROKEN, type(error).__name__) from error
        if answer.status == OK:
            return data
        return self._told(answer.status, answer.headers.get("Retry-After"), data)

    def _told(self, status: int, retry_after: str | None, data: bytes) -> bytes:
        """The body of another status, where it holds answers to calls; else what status and body amount to."""
        wait = seconds_to_wait(retry_after, self._clock.now())
        by_status = classify_status(status, data[:QUOTED].decode(errors="replace"), wait)
        errors = _json_rpc_errors(data)
        if by_status.kind in (Kind.RATE_LIMITED, Kind.TOO_LARGE) or not errors:
            raise by_status
        told = [classify(error, wait) for error in errors]
        if by_status.kind is Kind.DENIED:
            raise told[0] if told[0].kind in (Kind.UNSUPPORTED, Kind.QUOTA_SPENT, Kind.RATE_LIMITED) else by_status
        return data


OK = 200
# A server that was never reached: another address or scheme is wanted, not more patience.
_NOT_REACHED = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.SSLError,
    urllib3.exceptions.ProxyError,
    urllib3.exceptions.LocationValueError,
)


def _reason(error: Exception) -> str:
    """What went wrong, without the address that urllib3 repeats: it may hold a key."""
    cause = error.__cause__ or error.__context__
    if isinstance(error, TooSlow):
        return str(error)
    return f"{type(error).__name__}: {cause}" if isinstance(cause, OSError) else type(error).__name__


def _json_rpc_errors(data: bytes) -> list[Any]:
    """The error objects of a body that is JSON-RPC; none when it is something else."""
    try:
        require_shallow(data)
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return []
    answers = found if isinstance(found, list) else [found]
    errors = [answer.get("error") for answer in answers if isinstance(answer, dict)]
    return [error for error in errors if isinstance(error, dict) and "code" in error]


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
            if connection is None:
                raise Refusal(Kind.UNREACHABLE, f"{type(error).__name__}: {error}") from error
            connection.close()
            kind = Kind.TIMEOUT if isinstance(error, TimeoutError) else Kind.BROKEN
            raise Refusal(kind, type(error).__name__) from error
        self._idle.put(connection)


class _WebSocket:
    def __init__(self, uri: str, timeout: float, clock: Clock):
        self._timeout = timeout
        self._open = ExitStack()
        try:
            self._socket = self._open.enter_context(
                websocket_connect(uri, open_timeout=10, close_timeout=1, max_size=MOST_BYTES)
            )
        except InvalidStatus as error:  # the server was reached, and says no as it would over HTTP
            answer = error.response
            wait, text = seconds_to_wait(answer.headers.get("Retry-After"), clock.now()), answer.body or b""
            raise classify_status(answer.status_code, text[:QUOTED].decode(errors="replace"), wait) from error

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
            if len(answer) > MOST_BYTES:
                raise ConnectionError("the answer is too long")
            if not part:
                raise ConnectionError("closed by the node")
            answer += part
            if part.rstrip()[-1:] in (b"}", b"]"):
                try:
                    require_shallow(answer, DEEPEST_CALLS)
                    msgspec.json.decode(answer, type=msgspec.Raw)
                    return bytes(answer)
                except msgspec.DecodeError:
                    continue
                except (ValueError, RecursionError) as error:
                    raise ConnectionError(str(error)) from error

    def close(self) -> None:
        self._socket.close()
