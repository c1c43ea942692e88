"""One contract, three stores: a directory, S3 (moto's server) and memory."""

from datetime import UTC, datetime, timedelta

import pytest

from core.errors import LakeChanged, SettingError
from resources.clients.lake.local_store import LocalObjectStore
from resources.clients.lake.object_store import MemoryObjectStore
from resources.clients.lake.s3_store import S3ObjectStore
from resources.clients.lake.store_of_uri import store_for


@pytest.fixture(params=["local", "s3", "memory"])
def store(request, tmp_path):
    if request.param == "local":
        return LocalObjectStore(tmp_path / "lake")
    if request.param == "s3":
        return S3ObjectStore(request.getfixturevalue("s3_bucket"), "some/prefix")
    return MemoryObjectStore()


def _file(tmp_path, data):
    path = tmp_path / "to-upload"
    path.write_bytes(data)
    return path


def test_what_was_written_is_read(store, tmp_path):
    store.write("a/b/one.json", b"1")
    store.upload("a/b/two.bin", _file(tmp_path, b"22"))
    assert store.read("a/b/one.json") == b"1"
    assert store.fetch("a/b/two.bin", tmp_path).read_bytes() == b"22"
    assert [found.key for found in store.list("a/b/")] == ["a/b/one.json", "a/b/two.bin"]
    assert abs(store.list("a/")[0].modified - datetime.now(UTC)) < timedelta(minutes=5)


def test_an_object_is_replaced_as_a_whole(store, tmp_path):
    store.upload("k", _file(tmp_path, b"old and long"))
    store.upload("k", _file(tmp_path, b"new"))
    assert store.read("k") == b"new"
    assert len(store.list("")) == 1


def test_what_is_not_there(store, tmp_path):
    assert store.read("nothing") is None
    assert store.list("nothing/") == []
    store.delete("nothing")
    with pytest.raises(LakeChanged, match="nothing"):
        store.fetch("nothing", tmp_path)


def test_a_prefix_is_not_its_neighbour(store):
    store.write("export/logs/x", b"")
    store.write("export/logs_of_others/x", b"")
    assert [found.key for found in store.list("export/logs/")] == ["export/logs/x"]


def test_deleted_is_gone(store):
    store.write("k", b"1")
    store.delete("k")
    assert store.read("k") is None
    assert store.list("") == []


@pytest.mark.parametrize("uri", ["gs://bucket/x", "s3://", ""])
def test_an_unusable_uri_is_named(uri):
    with pytest.raises(SettingError, match="LAKE_URI="):
        store_for(uri)


@pytest.mark.parametrize("name", ["a#b", "a?b=c", "50%", "a b", "ü", "%20", "a:b", "[a]*"])
def test_a_directory_is_taken_as_it_stands(tmp_path, name):
    store = store_for(str(tmp_path / name / "lake"))
    store.write("key", b"1")
    assert (tmp_path / name / "lake" / "key").read_bytes() == b"1"
    assert store_for((tmp_path / name / "lake").as_uri()).read("key") == b"1"


@pytest.mark.parametrize(
    "uri",
    [
        "http://host/lake",
        "s3://",
        "s3://UPPER/x",
        "s3://my..lake/x",
        "file://host/lake",
        "file:///lake%00",
        "s3:/bucket",
        "gs://b/x",
    ],
)
def test_what_is_not_understood_is_refused(uri):
    with pytest.raises(SettingError, match="LAKE_URI"):
        store_for(uri)
