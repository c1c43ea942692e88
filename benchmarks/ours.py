"""Our export of the synthetic day, as the assets do it but without Dagster: one process, measured as a whole.

``python -m benchmarks.ours --node http://127.0.0.1:8545 --lake DIRECTORY`` exports blocks, transactions, receipts,
logs and token transfers into a lake and prints the rows of each as JSON.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from assets.ethereum.extract import exports, receipts
from assets.ethereum.tables import BLOCKS, LOGS, TRANSACTIONS
from assets.ethereum.transform import derive
from benchmarks.synthetic import DAY
from core.spool import SpooledTable
from resources.clients.ethereum.node import Budget, EthereumNode
from resources.clients.lake.lake import Lake
from resources.clients.lake.local_store import LocalObjectStore


def export(node_uri: str, root: Path, verify: str, budget: Budget | None = None) -> dict[str, int]:
    """Rows of each table, published under ``root``. verify: off, roots or full, as ``ETHEREUM_VERIFY``."""
    lake, rows = Lake(LocalObjectStore(root)), {}
    node = EthereumNode(node_uri, budget)

    def publish(tables: Mapping[str, SpooledTable]) -> None:
        for name, spooled in tables.items():
            for day in spooled.days:
                lake.publish(spooled.table, spooled, day, run_id="benchmark")
            rows[name] = spooled.rows

    def work() -> exports.Export:
        return exports.Export(node=node, say=_say, monotonic=time.monotonic, verify=verify)

    publish(exports.export_blocks(work(), [DAY]))
    blocks, transactions = lake.open(BLOCKS, [DAY]), lake.open(TRANSACTIONS, [DAY])
    publish(receipts.export_receipts(work(), blocks, transactions))
    publish(derive.derive_token_transfers(lake.open(LOGS, [DAY]), []))
    return rows


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def main() -> None:
    """Export and print the rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ours", description="Export the synthetic day.")
    parser.add_argument("--node", required=True, help="the replay node's address")
    parser.add_argument("--lake", required=True, type=Path, help="directory of the lake")
    parser.add_argument("--verify", choices=("off", "roots", "full"), default="off", help="without proofs or with them")
    arguments = parser.parse_args()
    print(json.dumps(export(arguments.node, arguments.lake, arguments.verify)))


if __name__ == "__main__":
    main()
