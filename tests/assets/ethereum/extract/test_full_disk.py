"""A disk that is full at any moment: what was there stays, the error says which disk, and with room a run succeeds."""

import pytest

from assets.ethereum.tables import BLOCKS, LOGS, TRANSACTIONS
from benchmarks.ours import export
from core.errors import DiskRefused
from resources.clients.duckdb.warehouse import DuckDbWarehouse
from resources.clients.lake.lake import Lake
from resources.clients.lake.local_store import INCOMING, LocalObjectStore
from tests.standins.faulty_node import FaultyNode
from tests.standins.small_disk import small_disk
from tests.standins.troubled_chain import DAY, TroubledChain

STEPS = 16
TABLES = (BLOCKS, TRANSACTIONS, LOGS)


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", 4) as disk:
        yield disk


@pytest.fixture(scope="module")
def node():
    with FaultyNode(TroubledChain(seed=3).answer) as server:
        yield server.uri


def _rows(root):
    lake = Lake(LocalObjectStore(root))
    return {table.name: lake.open(table, [DAY]).table().to_pylist() for table in TABLES if lake.manifest(table, DAY)}


def _files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _refusal(work):
    """What is said of the full disk; any other error is a failure."""
    try:
        work()
    except DiskRefused as error:
        return str(error)
    return None


@pytest.mark.slow
def test_an_export_onto_a_full_disk_leaves_days_whole_or_absent(disk, node, tmp_path, monkeypatch):
    """Spool and lake share the disk, which grows a little with every attempt until the day fits."""
    (scratch := disk.path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("tempfile.tempdir", None)
        export(node, tmp_path / "whole", "full")
    whole = _rows(tmp_path / "whole")
    needed = 2 * sum(path.stat().st_size for path in _files(tmp_path / "whole")) // 1024
    refused = 0
    for step in range(1, STEPS + 1):
        disk.resize(needed * step // STEPS + 4)
        told = _refusal(lambda: export(node, disk.path / "lake", "full"))
        assert told is None or "bytes are free there" in told
        refused += told is not None
        for name, rows in _rows(disk.path / "lake").items():
            assert rows == whole[name]
        assert _files(scratch) == [] == _files(disk.path / "lake" / INCOMING)
    assert refused > STEPS // 4
    disk.resize(4 * needed)
    export(node, disk.path / "lake", "full")
    assert _rows(disk.path / "lake") == whole


@pytest.mark.slow
def test_a_load_onto_a_full_disk_leaves_the_table_and_succeeds_with_room(disk, node, tmp_path):
    export(node, tmp_path / "lake", "off")
    days = Lake(LocalObjectStore(tmp_path / "lake")).open(TRANSACTIONS, [DAY])
    warehouse, refused = DuckDbWarehouse(str(disk.path / "warehouse.duckdb")), 0
    for kilobytes in (4, 8, 12, 16, 64, 300, 600, 900):
        disk.resize(kilobytes)
        refused += _refusal(lambda: warehouse.replace(TRANSACTIONS, days)) is not None
    assert refused
    disk.resize(64_000)
    warehouse.replace(TRANSACTIONS, days)
    assert warehouse.read(TRANSACTIONS, None).num_rows == days.rows
