"""An export that is killed at any moment leaves the lake as it was, or the new day; nothing in between."""

import multiprocessing
import random
from itertools import count

import pytest

from assets.ethereum.tables import BLOCKS, BLOCKS_META, LOGS, RECEIPTS, TOKEN_TRANSFERS, TRANSACTIONS, WITHDRAWALS
from benchmarks.ours import export
from resources.clients.lake.lake import Lake
from resources.clients.lake.local_store import LocalObjectStore
from tests.standins.faulty_node import FaultyNode
from tests.standins.killing import ended
from tests.standins.troubled_chain import DAY, TroubledChain

KILLS = 50
TABLES = (BLOCKS_META, BLOCKS, TRANSACTIONS, WITHDRAWALS, RECEIPTS, LOGS, TOKEN_TRANSFERS)
# Imported before a process starts its work.
MODULES = ["benchmarks.ours", "pandas"]


def _rows(root):
    """Each table's rows, of exactly the files that its manifest lists; None where there is no day."""
    lake = Lake(LocalObjectStore(root))
    return {
        table.name: lake.open(table, [DAY]).table().to_pylist() if lake.manifest(table, DAY) else None
        for table in TABLES
    }


@pytest.fixture(scope="module")
def processes():
    """Processes that start with everything imported, so that a kill falls into the export and not into its start."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(MODULES)
    return context


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    """The day before and after a reorganisation of its second half, each exported without a kill, and its node."""
    chain = TroubledChain(seed=3)
    with FaultyNode(chain.answer) as server:
        before, after = (tmp_path_factory.mktemp(name) for name in ("before", "after"))
        export(server.uri, before, "full")
        chain.reorganise((chain.first + chain.last) // 2, seed=4)
        export(server.uri, after, "full")
        yield server.uri, before, _rows(before), _rows(after)


@pytest.mark.slow
@pytest.mark.parametrize("start", ["empty", "an older version of the day"])
def test_a_killed_export_leaves_every_table_old_or_new(versions, processes, tmp_path, monkeypatch, start):
    uri, _, older, new = versions
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert older["transactions"] != new["transactions"]
    draw, directories, kills = random.Random(start), (tmp_path / str(number) for number in count()), 0
    took, _ = _export(processes, uri, next(directories), kill_after=None)
    while kills < KILLS // 2:
        directory = next(directories)
        if start != "empty":
            _copy(versions[1], directory)
        before = _rows(directory)
        seconds, killed = _export(processes, uri, directory, kill_after=draw.uniform(0, took))
        found = _rows(directory)
        for name, rows in found.items():
            assert rows in (before[name], new[name]), (directory.name, name)
        kills += killed
        if not killed:
            took = seconds  # what it takes changes with what else the machine does
    _export(processes, uri, directory, kill_after=None)
    assert _rows(directory) == new


def _export(processes, uri, directory, kill_after):
    """Seconds that it took, and whether it was killed before its end."""
    process = processes.Process(target=export, args=(uri, directory, "full"))
    process.start()
    return ended(process, kill_after)


def _copy(source, target):
    for path in source.rglob("*"):
        if path.is_file():
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
