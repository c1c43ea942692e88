"""The daily increment of the aggregates on a short and on a ten times longer history, in turn.

``python -m benchmarks.increment --lake DIRECTORY --days 10`` loads the synthetic day into two warehouses, repeats it
backwards in time to a history of 10 and of 100 days, builds the aggregates of all of it, then builds the last day
again and again. It prints the seconds that each of these builds took, dbt's start not included.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import duckdb

from assets.ethereum.tables import BLOCKS, RECEIPTS, TABLES, TOKEN_TRANSFERS, TRANSACTIONS, WITHDRAWALS
from benchmarks.synthetic import DAY
from core.tables import Table
from core.windows import ONE_DAY
from resources.clients.duckdb.warehouse import DuckDbWarehouse
from resources.clients.lake.lake import Lake
from resources.clients.lake.local_store import LocalObjectStore

ROOT = Path(__file__).resolve().parent.parent
LOADED = (BLOCKS, TRANSACTIONS, WITHDRAWALS, RECEIPTS, TOKEN_TRANSFERS)
TIMES = 10
# Long texts that no aggregate reads are cut in the repeated days, so that years of them fit on a disk.
SHORTENED = {"input", "logs_bloom", "access_list", "authorization_list", "withdrawals"}
NUMBERS = {"number", "block_number", "start_block", "end_block"}
HASHES = {"hash", "transaction_hash"}


def _earlier(table: Table, blocks: int) -> str:
    """The day's rows as those of ``?`` days before: other numbers, times and hashes, the same otherwise."""
    columns = []
    for column in table.columns:
        name = f'"{column.name}"'
        if column.name in NUMBERS:
            name = f"{name} - $back * {blocks}"
        elif column.name in ("timestamp", "block_timestamp"):
            name = f"{name} - $back * 86400"
        elif column.name == "block_date":
            name = f"CAST({name} - CAST($back AS INTEGER) AS DATE)"
        elif column.name in HASHES:
            name = f"'0x' || md5($back || {name}) || substr({name}, 3, 32)"
        elif column.name in SHORTENED:
            name = "''"
        columns.append(name)
    return (
        f"INSERT INTO {table.address} SELECT {', '.join(columns)} FROM {table.address} WHERE block_date = DATE '{DAY}'"
    )


def make_history(lake: Lake, path: Path, days: int, tables: Sequence[Table] = LOADED) -> DuckDbWarehouse:
    """A warehouse that ends with the synthetic day and has ``days`` days of some tables; the others are empty."""
    warehouse = DuckDbWarehouse(str(path))
    warehouse.migrate(*TABLES)
    blocks = lake.open(BLOCKS, [DAY]).rows
    for table in tables:
        warehouse.replace(table, lake.open(table, [DAY]))
        with duckdb.connect(str(path)) as connection:
            for back in range(days - 1, 0, -1):
                connection.execute(_earlier(table, blocks), {"back": back})
    return warehouse


def build(warehouse: DuckDbWarehouse, scratch: Path, full: bool = False) -> float:
    """Seconds of ``dbt build`` of the day, or of all days, tests included.

    Raises:
        RuntimeError: quoting dbt.
    """
    target = scratch / "target"
    words = [sys.executable, str(ROOT / "resources/clients/dbt/command.py")]
    words += ["build", "--select", "tag:ethereum", "--quiet"]
    words += ["--project-dir", ".", "--profiles-dir", ".", "--target", "duckdb", "--target-path", str(target)]
    words += ["--log-path", str(scratch / "logs")]
    words += ["--full-refresh"] if full else ["--event-time-start", str(DAY), "--event-time-end", str(DAY + ONE_DAY)]
    environment = {**os.environ, **warehouse.dbt_environment()}
    done = subprocess.run(words, cwd=ROOT / "dbt_project", env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"dbt build failed: {done.stdout[-2000:]}")
    return json.loads((target / "run_results.json").read_text())["elapsed_time"]


def compare(root: Path, days: int, repeat: int) -> dict:
    """Days and seconds by repetition, of the short and of the long history."""
    lake = Lake(LocalObjectStore(root))
    with tempfile.TemporaryDirectory(prefix="headwater-bench-", dir=root.parent) as scratch:
        histories = {}
        for name, length in (("short", days), ("long", days * TIMES)):
            place = Path(scratch) / name
            place.mkdir()
            histories[name] = make_history(lake, place / "warehouse.duckdb", length), place
            build(*histories[name], full=True)
        found: dict = {
            "days": days,
            "times": TIMES,
            "rows": lake.open(TRANSACTIONS, [DAY]).rows,
            "short": [],
            "long": [],
        }
        for turn in range(repeat + 1):
            for name, (warehouse, place) in histories.items():
                seconds = build(warehouse, place)
                if turn:  # the first increment warms the machine up
                    found[name].append(seconds)
        return found


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.increment", description="Build a day on its history.")
    parser.add_argument("--lake", required=True, type=Path, help="directory of a lake with the synthetic day")
    parser.add_argument("--days", type=int, default=10, help="length of the short history")
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    print(json.dumps(compare(arguments.lake, arguments.days, arguments.repeat)))


if __name__ == "__main__":
    main()
