"""A day of the Stacks chain at full size: how long it takes to read it, to compute the balances at its end, and to
make what is published of it.

``python -m benchmarks.stacks --events 5000000 --principals 1000000`` makes that many events and principals over 30 days
in a PostgreSQL of its own, loads all days, and measures the last one; then the same with twice the history. The
figures are printed, not judged.
"""

import argparse
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import psycopg

from assets.stacks.extract import published
from assets.stacks.extract.balances import compute_following
from assets.stacks.extract.days import FIRST_DAY, load_day, span_of
from assets.stacks.extract.source import require_over, require_sound
from assets.stacks.public.daily import SAMPLED
from assets.stacks.transform.balances import histogram, raw_balances
from assets.stacks.transform.series import by_midnight
from core.windows import ONE_DAY, start_of
from resources.clients.postgres.connection import PostgresAddress
from resources.clients.postgres.database import Postgres
from resources.clients.postgres.embedded import DBT_ROLE, OWNER, embedded_postgres
from resources.clients.postgres.server import EmbeddedServer
from resources.clients.stacks.indexer import Indexer
from sandbox.stacks import indexer as sandbox

Made = TypeVar("Made")

DAYS = 30
BLOCKS_A_DAY = 144

# One block every ten minutes; transaction n pays its fee and moves STX by event n.
BLOCKS = """
    INSERT INTO blocks (index_block_hash, block_hash, block_height, burn_block_time, burn_block_hash,
        burn_block_height, miner_txid, parent_index_block_hash, parent_block_hash, parent_microblock_hash,
        parent_microblock_sequence, canonical)
    SELECT int4send(n), int4send(n), n, %(start)s + (n - 1) * 600, int4send(n), 666050 + n, '', int4send(n - 1), '', '',
        0, true
    FROM generate_series(%(from)s, %(to)s) AS n
"""
TRANSACTIONS = """
    INSERT INTO txs (tx_id, tx_index, index_block_hash, block_hash, block_height, parent_block_hash, burn_block_time,
        parent_burn_block_time, type_id, canonical, nonce, fee_rate, sponsored, sender_address, microblock_canonical,
        microblock_sequence, microblock_hash, parent_index_block_hash, burn_block_height)
    SELECT int8send(n), 0, int4send(height), '', height, '', %(start)s + (height - 1) * 600, 0, 2, true, 0, 180, false,
        'SP' || n %% %(principals)s, true, 1, '', '', 0
    FROM (SELECT n, (%(first)s + (n - %(from)s) * %(blocks)s / (%(to)s - %(from)s + 1))::int AS height
        FROM generate_series(%(from)s::bigint, %(to)s::bigint) AS n) AS made
"""
EVENTS = """
    INSERT INTO stx_events (event_index, tx_id, tx_index, block_height, index_block_hash, parent_index_block_hash,
        microblock_hash, microblock_sequence, microblock_canonical, canonical, asset_event_type_id, amount, sender,
        recipient)
    SELECT 0, int8send(n), 0, height, int4send(height), '', '', 1, true, true,
        CASE WHEN n <= %(principals)s THEN 2 ELSE 1 END,
        -- One of a hundred has 20,000 STX.
        CASE WHEN n > %(principals)s THEN 1 + n %% 1000 WHEN n %% 100 = 0 THEN 20000000000 ELSE 20000000 END,
        CASE WHEN n <= %(principals)s THEN NULL ELSE 'SP' || n %% %(principals)s END,
        'SP' || (n * 7919) %% %(principals)s
    FROM (SELECT n, (%(first)s + (n - %(from)s) * %(blocks)s / (%(to)s - %(from)s + 1))::int AS height
        FROM generate_series(%(from)s::bigint, %(to)s::bigint) AS n) AS made
"""


def measure(address: PostgresAddress, events: int, principals: int, histories: int = 2) -> Iterator[dict[str, float]]:
    """Seconds of the last day, and the process's peak memory, with one history, two, and so on."""
    database = Postgres(address)
    indexer = Indexer(address, sandbox.SCHEMA, 600)
    with psycopg.connect(**address.parameters(), autocommit=True) as connection:
        with connection.transaction():
            sandbox.create(connection)
        connection.execute(f"SET search_path = {sandbox.SCHEMA}".encode())
        for history in range(histories):
            _make(connection, history, events, principals)
            days = range(history * DAYS, (history + 1) * DAYS)
            read = [_load(database, indexer, number) for number in days]
            last = FIRST_DAY + timedelta(days[-1])
            balances, rows = _timed(partial(compute_following, database, last, legacy=False, everyone=False))
            objects, _ = _timed(partial(_objects, database, last))
            yield {
                "events": events * (history + 1),
                "days": len(days) * (history + 1),
                "read_seconds": round(read[-1], 2),
                "balances_seconds": round(balances, 2),
                "objects_seconds": round(objects, 2),
                "whales": rows["whale_historical_stx_balances"],
                "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
            }


def _make(connection: psycopg.Connection, history: int, events: int, principals: int) -> None:
    blocks = DAYS * BLOCKS_A_DAY
    first = history * blocks + 1
    # A block of the day after ends the last one.
    parameters = {"start": start_of(FIRST_DAY), "from": first + (history > 0), "to": first + blocks}
    cursor = psycopg.ClientCursor(connection)
    cursor.execute(BLOCKS.encode(), parameters)
    more = {"from": history * events + 1, "to": (history + 1) * events, "first": first, "blocks": blocks}
    for statement in (TRANSACTIONS, EVENTS):
        cursor.execute(statement.encode(), parameters | more | {"principals": principals})
    connection.execute("ANALYZE")


def _load(database: Postgres, indexer: Indexer, number: int) -> float:
    """Read a day, and at a month's end compute its balances, as every night, so that there is a checkpoint."""
    day = FIRST_DAY + timedelta(number)
    seconds, _ = _timed(partial(_read, database, indexer, day))
    if (day + ONE_DAY).day == 1:
        compute_following(database, day, legacy=False, everyone=False)
    return seconds


def _read(database: Postgres, indexer: Indexer, day: date) -> None:
    with indexer.snapshot() as snapshot:
        span = span_of(snapshot, day)
        require_over(snapshot, day, span)
        require_sound(snapshot, day, span)
        load_day(database, snapshot, day, span)


def _objects(database: Postgres, day: date) -> None:
    by_midnight(published.tx_counts(database, day, legacy=False), SAMPLED)
    by_midnight(published.known_addresses(database, day, legacy=False), SAMPLED)
    balances, nonzero = published.large_balances(database, day)
    raw_balances(balances, nonzero)
    histogram(balances)


def _timed(work: Callable[[], Made]) -> tuple[float, Made]:
    started = time.monotonic()
    made = work()
    return time.monotonic() - started, made


def main() -> None:
    """Measure in a database of its own, and remove it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stacks", description=main.__doc__)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--principals", type=int, default=1_000_000)
    arguments = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="headwater-benchmark-"))
    server = EmbeddedServer(home, (OWNER, DBT_ROLE))
    server.start()
    try:
        address = replace(embedded_postgres(home))
        for figures in measure(address, arguments.events, arguments.principals):
            print(figures, flush=True)
    finally:
        server.release()
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
