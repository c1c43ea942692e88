"""One loopback server for both sources: CoinGecko below /api/v3 (public) and /pro/api/v3, Blockchair at /blockchair,
its dumps at /dumps.

``python -m sandbox.markets.server --port 8600`` serves the committed sample.
"""

import argparse
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from sandbox.markets import coingecko, dumps
from sandbox.markets.blockchair import Blockchair
from sandbox.markets.sample import sample
from sandbox.markets.world import World


@dataclass
class Fault:
    """What answers instead of the API, ``times`` times, to paths that hold ``path``; status None drops the line."""

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


class MarketServer:
    """Serves a world from a daemon thread; keeps a record of the requests."""

    def __init__(self, world: World, units_per_day: Decimal | None = None, port: int = 0):
        self.world = world
        self.blockchair = Blockchair(world, units_per_day)
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.before: Callable[[Request], None] = lambda request: None
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        root = f"http://127.0.0.1:{self._server.server_port}"
        self.coingecko_root, self.pro_root = f"{root}/api/v3", f"{root}/pro/api/v3"
        self.blockchair_root = f"{root}/blockchair"
        self.dumps_pattern = f"{root}/dumps/{{chain}}/{{table}}/blockchair_{{chain}}_{{table}}_{{day}}.tsv.gz"

    def start(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="markets", daemon=True).start()
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
            self.before(request)
            for fault in self.faults:
                if fault.times > 0 and fault.path in request.path:
                    fault.times -= 1
                    return fault.status, fault.body, fault.headers
            return *self._answer(request), {}

    def _answer(self, request: Request) -> tuple[int, Any]:
        for prefix, pro in (("/api/v3/", False), ("/pro/api/v3/", True)):
            if request.path.startswith(prefix):
                path = request.path.removeprefix(prefix)
                return coingecko.refused_key(request.headers, pro) or coingecko.answer(
                    self.world, path, request.parameters, pro
                )
        if request.path.startswith("/blockchair/"):
            return self.blockchair.answer(request.path.removeprefix("/blockchair/"), request.parameters)
        if request.path.startswith("/dumps/"):
            return dumps.answer(self.world, request.path.removeprefix("/dumps/"))
        return 404, {"error": "no such path"}


def _handler(market: MarketServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            parameters = dict(parse_qsl(parts.query, keep_blank_values=True))
            status, document, more = market.answer(Request(parts.path, parameters, headers))
            if status is None:
                self.close_connection = True
                return
            body = document if isinstance(document, bytes) else _text(document).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **more}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: a day takes a hundred requests."""

    return Handler


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document, default=_number)


def _number(value: object) -> float | int:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(type(value).__name__)


def main() -> None:
    """Serve the committed sample until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.markets.server", description=main.__doc__)
    parser.add_argument("--port", type=int, default=8600)
    server = MarketServer(sample(), port=parser.parse_args().port).start()
    print(f"CoinGecko {server.coingecko_root}, Blockchair {server.blockchair_root}")
    threading.Event().wait()


if __name__ == "__main__":
    main()
