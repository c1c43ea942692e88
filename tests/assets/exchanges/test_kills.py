"""A job's day that is killed at any moment, or run twice at once: the next run ends as if nothing had happened."""

import gc
import importlib
import multiprocessing
import os
import random
import shutil
import signal
import time
from decimal import Decimal
from pathlib import Path

import pytest

from assets.exchanges.download import Exchange
from assets.exchanges.names import parse_job
from assets.exchanges.tables import OHLCV_1D, OHLCV_1H, OHLCV_1M, OHLCV_GAPS, VENDOR_CROSSCHECK
from core.partitions import PartitionAddress
from resources.clients.exchanges.objects import revisions_key
from resources.clients.lake.lake import Lake
from sandbox.exchanges.world import MINUTE_MS, SAMPLE_START_MS
from tests.assets.exchanges.test_assets import FIRST, PAIRS, SPOT, run, server

__all__ = ["server"]
KILLS = 6
TABLES = (OHLCV_1M, OHLCV_GAPS, OHLCV_1H, OHLCV_1D, VENDOR_CROSSCHECK)
# The test's own process has imported everything, so that a kill falls into the run and not into its start.
FORK = multiprocessing.get_context("fork")

pytestmark = pytest.mark.slow


def _job(home, kill_at, said):
    """The whole job in a process of its own. kill_at: it ends itself, as by SIGKILL, instead of that write."""
    gc.freeze()  # what was made before the fork is not this process's to end: a database's threads did not come along
    os.environ["HEADWATER_HOME"] = str(home)
    writes, replace = 0, Path.replace

    def counted(path, target):
        nonlocal writes
        writes += 1
        if writes == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return replace(path, target)

    Path.replace = counted
    success = run().success
    said.send((success, writes))
    said.close()
    os._exit(0)


def start(home, kill_at=0):
    hear, said = FORK.Pipe(duplex=False)
    process = FORK.Process(target=_job, args=(home, kill_at, said))
    process.start()
    said.close()
    return process, hear


def finished(process, hear):
    """Success and the number of writes; None of a run that was killed."""
    process.join(120)
    assert process.exitcode in (0, -signal.SIGKILL)
    return hear.recv() if process.exitcode == 0 else None


def known(home):
    """Everything that is to be the same: hashes, former values, rows without the time that they were known at."""
    exchange, found = Exchange.of({"HEADWATER_HOME": str(home)}), {}
    for pair in PAIRS:
        key = exchange.key(parse_job(SPOT), pair, FIRST)
        for name, one in (("now", exchange.objects.read(key)), ("before", exchange.objects.read(revisions_key(key)))):
            found[pair, name] = one and one.bars.sha256
    for table in TABLES:
        rows = Lake(exchange.objects.store).open(table, [PartitionAddress.of(FIRST, {"job": SPOT})]).table()
        names = [name for name in rows.column_names if name != "knowledge_timestamp"]
        found[table.name] = rows.select(names).sort_by([(name, "ascending") for name in names]).to_pylist()
    return found


@pytest.fixture
def revised(server):
    """The exchange before a bar of its was revised and a gap was filled, and a function that does both."""
    ten = {SAMPLE_START_MS + minute * MINUTE_MS for minute in range(600, 610)}
    server.world.missing = {"BTC_USDT": ten}

    def revise():
        server.world.missing = {}
        server.world.changed["ETH_USDT"] = {SAMPLE_START_MS: Decimal("1.01")}

    return revise


@pytest.fixture
def undisturbed(revised, tmp_path):
    """What a lake holds in which the day was fetched before and after the revision, copies of it from before, and how
    often the second run writes."""
    importlib.import_module("ccxt")  # two seconds
    whole, copies = tmp_path / "whole", [tmp_path / name for name in ("killed", "twice")]
    assert finished(*start(whole))[0]
    for copy in copies:
        shutil.copytree(whole, copy)
    before = known(whole)
    revised()
    success, writes = finished(*start(whole))
    assert success
    assert known(whole) != before
    assert known(whole)["ETH_USDT", "before"]
    return known(whole), *copies, writes


def test_after_kills_and_after_two_at_once_the_next_run_ends_as_if_nothing_had_been(undisturbed):
    expected, killed, twice, writes = undisturbed
    draw, kills = random.Random(14), 0
    for kill_at in sorted(draw.sample(range(1, writes + 1), KILLS // 2)):
        kills += finished(*start(killed, kill_at)) is None
    for _ in range(KILLS // 2):
        process, hear = start(killed)
        time.sleep(draw.uniform(0.1, 2.0))  # its time is the other process's own
        os.kill(process.pid, signal.SIGKILL)
        kills += finished(process, hear) is None
    assert kills >= KILLS // 2

    both = [start(twice), start(twice)]
    assert None not in [finished(*one) for one in both]

    for home in (killed, twice):
        success, _ = finished(*start(home))
        assert success
        assert known(home) == expected
        assert not Exchange.of({"HEADWATER_HOME": str(home)}).objects.store.list("damaged/")
