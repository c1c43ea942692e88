"""Lake to DuckDB: our load of a day against DuckDB's own COPY of the same files, in turn.

``python -m benchmarks.load --lake DIRECTORY`` prints, for each table, the rows and the seconds of each repetition.
Both begin with a closed, empty database that has the table, and end with a closed one.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import duckdb

from assets.ethereum.tables import LOGS, RECEIPTS, TRANSACTIONS
from benchmarks.synthetic import DAY
from core.tables import Table
from resources.clients.duckdb.warehouse import DuckDbWarehouse
from resources.clients.lake.lake import Lake
from resources.clients.lake.local_store import LocalObjectStore
from resources.clients.lake.reading import LakeObject

LOADED = (TRANSACTIONS, RECEIPTS, LOGS)


def _seconds(table: Table, days: LakeObject, ours: bool) -> float:
    with tempfile.TemporaryDirectory(prefix="headwater-bench-") as scratch:
        path = Path(scratch) / "warehouse.duckdb"
        warehouse = DuckDbWarehouse(str(path))
        warehouse.migrate(table)
        files = [str(file) for day in days.days for file in day.local_files(Path(scratch))]
        started = time.perf_counter()
        if ours:
            warehouse.replace(table, days)
        else:
            with duckdb.connect(str(path)) as connection:
                for file in files:
                    connection.execute(f"COPY {table.address} FROM '{file}' (FORMAT parquet)")
        seconds = time.perf_counter() - started
        (counted,) = warehouse.query(f"SELECT count(*) AS rows FROM {table.address}").to_pylist()
        if counted["rows"] != days.rows:
            raise RuntimeError(f"{table.address}: {counted['rows']} rows loaded, {days.rows} in the lake")
        return seconds


def compare(root: Path, repeat: int) -> list[dict]:
    """One entry for each table: rows, and seconds by repetition of ours and of COPY."""
    lake = Lake(LocalObjectStore(root))
    found = []
    for table in LOADED:
        days = lake.open(table, [DAY])
        entry: dict = {"table": table.name, "rows": days.rows, "ours": [], "copy": []}
        for turn in range(repeat):
            # The one that goes first finds the file less warm: they take turns at that, too.
            for ours in (True, False) if turn % 2 else (False, True):
                entry["ours" if ours else "copy"].append(_seconds(table, days, ours))
        found.append(entry)
    return found


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description="Load a day, and COPY it.")
    parser.add_argument("--lake", required=True, type=Path, help="directory of a lake with the synthetic day")
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    print(json.dumps(compare(arguments.lake, arguments.repeat)))


if __name__ == "__main__":
    main()
