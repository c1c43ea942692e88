"""One loopback server for the sample exchange: Binance's APIs at /api and /fapi, its dumps at /data, OKX at /api/v5,
Kraken at /0/public and Crypto.com at /exchange/v1/public.

``python -m sandbox.exchanges.server --port 8610`` serves the sample.
"""

import argparse
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from sandbox.exchanges import binance, cryptocom, kraken, okx
from sandbox.exchanges.world import MINUTE_MS, World, sample_world

WEIGHT_A_MINUTE = 1_200
OTHERS = {"api/v5/": okx.answer, "0/public/": kraken.answer, "exchange/v1/public/": cryptocom.answer}


@dataclass
class Fault:
    """What answers instead of the exchange, ``times`` times, to requests whose path and query hold ``where``.

    status: None drops the line. body: text is sent as it is, and may be cut JSON.
    """

    where: str
    status: int | None
    body: Any = ""
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1


@dataclass(frozen=True)
class Request:
    """A request as it came. at: the server's own time, in milliseconds."""

    path: str
    parameters: dict[str, str]
    at: int


class ExchangeServer:
    """Serves a world from a daemon thread, counts what Binance counts, and keeps a record of the requests.

    change: what becomes of the rows of klines before they are sent, for faults no status tells. short: how many rows
    fewer than asked for come.
    """

    def __init__(self, world: World, port: int = 0):
        self.world = world
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.change: Callable[[Request, list[Any]], list[Any]] = lambda request, rows: rows
        self.short = 0
        self.heaviest_minute = 0
        self._weights: list[tuple[int, int]] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        self.root = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="exchanges", daemon=True).start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        self.stop()

    def asked(self, path: str) -> list[Request]:
        """The requests whose path ends with ``path``."""
        return [request for request in self.requests if request.path.endswith(path)]

    def answer(self, path: str, parameters: dict[str, str], moment: int) -> tuple[int | None, Any, dict[str, str]]:
        """Status, document or bytes, and headers."""
        request = Request(path, parameters, moment)
        with self._lock:
            self.requests.append(request)
            said = f"{path}?{'&'.join(f'{name}={value}' for name, value in parameters.items())}"
            for fault in self.faults:
                if fault.times and fault.where in said:
                    fault.times -= 1
                    return fault.status, fault.body, fault.headers
            if path.startswith("data/"):
                return *binance.dump(self.world, path), {}
            for place, others in OTHERS.items():
                if path.startswith(place):
                    return *others(self.world, path.removeprefix(place), parameters), {}
            if self._over_limit(path, parameters, moment):
                return 429, {"code": -1003, "msg": "Too much request weight used."}, {"Retry-After": "30"}
            status, document = binance.answer(self.world, path, parameters, short=self.short)
            if path.endswith("klines") and status == 200:
                document = self.change(request, document)
            return status, document, {"X-MBX-USED-WEIGHT-1M": str(self.heaviest_minute)}

    def _over_limit(self, path: str, parameters: dict[str, str], moment: int) -> bool:
        self._weights.append((moment, binance.weight(path, parameters)))
        self._weights = [(at, cost) for at, cost in self._weights if at > moment - MINUTE_MS]
        used = sum(cost for _, cost in self._weights)
        self.heaviest_minute = max(self.heaviest_minute, used)
        return used > WEIGHT_A_MINUTE


def _handler(server: ExchangeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Each answer leaves in one write: a second one would wait for the peer's delayed acknowledgement.
        wbufsize = -1

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            status, document, headers = server.answer(
                parts.path.strip("/"), dict(parse_qsl(parts.query)), _milliseconds()
            )
            if status is None:
                self.close_connection = True
                return
            body = document if isinstance(document, bytes) else _encoded(document)
            self.send_response(status)
            kind = "application/octet-stream" if isinstance(document, bytes) else "application/json"
            for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def log_message(self, *_: Any) -> None:
            """Nothing: what came is in ``requests``."""

    return Handler


def _encoded(document: Any) -> bytes:
    return document.encode() if isinstance(document, str) else json.dumps(document).encode()


def _milliseconds() -> int:
    return time.monotonic_ns() // 1_000_000


def main() -> None:
    """Serve the sample until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8610)
    server = ExchangeServer(sample_world(), parser.parse_args().port)
    print(f"The sample exchange answers at {server.root}", flush=True)
    server.start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
