"""A year backfilled as from the UI: first the loads, then the aggregates, and the runs that Dagster started for each.

``python -m benchmarks.backfill --lake DIRECTORY --days 365`` repeats the synthetic day of that lake backwards into a
lake of its own, every table and day with its manifest, and serves Dagster over it. It prints what each backfill took.
"""

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from assets.ethereum.tables import BLOCKS_META, LOGS, TABLES
from benchmarks.increment import LOADED, make_history
from benchmarks.measure import CommandFailed
from benchmarks.served import ServedDagster, serving
from benchmarks.synthetic import DAY
from core.frames import spooled
from core.windows import DayWindow
from resources.clients.duckdb.warehouse import DuckDbWarehouse
from resources.clients.lake.lake import Lake
from resources.clients.lake.local_store import LocalObjectStore

ROOM = "ethereum"
# What is backfilled together, by the layers of its assets.
GROUPS = {"loads": ("warehouse",), "aggregates": ("intermediate", "marts")}
EXPORTED = (*LOADED, BLOCKS_META, LOGS)
MOST_SECONDS = 900


def make_lake(day: Lake, into: Lake, scratch: Path, window: DayWindow) -> int:
    """Publish every table for every day of a window that ends with the synthetic day; the rows published."""
    history = make_history(day, scratch / "history.duckdb", len(list(window)), EXPORTED)
    rows = 0
    for table in TABLES:
        days = spooled(table, history.read(table, window), list(window))
        for one in days.days:
            into.publish(table, days, one, run_id="benchmark")
        rows += days.rows
    return rows


def launched(dagster: ServedDagster, group: str, days: Sequence[str]) -> dict:
    """A backfill of a group, up to the moment that its days are there: id, seconds since its launch, tables.

    The daemon looks every half minute; the next group need not wait for it to notice.

    Raises:
        CommandFailed: when the backfill fails or takes too long.
    """
    assets, started = dagster.assets(ROOM, GROUPS[group]), time.perf_counter()
    backfill = dagster.launch(assets, days)
    dagster.wait(
        lambda: dagster.follow(backfill).at_rest and dagster.days_materialized(assets) == len(days), MOST_SECONDS
    )
    seconds, tables = time.perf_counter() - started, [f"{ROOM}.{path[-1]}" for path in assets]
    return {"group": group, "backfill": backfill, "days": len(days), "seconds": seconds, "tables": tables}


def measure(root: Path, days: int) -> list[dict]:
    """An entry for each group: its days, tables and their rows, runs, seconds in runs and since the launch."""
    window = DayWindow(DAY - timedelta(days=days - 1), DAY)
    with tempfile.TemporaryDirectory(prefix="headwater-bench-", dir=root.parent) as scratch:
        home = Path(scratch) / "home"
        home.mkdir()
        lake = Lake(LocalObjectStore(home / "lake"))
        published = make_lake(Lake(LocalObjectStore(root)), lake, Path(scratch), window)
        with serving(home) as dagster:
            found = [launched(dagster, group, [str(day) for day in window]) for group in GROUPS]
            for entry in found:
                runs = dagster.runs_of(entry.pop("backfill"), MOST_SECONDS)
                entry |= {"runs": len(runs), "run_seconds": sum(run["endTime"] - run["startTime"] for run in runs)}
        warehouse = DuckDbWarehouse(str(home / "warehouse.duckdb"))
        for entry in found:
            entry["rows"] = sum(_rows(warehouse, table) for table in entry["tables"])
    if found[0]["rows"] != published:
        raise CommandFailed(f"{found[0]['rows']} rows were loaded, {published} are in the lake")
    return found


def _rows(warehouse: DuckDbWarehouse, table: str) -> int:
    (counted,) = warehouse.query(f"SELECT count(*) AS rows FROM {table}").to_pylist()
    return counted["rows"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backfill", description="Backfill a year.")
    parser.add_argument("--lake", required=True, type=Path, help="directory of a lake with the synthetic day")
    parser.add_argument("--days", type=int, default=365)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # Dagster, in its own session, must be ended with us
    print(json.dumps(measure(arguments.lake, arguments.days)))


if __name__ == "__main__":
    try:
        main()
    except CommandFailed as problem:
        sys.exit(str(problem))
