"""A damaged manifest is told by day and file, and mended by exporting the day again."""

import hashlib
from dataclasses import replace
from datetime import date

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import LakeDamaged
from core.frames import spooled
from core.layout import LakeLayout
from core.tables import Column, ColumnType
from resources.clients.lake.lake import Lake
from resources.clients.lake.local_store import LocalObjectStore
from resources.clients.lake.object_store import MemoryObjectStore
from tests.standins.lakes import ITEMS, items, spooled_items

DAY = date(2024, 1, 2)
KEY = ITEMS.lake.manifest_key(DAY)


def _publish(lake, *numbers, day=DAY):
    spooled = spooled_items(day, *numbers)
    return lake.publish(ITEMS, spooled, spooled.days[0], "run")


def _numbers(lake):
    return lake.open(ITEMS, [DAY]).table(["block_number"]).column(0).to_pylist()


def _refused_then_mended(lake):
    with pytest.raises(LakeDamaged, match=r"_manifest.json is not the manifest of items, 2024-01-02: .*again"):
        _numbers(lake)
    _publish(lake, 3)
    assert _numbers(lake) == [3]
    assert len(lake.store.list("export/items/")) == 2  # nothing of before


@pytest.mark.parametrize("where", ["local", "memory", "s3"])
@pytest.mark.parametrize("raw", [b"", b"\0" * 400, b"\xff\xfe", b"[]", b"{", b'{"dataset": "items"}'])
def test_a_damaged_manifest_is_told_and_mended(tmp_path, clock, request, where, raw):
    if where == "s3":
        from resources.clients.lake.s3_store import S3ObjectStore

        store = S3ObjectStore(request.getfixturevalue("s3_bucket"), "p")
    else:
        store = LocalObjectStore(tmp_path / "lake") if where == "local" else MemoryObjectStore(clock)
    lake = Lake(store, clock=clock)
    _publish(lake, 1, 2)
    store.write(KEY, raw)
    _refused_then_mended(lake)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_cut_or_changed_anywhere_it_is_told_or_true(clock, data):
    lake = Lake(MemoryObjectStore(clock), clock=clock)
    _publish(lake, 1, 2)
    raw = lake.store.read(KEY)
    at = data.draw(st.integers(0, len(raw) - 2))
    lake.store.write(KEY, data.draw(st.sampled_from([raw[:at], raw[:at] + b"\0" + raw[at + 1 :]])))
    _refused_then_mended(lake)


@pytest.mark.parametrize(
    "changes",
    [
        {"dataset": "others"},
        {"day": "2024-01-03"},
        {"format": "orc"},
        {"schema_version": 2},
        {"files": [{"key": "../outside/x.parquet", "rows": 1, "bytes": 4, "sha256": "0" * 64}]},
        {"evidence": "../outside/x.parquet"},
    ],
)
def test_a_manifest_that_names_what_is_not_its_own_is_refused_and_nothing_else_is_touched(tmp_path, clock, changes):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/x.parquet").write_bytes(b"data")
    lake = Lake(LocalObjectStore(tmp_path / "lake"), clock=clock)
    _publish(lake, 1, 2)
    lake.store.write(KEY, msgspec.json.encode(msgspec.json.decode(lake.store.read(KEY)) | changes))
    _refused_then_mended(lake)
    assert (tmp_path / "outside/x.parquet").read_bytes() == b"data"


def test_another_days_manifest_is_refused(clock):
    lake = Lake(MemoryObjectStore(clock), clock=clock)
    other = date(2024, 1, 3)
    _publish(lake, 9, day=other)
    lake.store.write(KEY, lake.store.read(ITEMS.lake.manifest_key(other)))
    with pytest.raises(LakeDamaged, match="it is of items, 2024-01-03"):
        _numbers(lake)


def test_a_huge_manifest_is_not_read(clock):
    lake = Lake(MemoryObjectStore(clock), clock=clock)
    _publish(lake, 1)
    lake.store.write(KEY, b" " * (17 << 20))
    with pytest.raises(LakeDamaged, match="has 17,825,792 bytes, more than"):
        _numbers(lake)
    _publish(lake, 2)
    assert _numbers(lake) == [2]


def test_a_damaged_proof_is_told(clock):
    store = MemoryObjectStore(clock)
    lake = Lake(store, clock=clock)
    manifest = msgspec.structs.replace(_publish(lake, 1), evidence="export/items/block_date=2024-01-02/x.proof.json")
    for raw in (b"", b"[1]", b"[" * 100_000):
        store.write(manifest.evidence, raw)
        with pytest.raises(LakeDamaged, match=r"x\.proof\.json is not the proof of items, 2024-01-02.*again"):
            lake.evidence(manifest)


GROWN = replace(
    ITEMS,
    system="grown",
    columns=(*ITEMS.columns, Column("added", ColumnType.TEXT, "Came with version 2.")),
    schema_version=2,
    layout=LakeLayout(),
)


def _relisted(lake, table, raw, version):
    """A day whose only file holds something else, as its manifest says."""
    rows = items(DAY, 1).append_column("added", pa.array(["x"])) if table is GROWN else items(DAY, 1)
    tables = spooled(table, rows, [DAY])
    manifest = lake.publish(table, tables, tables.days[0], "run")
    (file,) = manifest.files
    lake.store.write(file.key, raw)
    listed = msgspec.structs.replace(file, bytes=len(raw), sha256=hashlib.sha256(raw).hexdigest())
    manifest = msgspec.structs.replace(manifest, files=[listed], schema_version=version)
    lake.store.write(table.lake.manifest_key(DAY), manifest.encode())
    (day,) = lake.open(table, [DAY]).days
    return day


def test_a_file_of_before_a_column_was_added_holds_null_there(clock):
    lake = Lake(MemoryObjectStore(clock), clock=clock)
    day = _relisted(lake, GROWN, _parquet(items(DAY, 1)), version=1)
    assert not day.is_parquet
    assert day.table().schema == GROWN.arrow_schema
    assert day.table(["block_number", "added"]).to_pylist() == [{"block_number": 1, "added": None}]


@pytest.mark.parametrize(
    "rows",
    [
        pa.table({"block_number": ["1"], "amount": [1], "note": ["x"], "block_date": [DAY]}),
        pa.table({"block_number": [1]}),
        b"PAR1 and then something else",
        b"",
    ],
    ids=["other types", "columns missing", "no Parquet", "empty"],
)
@pytest.mark.parametrize("version", [1, 0])
def test_a_listed_file_with_something_else_than_the_rows_is_told(clock, rows, version):
    raw = rows if isinstance(rows, bytes) else _parquet(rows)
    day = _relisted(Lake(MemoryObjectStore(clock), clock=clock), ITEMS, raw, version)
    with pytest.raises(LakeDamaged, match=r"files of test.items of 2024-01-02 .* again"):
        day.table()


def _parquet(rows):
    out = pa.BufferOutputStream()
    pq.write_table(rows, out)
    return out.getvalue().to_pybytes()
