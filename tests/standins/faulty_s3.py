"""S3 in trouble: a proxy before the tests' S3 server that answers SlowDown, or ends connections half way."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

ERROR = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{}</Code><Message>{}</Message></Error>'


class Fault(Enum):
    """What becomes of a request. An upload is cut while its body is read, a download while it is sent."""

    NONE = auto()
    SLOW_DOWN = auto()
    DENIED = auto()
    CUT_UPLOAD = auto()
    CUT_DOWNLOAD = auto()
    TRICKLED_HEAD = auto()
    TRICKLED_BODY = auto()


REFUSALS = {
    Fault.SLOW_DOWN: (503, "SlowDown", "Please reduce your request rate."),
    Fault.DENIED: (403, "AccessDenied", "Access Denied"),
}


@dataclass
class FaultyS3:
    """The proxy's side of a test: ``fault`` decides by method, path and the request's number, ``seen`` lists them."""

    upstream: str
    uri: str = ""
    fault: Callable[[str, str, int], Fault] = lambda method, path, number: Fault.NONE
    seen: list[tuple[str, str, Fault]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def decide(self, method: str, path: str) -> Fault:
        with self.lock:
            fault = self.fault(method, path, len(self.seen))
            self.seen.append((method, path, fault))
        return fault


@contextmanager
def faulty_s3(upstream: str) -> Iterator[FaultyS3]:
    """A proxy on loopback; ``uri`` is the endpoint to give to the SDK."""
    proxy = FaultyS3(upstream)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Bound", (_Handler,), {"proxy": proxy}))
    proxy.uri = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    proxy: FaultyS3

    def _handle(self) -> None:
        fault = self.proxy.decide(self.command, self.path)
        if fault is Fault.CUT_UPLOAD:
            self.rfile.read(int(self.headers.get("Content-Length", 0)) // 2)
            self._cut()
            return
        body = self._body()
        if fault in REFUSALS:
            status, code, message = REFUSALS[fault]
            said = b"" if self.command == "HEAD" else ERROR.format(code, message).encode()
            self._answer(status, [("Content-Type", "application/xml")], said)
            return
        status, headers, answer = self._ask(body)
        if fault is Fault.TRICKLED_HEAD:
            self._trickle(f"HTTP/1.1 {status} {'.' * 1000}\r\n".encode())
            return
        if fault is Fault.TRICKLED_BODY:
            self._answer(status, headers, answer, sent=0)
            self._trickle(answer)
            return
        if fault is Fault.CUT_DOWNLOAD:
            self._answer(status, headers, answer, sent=len(answer) // 2)
            self._cut()
            return
        self._answer(status, headers, answer)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _handle  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in ("expect", "connection", "transfer-encoding", "content-length")
        }
        connection = http.client.HTTPConnection(urlsplit(self.proxy.upstream).netloc)
        try:
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, sent: int | None = None) -> None:
        self.send_response_only(status)
        lengths = [value for name, value in headers if name.lower() == "content-length"]
        for name, value in headers:
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        length = lengths[0] if self.command == "HEAD" and lengths else str(len(body))
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(body if sent is None else body[:sent])

    def _trickle(self, data: bytes) -> None:
        """Byte by byte, each long before a time-out that counts the pauses, until the client has enough."""
        self.close_connection = True
        with suppress(OSError):
            for at in range(len(data)):
                self.wfile.write(data[at : at + 1])
                time.sleep(0.02)

    def _cut(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.close()

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""
