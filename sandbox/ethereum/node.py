"""A small Ethereum node that serves the recorded sample chain.

`python -m sandbox.ethereum.node [--port 8545]` serves it; `SandboxNode` does so inside a process.
"""

import argparse
import contextlib
import socket
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import msgspec

from sandbox.ethereum.recorded import RecordedChain

__all__ = ["RecordedChain", "SandboxNode"]

PARSE_ERROR = -32700


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave in one write
    server: "_Server"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            request = msgspec.json.decode(body)
        except msgspec.DecodeError as error:
            problem = {"code": PARSE_ERROR, "message": f"not JSON: {error}"}
            answer = msgspec.json.encode({"jsonrpc": "2.0", "id": None, "error": problem})
        else:
            answer = self.server.chain.answer_bytes(request)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a day's extraction asks thousands of times."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], chain: RecordedChain) -> None:
        self.chain = chain
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without HTTPServer's look-up of the host's full name, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def get_request(self) -> tuple[socket.socket, Any]:
        """Remember the connection: a kept-alive one would outlive the server."""
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is its own affair; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class SandboxNode:
    """Serves the recorded chain over HTTP on the loopback interface, from a daemon thread."""

    def __init__(self, port: int = 0, chain: RecordedChain | None = None) -> None:
        """Port 0 takes a free one; without `chain` the committed recording is served."""
        self._port = port
        self._chain = chain
        self._server: _Server | None = None
        self.uri = ""

    def start(self) -> Self:
        """Start serving; `.uri` is set when this returns."""
        self._server = _Server(("127.0.0.1", self._port), self._chain or RecordedChain.load())
        self.uri = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="sandbox chain", daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop serving and free the port. Stopping twice is no error."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="Serve the recorded sample chain as an Ethereum node.")
    parser.add_argument("--port", type=int, default=8545, help="0 takes a free one (default: 8545)")
    node = SandboxNode(parser.parse_args().port).start()
    print(
        f"The sample chain (2024-01-01 to 2024-01-06) is served at {node.uri}; Ctrl-C ends it.",
        flush=True,
    )
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        node.stop()


if __name__ == "__main__":
    main()
