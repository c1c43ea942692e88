"""A damaged manifest is told by day and file, and mended by exporting the day again."""

from datetime import date

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import LakeDamaged
from resources.clients.lake.lake import Lake
from resources.clients.lake.local_store import LocalObjectStore
from resources.clients.lake.object_store import MemoryObjectStore
from tests.standins.lakes import ITEMS, spooled_items

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
