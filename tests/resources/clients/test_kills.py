"""Whoever writes may be killed at any moment: readers find the old version or the new one, and the next run succeeds.

An export's kills are in ``tests/assets/ethereum/extract/test_kills.py``, those of databridge's loads, request by
request, in ``tests/resources/clients/databridge/test_replacing.py``.
"""

import multiprocessing
import os
import random
from dataclasses import replace

import pytest

from tests.conftest import FUZZ_EXAMPLES
from tests.standins.killing import ended
from tests.standins.writing import (
    NEW,
    OLD,
    BarsPath,
    DuckDbLoad,
    LakePath,
    MarketsMerge,
    ObjectPath,
    PostgresLoad,
    RedshiftLoad,
    StagedPath,
    write_new,
)

# In every way of writing: `make fuzz` kills as often as it takes to meet each moment, `make test` some times.
KILLS = 50 if FUZZ_EXAMPLES else 5
# Imported before a process starts its work, so that a kill falls into the writing.
MODULES = ["tests.standins.writing", "resources.clients.lake.s3_store"]
# Where a process finds the stand-ins of S3 and of Redshift.
HANDED_ON = ("AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "SSL_CERT_FILE")


@pytest.fixture(scope="module")
def processes():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(MODULES)
    return context


def _on_s3(request):
    return f"s3://{request.getfixturevalue('s3_bucket')}/headwater"


def _redshift(request, format):
    server = RedshiftLoad.server_of(request.getfixturevalue("redshift"))
    return RedshiftLoad(_on_s3(request), format=format, server=server)


WRITINGS = {
    "a Parquet lake": lambda request, place: LakePath(place),
    "a csv lake": lambda request, place: LakePath(place, format="csv"),
    "a Parquet lake on S3": lambda request, place: LakePath(_on_s3(request)),
    "a csv lake on S3": lambda request, place: LakePath(_on_s3(request), format="csv"),
    "DuckDB": lambda request, place: DuckDbLoad(place),
    "DuckDB from csv": lambda request, place: DuckDbLoad(place, format="csv"),
    "PostgreSQL": lambda request, place: PostgresLoad(place, address=request.getfixturevalue("database").address),
    "Redshift": lambda request, place: _redshift(request, "parquet"),
    "Redshift from csv": lambda request, place: _redshift(request, "csv"),
    "markets' tables": lambda request, place: MarketsMerge(place, address=request.getfixturevalue("database").address),
    "exchanges' bars": lambda request, place: BarsPath(place),
    "databridge's staging": lambda request, place: StagedPath(place),
    "a published object": lambda request, place: ObjectPath(place),
}


@pytest.fixture(params=WRITINGS)
def writing(request, tmp_path):
    environment = {"TMPDIR": str(tmp_path)}
    made = WRITINGS[request.param](request, str(tmp_path / "place"))
    environment |= {name: os.environ[name] for name in HANDED_ON if name in os.environ}
    return replace(made, environment=environment)


@pytest.mark.fuzz
def test_a_killed_writer_leaves_the_old_version_or_the_new_one(writing, processes):
    writing.prepare()
    writing.write(NEW)
    new = writing.found()
    writing.write(OLD)
    old = writing.found()
    assert all(old[name] != new[name] for name in new)
    draw, kills, took, seen = random.Random(str(type(writing))), 0, 0.0, set()
    took, _ = _written(processes, writing, kill_after=None)
    while kills < KILLS:
        writing.write(OLD)
        assert writing.found() == old
        seconds, killed = _written(processes, writing, kill_after=draw.uniform(0, took))
        for name, found in writing.found().items():
            allowed = [old[name], new[name], *writing.between]
            assert found in allowed, (kills, name)
            seen.add(allowed.index(found))
        kills += killed
        if not killed:
            took = seconds  # what it takes changes with what else the machine does
    writing.write(NEW)
    assert writing.found() == new


def _written(processes, writing, kill_after):
    """Seconds that it took, and whether it was killed before its end."""
    begun = processes.Event()
    process = processes.Process(target=write_new, args=(writing, begun))
    process.start()
    assert begun.wait(60)
    return ended(process, kill_after)
