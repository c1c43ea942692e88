"""One loopback server for the APIs of the room: a node's and its indexer's at /, CoinGecko's below /coingecko,
LunarCrush's below /lunar.

``python -m sandbox.stacks.server --port 8700`` serves the sample chain.
"""

import argparse
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from sandbox.stacks import coingecko, hiro, lunar
from sandbox.stacks.chain import Chain, make_chain
from sandbox.stacks.story import SAMPLE

# As the body of a fault: nothing is said until the client hangs up.
SILENCE = object()


@dataclass
class Fault:
    """What answers instead, ``times`` times, to paths that hold ``path``; status None drops the line, with
    ``SILENCE`` as the body only after the client has given up waiting."""

    path: str
    status: int | None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1


@dataclass
class Request:
    """A request as it came."""

    path: str
    parameters: dict[str, str]
    headers: dict[str, str]


class StacksServer:
    """Serves a chain from a daemon thread; keeps a record of the requests.

    now: Unix seconds of the moment that everything is of. absent: beginnings of paths, and the status that such a path
    answers. budget: requests that the gateway allows before it says that none are left; no gateway when None.
    """

    def __init__(self, chain: Chain, now: int, port: int = 0, budget: int | None = None):
        self.chain, self.now, self.budget = chain, now, budget
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.absent: dict[str, int] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        self.root = f"http://127.0.0.1:{self._server.server_port}"
        self.coingecko_root, self.lunar_root = f"{self.root}/coingecko", f"{self.root}/lunar"

    def start(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="stacks", daemon=True).start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        self.stop()

    def answer(self, request: Request) -> tuple[int | None, Any, dict[str, str]]:
        """Status, document or text, and headers."""
        with self._lock:
            self.requests.append(request)
            for fault in self.faults:
                if fault.times > 0 and fault.path in request.path:
                    fault.times -= 1
                    return fault.status, fault.body, fault.headers
            for beginning, status in self.absent.items():
                if request.path.startswith(beginning):
                    return status, {"error": "Gone" if status == 410 else "not found", "message": "no such route"}, {}
            return *self._answer(request), self._gateway()

    def _answer(self, request: Request) -> tuple[int, Any]:
        if request.path.startswith("/coingecko/"):
            return coingecko.answer(request.path.removeprefix("/coingecko/"), request.parameters, self.now)
        if request.path.startswith("/lunar/"):
            return lunar.answer(request.path.removeprefix("/lunar/"), request.headers, self.now)
        return hiro.answer(self.chain, request.path, request.parameters)

    def _gateway(self) -> dict[str, str]:
        if self.budget is None:
            return {}
        left = max(0, self.budget - len(self.requests))
        return {"ratelimit-limit": str(self.budget), "ratelimit-remaining": str(left), "ratelimit-reset": "17"}


def _handler(served: StacksServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, document, more = served.answer(Request(parts.path, dict(parse_qsl(parts.query)), headers))
            if status is None:
                if document is SILENCE:
                    self.rfile.read(1)
                self.close_connection = True
                return
            body = document if isinstance(document, bytes) else _text(document).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **more}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)


def main() -> None:
    """Serve the sample chain until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.stacks.server", description=main.__doc__)
    parser.add_argument("--port", type=int, default=8700)
    chain = make_chain(SAMPLE)
    server = StacksServer(chain, now_of(chain), port=parser.parse_args().port).start()
    print(f"Stacks {server.root}, CoinGecko {server.coingecko_root}, LunarCrush {server.lunar_root}")
    threading.Event().wait()


def now_of(chain: Chain) -> int:
    """The moment of a chain: a minute after its tip, Unix seconds."""
    return chain.tip["burn_block_time"] + 60


if __name__ == "__main__":
    main()
