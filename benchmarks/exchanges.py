"""``python -m benchmarks.exchanges``: symbol-days per CPU-second and peak memory, beside ccxt with pandas.

Both ways fetch the same days from the same server in another process, whose time is not counted. The other way is what
one writes first: ``fetch_ohlcv`` page by page, a data frame, ``to_parquet``. It checks nothing and keeps floats.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from assets.exchanges.extract import fetch_job_day
from assets.exchanges.vendors import CcxtVendor
from resources.clients.exchanges.ccxt_source import CcxtSource
from resources.clients.exchanges.objects import BarObjects
from resources.clients.lake.local_store import LocalObjectStore
from sandbox.exchanges.server import ExchangeServer
from sandbox.exchanges.world import MINUTE_MS, SAMPLE_START_MS, World, listings

DAY = date(2024, 1, 1)
PAGE = 1000
# A server's answers are made once and sent again, so that neither way waits for it.
FEW = 9


def pairs(count: int) -> list[str]:
    return [f"C{number}_USDT" for number in range(count)]


def serve(count: int, tell: Any) -> None:
    """In a process of its own: the sample exchange with so many pairs, of which a few have bars of their own."""
    world = World(listings(pairs(count)))
    made: dict[tuple[int, int, int], list[list]] = {}
    rows = world.rows

    def again(listing: Any, first_ms: int, last_ms: int, **more: Any) -> list[list]:
        key = (listing.start % FEW, first_ms, last_ms)
        return made.setdefault(key, rows(listing, first_ms, last_ms, **more))

    world.rows = again  # type: ignore[method-assign]
    server = ExchangeServer(world).start()
    server._over_limit = lambda *_: False  # type: ignore[method-assign]
    tell.send(server.root)
    tell.recv()


def ours(root: str, count: int, folder: Path) -> None:
    """A job's day as the room fetches and stores it."""
    objects, source = BarObjects(LocalObjectStore(folder)), CcxtSource("binance", "spot", root=root)
    source._exchange.enableRateLimit = False
    now = datetime.now(UTC)
    done = fetch_job_day(
        CcxtVendor(source),
        "binance",
        pairs(count),
        DAY,
        facts={},
        store=lambda one: objects.put(f"{one.pair}.parquet", one, now),
    )
    if wrong := [str(result) for result in done.results if result.outcome != "complete"]:
        raise SystemExit(f"not complete, so not comparable: {wrong[:3]}")


def pandas_way(root: str, count: int, folder: Path) -> None:
    """The same by ``fetch_ohlcv`` and a data frame."""
    exchange = CcxtSource("binance", "spot", root=root)._exchange
    exchange.enableRateLimit, exchange.number = False, float
    exchange.load_markets()
    for pair in pairs(count):
        rows: list[list[Any]] = []
        for since in (SAMPLE_START_MS, SAMPLE_START_MS + PAGE * MINUTE_MS):
            rows += exchange.fetch_ohlcv(pair.replace("_", "/"), "1m", since, PAGE)
        frame = pd.DataFrame(rows, columns=["timestamp", "open", "high", "low", "close", "volume"])
        frame = frame[frame["timestamp"] < SAMPLE_START_MS + 1440 * MINUTE_MS]
        frame["currency_pair"], frame["exchange_id"] = pair, "binance"
        frame["knowledge_timestamp"] = pd.Timestamp.now("UTC")
        frame.to_parquet(folder / f"{pair}.parquet")


def measured(way: Callable[[str, int, Path], None], root: str, count: int, tell: Any) -> None:
    """In a process of its own: CPU seconds of one run after a first small one, and the peak of memory in MB."""
    with tempfile.TemporaryDirectory() as folder:
        way(root, 1, Path(folder))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.process_time()
        way(root, count, Path(folder))
        spent = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tell.send((spent, peak / 1024, (peak - before) / 1024))


def main() -> None:
    """Measure both ways and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exchanges", description=main.__doc__)
    parser.add_argument("--pairs", type=int, default=400)
    count = parser.parse_args().pairs
    context = multiprocessing.get_context("spawn")
    told, tell = context.Pipe()
    server = context.Process(target=serve, args=(count, tell), daemon=True)
    server.start()
    root = told.recv()
    print("| way | symbol-days per CPU-second | CPU s | peak MB | growth MB |\n|---|---|---|---|---|")
    for name, way in (("the room", ours), ("ccxt, pandas, to_parquet", pandas_way)):
        result, child = context.Pipe()
        process = context.Process(target=measured, args=(way, root, count, child))
        process.start()
        spent, peak, growth = result.recv()
        process.join()
        print(f"| {name} | {count / spent:.1f} | {spent:.1f} | {peak:.0f} | {growth:.0f} |", flush=True)
    told.send(None)
    server.join()


if __name__ == "__main__":
    main()
