"""The exporters that are compared: what each is started with, and the rows it leaves behind.

Rows are counted in blocks, transactions, receipts, logs and token transfers; all engines must leave the same.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Command, Cost, measured
from benchmarks.synthetic import FIRST
from core.errors import PermanentError
from resources.clients.ethereum_etl.environment import etl_command

COUNTED = ("blocks", "transactions", "receipts", "logs", "token_transfers")
CRYO = "cryo==0.3.2"
# Found best on two cores; more workers or bigger batches cost ethereum-etl more CPU and no less time.
ETL_WORKERS, ETL_BLOCKS, ETL_RECEIPTS, ETL_LOGS = 10, 10, 100, 1000
# It leaves without Python's own end, in which cryo's threads sometimes abort the process although all is written.
CRYO_PROGRAM = """
import asyncio, os, sys, cryo
uri, first, end = sys.argv[1:]
what, how = ["blocks", "transactions", "logs"], {"output_dir": "out", "chunk_size": 200, "no_verbose": True}
asyncio.run(cryo.async_freeze(what, blocks=[f"{first}:{end}"], rpc=uri, **how))
os._exit(0)
"""
# In a process of its own: what the measuring process loads would count as the memory of what it starts.
COUNT_PROGRAM = """
import collections, json, pathlib, pyarrow.parquet as pq
rows = collections.Counter()
for path in pathlib.Path("out").glob("*.parquet"):
    rows[path.name.split("__")[1]] += pq.read_metadata(path).num_rows
print(json.dumps(rows))
"""


@dataclass(frozen=True)
class Export:
    """One engine's export of a synthetic day."""

    cost: Cost
    rows: Mapping[str, int]

    @property
    def total_rows(self) -> int:
        return sum(self.rows.get(name, 0) for name in COUNTED)


def _outside() -> dict[str, str]:
    """The environment for programs of other environments."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def ours(node: str, blocks: int, scratch: Path, verify: str) -> Export:
    """Our own engine. verify: off, roots or full, as ``ETHEREUM_VERIFY``."""
    del blocks  # the day's, which it finds
    command = [sys.executable, "-m", "benchmarks.ours", "--node", node, "--lake", str(scratch / "lake")]
    cost = measured([*command, "--verify", verify])
    return Export(cost, json.loads(cost.output))


def etl(node: str, blocks: int, scratch: Path, command: Path) -> Export:
    """ethereum-etl's three steps; the file of hashes between them is made here and costs it nothing."""
    asked = ["-p", node, "-w", str(ETL_WORKERS)]
    span = ["-s", str(FIRST), "-e", str(FIRST + blocks - 1), "-b", str(ETL_BLOCKS)]
    outputs = ["--blocks-output", "blocks.csv", "--transactions-output", "transactions.csv"]
    cost = measured([command, "export_blocks_and_transactions", *asked, *span, *outputs], scratch, _outside())
    _write_hashes(scratch / "transactions.csv", scratch / "hashes.txt")
    outputs = ["--receipts-output", "receipts.csv", "--logs-output", "logs.csv"]
    hashes = ["-t", "hashes.txt", "-b", str(ETL_RECEIPTS)]
    cost = cost.then(measured([command, "export_receipts_and_logs", *asked, *hashes, *outputs], scratch, _outside()))
    transfers = ["-l", "logs.csv", "-o", "token_transfers.csv", "-w", str(ETL_WORKERS), "-b", str(ETL_LOGS)]
    cost = cost.then(measured([command, "extract_token_transfers", *transfers], scratch, _outside()))
    return Export(cost, {name: _lines(scratch / f"{name}.csv") - 1 for name in COUNTED})


def _write_hashes(transactions: Path, target: Path) -> None:
    """The first column, without its name."""
    with transactions.open() as rows, target.open("w") as hashes:
        next(rows)
        hashes.writelines(f"{row.partition(',')[0]}\n" for row in rows)


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def cryo(node: str, blocks: int, scratch: Path, python: Path) -> Export:
    """cryo's blocks, transactions and logs: fewer columns, and no receipts or token transfers."""
    words: Command = [python, "-c", CRYO_PROGRAM, node, str(FIRST), str(FIRST + blocks)]
    cost = measured(words, scratch, _outside())
    counted = measured([sys.executable, "-c", COUNT_PROGRAM], scratch)
    return Export(cost, json.loads(counted.output))


Engine = Callable[[str, int, Path], Export]


def etl_engine(home: Path, say: Callable[[str], None]) -> Engine:
    """ethereum-etl in its own environment.

    Raises:
        PermanentError: when that cannot be made.
    """
    command = etl_command(home, say)
    return lambda node, blocks, scratch: etl(node, blocks, scratch, command)


def cryo_engine(home: Path, say: Callable[[str], None]) -> Engine:
    """cryo from its wheel, in an environment of its own.

    Raises:
        PermanentError: when there is no wheel for this machine, or no index.
    """
    directory = home / CRYO.replace("==", "-")
    python = directory / "bin" / "python"
    imports: Command = [python, "-c", "import cryo"]
    if not python.exists() or subprocess.run(imports, capture_output=True, check=False).returncode:
        say(f"Installing {CRYO} into an environment of its own")
        environment: Command = [sys.executable, "-m", "venv", "--clear", directory]
        install: Command = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", CRYO]
        for words in (environment, install, imports):
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode:
                raise PermanentError(f"{CRYO} does not install here: {' '.join(done.stderr.split())[-200:]}")
    return lambda node, blocks, scratch: cryo(node, blocks, scratch, python)
