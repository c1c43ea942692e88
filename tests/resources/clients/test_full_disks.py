"""A disk that is full at any moment of writing: readers keep what they had, the error says which disk, nothing is left.

Every local way of writing, on a disk that grows a little with each attempt; then, with room, a run that succeeds. An
export's own disk is in ``tests/assets/ethereum/extract/test_full_disk.py``.
"""

import os
import shutil
import tempfile

import pytest

from core.errors import DiskRefused, HeadwaterError
from resources.clients.lake.local_store import INCOMING
from resources.clients.postgres.connection import PostgresAddress
from resources.clients.postgres.server import PORT, EmbeddedServer
from tests.standins.small_disk import small_disk
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
)

STEPS, PAGE = 5, 4
ROWS = 1_000
# Kilobytes of an embedded server's data, to begin with, and what loads may find free beside them.
SERVER, FREE = 160 << 10, (0, 64, 256, 1024)


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", 64 << 10) as disk:
        yield disk


def _redshift(request, place, format):
    server = RedshiftLoad.server_of(request.getfixturevalue("redshift"))
    return RedshiftLoad(f"s3://{request.getfixturevalue('s3_bucket')}/x", ROWS, format=format, server=server)


WRITINGS = {
    "a Parquet lake": lambda request, place: LakePath(place, ROWS),
    "a csv lake": lambda request, place: LakePath(place, ROWS, format="csv"),
    "DuckDB": lambda request, place: DuckDbLoad(place, ROWS),
    "DuckDB from csv": lambda request, place: DuckDbLoad(place, ROWS, format="csv"),
    "Redshift": lambda request, place: _redshift(request, place, "parquet"),
    "Redshift from csv": lambda request, place: _redshift(request, place, "csv"),
    "exchanges' bars": lambda request, place: BarsPath(place, ROWS // 5),
    "databridge's staging": lambda request, place: StagedPath(place, ROWS),
    "a published object": lambda request, place: ObjectPath(place, ROWS),
}


def _refusal(work, expected=DiskRefused):
    """What is said of the full disk; any other error is a failure."""
    try:
        work()
    except expected as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", WRITINGS)
def test_a_full_disk_changes_nothing_and_leaves_nothing(request, disk, name, monkeypatch):
    writing = WRITINGS[name](request, str(disk.path / "place"))
    (scratch := disk.path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    writing.prepare()
    writing.write(NEW)
    new = writing.found()
    writing.write(OLD)
    old, before = writing.found(), disk.used
    writing.write(NEW)
    needed = 3 * max(disk.used - before, ROWS // 3)
    writing.write(OLD)
    allowed = [*old.values(), *new.values(), *writing.between]
    refused = 0
    for step in range(STEPS):
        disk.resize(disk.used + PAGE + needed * step // STEPS)
        told = _refusal(lambda: writing.write(NEW))
        assert told is None or "bytes are free there" in told or "make room" in told
        refused += told is not None
        disk.resize(64 << 10)
        assert all(found in allowed for found in writing.found().values())
        assert list(scratch.iterdir()) == []
        assert list(disk.path.glob(f"place/**/{INCOMING}/*")) == []
        writing.write(OLD)
        assert writing.found() == old
    assert refused > 0
    writing.write(NEW)
    assert writing.found() == new


@pytest.mark.parametrize("writing", [PostgresLoad, MarketsMerge])
def test_a_full_disk_under_postgresql_is_told_and_over_once_there_is_room(tmp_path, writing):
    """The server may go down with its disk; what starts it again finds what was committed."""
    with small_disk(tmp_path / "disk", SERVER) as disk:
        server = EmbeddedServer(disk.path / "home", ("postgres",))
        address = PostgresAddress(str(server.start()), PORT, "postgres", "postgres")
        path = writing(str(tmp_path / "lake"), rows=4 * ROWS, address=address)
        path.prepare()
        path.write(NEW)
        new = path.found()
        path.write(OLD)
        old, refused = path.found(), 0
        for free in FREE:
            filler = disk.path / "filler"
            _fill(disk, filler, free)
            told = _refusal(lambda: path.write(NEW), HeadwaterError)
            assert told is None or "run again" in told
            refused += told is not None
            filler.unlink()
            server.start()
            assert path.found() in (old, new)
            path.write(OLD)
            assert path.found() == old
        assert refused
        path.write(NEW)
        assert path.found() == new
        server.release()


def _fill(disk, filler, free):
    """Take all of the disk but so many kilobytes."""
    taken = shutil.disk_usage(disk.path).free - free * 1024
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(4096, taken))
