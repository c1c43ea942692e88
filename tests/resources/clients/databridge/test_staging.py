"""A run's object is its own; what names the newest is written after it and before the old key; damage is mended."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import LakeChanged, LoadRejected
from resources.clients.databridge.schema import Column, TableSchema
from resources.clients.databridge.staging import Manifest, StagedKeys, Staging
from resources.clients.lake.local_store import LocalObjectStore
from resources.clients.lake.object_store import MemoryObjectStore

SCHEMA = TableSchema((Column("a", "text"),))
NOW = datetime(2024, 1, 2, tzinfo=UTC)


class Recording(MemoryObjectStore):
    def __init__(self, fail_at=None):
        super().__init__()
        self.keys, self._fail_at = [], fail_at

    def write(self, key, data, *headers):
        if len(self.keys) == self._fail_at:
            raise OSError("no space")
        self.keys.append(key)
        super().write(key, data, *headers)


def publish(store, tmp_path, run, text="a\r\n1\r\n", now=NOW):
    staging, path = Staging(store, StagedKeys("311", "t")), tmp_path / f"{run}.csv"
    path.write_text(text, newline="")
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    key = staging.keys.run(run)
    manifest = Manifest(run, key, 1, len(data), digest, ["a"], "2024-01-02T00:00:00.000000Z", "test")
    staging.publish(manifest, SCHEMA, path, now)
    return staging, manifest


def test_keys_are_the_old_ones_and_the_old_data_key_is_written_last(tmp_path):
    store = Recording()
    publish(store, tmp_path, "r1")
    assert store.keys == [
        "staging/311/t/runs/r1.csv",
        "staging/311/t/runs/r1.json",
        "schemas/311/t.json",
        "staging/311/t/manifest.json",
        "staging/311/t.csv",
    ]
    assert store.read("staging/311/t.csv") == store.read("staging/311/t/runs/r1.csv")


@pytest.mark.parametrize("step", range(5))
def test_an_extract_that_breaks_off_leaves_a_whole_run_to_load(tmp_path, step):
    store = Recording()
    staging, first = publish(store, tmp_path, "r1")
    store._fail_at = len(store.keys) + step
    with pytest.raises(OSError, match="no space"):
        publish(store, tmp_path, "r2", "a\r\n2\r\n")
    newest = staging.require()
    assert newest.run == ("r2" if step == 4 else "r1")
    assert staging.fetch(newest, tmp_path).read_bytes() == store.read(newest.key)
    assert first.key in [entry.key for entry in store.list("staging/")]


def test_a_load_reads_its_own_run_whatever_came_since(tmp_path):
    store = LocalObjectStore(tmp_path / "store")
    staging, first = publish(store, tmp_path, "r1")
    publish(store, tmp_path, "r2", "a\r\n2\r\n")
    assert staging.fetch(first, tmp_path).read_text() == "a\n1\n"


def test_a_bucket_holds_the_same(tmp_path, s3_bucket):
    from resources.clients.lake.store_of_uri import store_for

    staging, manifest = publish(store_for(f"s3://{s3_bucket}"), tmp_path, "r1")
    assert [entry.key for entry in staging.store.list("staging/311/")] == [
        "staging/311/t.csv",
        "staging/311/t/manifest.json",
        "staging/311/t/runs/r1.csv",
        "staging/311/t/runs/r1.json",
    ]
    assert staging.require() == manifest
    assert staging.fetch(manifest, tmp_path).read_bytes() == b"a\r\n1\r\n"
    assert staging.schema() == SCHEMA


def test_runs_that_no_load_can_need_are_removed(tmp_path):
    store = MemoryObjectStore()
    publish(store, tmp_path, "r1")
    publish(store, tmp_path, "r2")
    assert len(store.list("staging/311/t/runs/")) == 4
    publish(store, tmp_path, "r3", now=datetime.now(UTC) + timedelta(days=3))
    assert [entry.key for entry in store.list("staging/311/t/runs/")] == [
        "staging/311/t/runs/r3.csv", "staging/311/t/runs/r3.json"]  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\xff", b"[" * 100_000, b"null", b'{"run": 3}', b" " * (2 << 20)],
    ids=["empty", "half", "bytes", "deep", "null", "other", "long"],
)
def test_a_damaged_manifest_is_no_manifest_and_is_mended_by_an_extract(tmp_path, data):
    store = MemoryObjectStore()
    staging, _ = publish(store, tmp_path, "r1")
    store.write(staging.keys.manifest, data)
    with pytest.raises(LoadRejected, match="Extract the table again"):
        staging.require()
    publish(store, tmp_path, "r2")
    assert staging.require().run == "r2"


@pytest.mark.parametrize("key", ["staging/other/t/runs/r1.csv", "../secret", "/etc/passwd", "staging/311/t.csv"])
def test_a_manifest_names_only_an_object_of_its_own_table(tmp_path, key):
    store = MemoryObjectStore()
    staging, _ = publish(store, tmp_path, "r1")
    store.write(
        staging.keys.manifest, store.read(staging.keys.manifest).replace(b"staging/311/t/runs/r1.csv", key.encode())
    )
    assert staging.newest() is None


@pytest.mark.parametrize(
    ("was", "planted"),
    [
        (b"2024-01-02T00:00:00.000000Z", b"9$guard$; DROP TABLE t; --"),
        (b'"rows":1', b'"rows":-1'),
        (b'"run":"r1"', b'"run":"../r1"'),
        (b'"sha256":"', b'"sha256":"\'; DROP TABLE t; --'),
    ],
)
def test_a_manifest_holds_only_what_one_may_hold(tmp_path, was, planted):
    store = MemoryObjectStore()
    staging, _ = publish(store, tmp_path, "r1")
    data = store.read(staging.keys.manifest)
    assert was in data
    store.write(staging.keys.manifest, data.replace(was, planted))
    assert staging.newest() is None


def test_a_run_keeps_its_own_schema_whatever_came_since(tmp_path):
    store = MemoryObjectStore()
    staging, first = publish(store, tmp_path, "r1")
    store.write(staging.keys.schema, TableSchema((Column("a", "integer"),)).dump())
    assert staging.schema_of(first) == SCHEMA
    store.delete(staging.keys.run_schema("r1"))
    with pytest.raises(LoadRejected, match="Extract the table again"):
        staging.schema_of(first)


def test_two_extracts_at_once_leave_data_with_its_own_schema_whatever_their_order(tmp_path):
    """Each stops before each of its writes while the other runs whole."""
    for stop in range(5):
        store = Recording()
        staging = Staging(store, StagedKeys("311", "t"))
        write = store.write

        def meanwhile(key, data, *headers, store=store, write=write, stop=stop):
            if len(store.keys) == stop:
                store.write = write
                publish(store, tmp_path, "r2", "a\r\n2\r\n")
            write(key, data, *headers)

        store.write = meanwhile
        publish(store, tmp_path, "r1")
        newest = staging.require()
        assert staging.fetch(newest, tmp_path).read_text() == f"a\n{newest.run[1]}\n"
        assert staging.schema_of(newest) == SCHEMA


def test_other_bytes_than_the_manifest_says_are_refused(tmp_path):
    store = MemoryObjectStore()
    staging, manifest = publish(store, tmp_path, "r1")
    store.write(manifest.key, b"a\r\n9\r\n")
    with pytest.raises(LakeChanged, match="the manifest says"):
        staging.fetch(manifest, tmp_path)
