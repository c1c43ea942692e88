"""The genesis block belongs to the day of block 1, in the file's own rows, and loads with it on every warehouse."""

from datetime import date

import pyarrow.compute as pc
import pytest

from assets.ethereum.extract import exports
from assets.ethereum.tables import BLOCKS, TRANSACTIONS, WITHDRAWALS
from core.windows import DayWindow
from resources.clients.duckdb.warehouse import DuckDbWarehouse
from resources.clients.ethereum.node import EthereumNode
from resources.clients.lake.lake import Lake
from resources.clients.lake.object_store import MemoryObjectStore
from resources.clients.postgres.warehouse import PostgresWarehouse

DAY = date(2024, 1, 1)
TABLES = (BLOCKS, TRANSACTIONS, WITHDRAWALS)


@pytest.fixture(scope="module")
def lake(node_uri):
    lake = Lake(MemoryObjectStore())
    export = exports.Export(node=EthereumNode(node_uri), say=lambda line: None, monotonic=lambda: 0.0)
    for spooled in exports.export_blocks(export, [DAY]).values():
        for day in spooled.days:
            lake.publish(spooled.table, spooled, day, run_id="test")
    return lake


def test_its_rows_are_of_that_day(lake):
    blocks = lake.open(BLOCKS, [DAY]).table(["number", "timestamp", "block_date"]).to_pylist()
    assert (blocks[0]["number"], blocks[0]["timestamp"]) == (0, 0)
    assert {row["block_date"] for row in blocks} == {DAY}


@pytest.mark.parametrize("engine", ["duckdb", "postgres"])
def test_its_day_loads(lake, engine, request):
    if engine == "duckdb":
        warehouse = DuckDbWarehouse(":memory:")
    else:
        warehouse = PostgresWarehouse(request.getfixturevalue("database").address)
    for table in TABLES:
        warehouse.replace(table, lake.open(table, [DAY]))
    loaded = warehouse.read(BLOCKS, DayWindow(DAY, DAY), ["number"])
    assert pc.min(loaded.column("number")).as_py() == 0
