"""A JSON-RPC endpoint over HTTP that can be told how to misbehave."""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

Calls = list[dict[str, Any]]


@dataclass
class Reply:
    """What goes over the wire.

    cut: the connection ends after that many bytes of the body. hang: seconds until the first byte. trickle: the
    body's bytes come one by one, so many seconds apart, until the client has had enough.
    """

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    hang: float = 0
    trickle: float = 0


def answered(calls: Calls, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> list[dict[str, Any]]:
    return [answer(call) for call in calls]


class FaultyNode:
    """Serves ``answer`` (one request object to one response object) through ``behave``.

    behave(calls, honest) gets the calls of one HTTP request and a function giving the honest responses, and
    returns a Reply, or None to behave.
    """

    def __init__(self, answer, behave=None):
        self.answer = answer
        self.behave = behave or (lambda calls, honest: None)
        self.requests: list[Calls] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def __enter__(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                outer._serve(self)

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.uri = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exc):
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, handler):
        request = msgspec.json.decode(handler.rfile.read(int(handler.headers["Content-Length"])))
        calls = request if isinstance(request, list) else [request]
        with self._lock:
            self.requests.append(calls)

        def honest(some=calls):
            found = answered(some, self.answer)
            return found if isinstance(request, list) else found[0]

        reply = self.behave(calls, honest) or Reply(honest())
        body = reply.body if isinstance(reply.body, bytes) else msgspec.json.encode(reply.body)
        if reply.hang:
            self._ended.wait(reply.hang)
        with contextlib.suppress(ConnectionError):  # the client has gone
            self._send(handler, reply, body)

    def _send(self, handler, reply, body):
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if reply.cut is not None:
            handler.wfile.write(body[: reply.cut])
            handler.wfile.flush()
            handler.close_connection = True
            handler.connection.close()
            return
        if reply.trickle:
            for byte in body:
                handler.wfile.write(bytes([byte]))
                handler.wfile.flush()
                if self._ended.wait(reply.trickle):
                    return
        handler.wfile.write(body)

    @property
    def calls(self) -> Calls:
        return [call for calls in self.requests for call in calls]


def first(count: int, reply: Callable[[Calls, Any], Reply]):
    """Misbehave for the first ``count`` requests, then behave."""
    seen = iter(range(count))
    lock = threading.Lock()

    def behave(calls, honest):
        with lock:
            due = next(seen, None)
        return None if due is None else reply(calls, honest)

    return behave


def status(code: int, **headers: str):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda calls, honest: Reply({"error": "no"}, code, names)


def error(code: int, message: str):
    """A JSON-RPC error for every call of the request."""
    return lambda calls, honest: Reply(
        [{"jsonrpc": "2.0", "id": call["id"], "error": {"code": code, "message": message}} for call in calls]
    )
