"""Single objects: written whole, read back, and under their second key last, in three stores."""

import gzip
import threading
from datetime import date, timedelta

import pytest

from core.errors import DayMissing, LakeChanged, LakeDamaged, SettingError
from core.objects import PublishedObject
from core.partitions import PartitionAddress
from resources.clients.lake.local_store import LocalObjectStore
from resources.clients.lake.object_store import MemoryObjectStore, ObjectHeaders
from resources.clients.lake.objects import PublishedObjects
from resources.clients.lake.s3_store import S3ObjectStore
from tests.standins.lakes import DyingStore, KilledError
from tests.standins.s3 import s3_client

FIRST, SECOND = PartitionAddress(date(2024, 1, 2)), PartitionAddress(date(2024, 1, 3))
DAILY = PublishedObject(
    system="test",
    name="daily",
    key="daily/{day}.json.gz",
    latest="daily/latest.json.gz",
    content_type="application/json",
    cache_control="max-age=60",
    latest_acl="public-read",
)
SINGLE = PublishedObject("test", "single", "single/whales.csv", content_type="text/csv", acl="public-read")


@pytest.fixture(params=["local", "s3", "memory"])
def store(request, tmp_path):
    if request.param == "local":
        return LocalObjectStore(tmp_path / "lake")
    return S3ObjectStore(request.getfixturevalue("s3_bucket"), "p") if request.param == "s3" else MemoryObjectStore()


def _content(store, key):
    return gzip.decompress(store.read(key)).decode()


def test_the_newest_days_object_stands_under_both_keys(store):
    objects = PublishedObjects(store)
    written = objects.write(DAILY, SECOND, {"1704240000": 2})
    assert (written.key, written.latest) == ("daily/2024-01-03.json.gz", "daily/latest.json.gz")
    assert written.bytes == len(store.read(written.key))
    assert store.read(written.key) == store.read(written.latest)
    assert _content(store, written.key) == '{"1704240000": 2}'
    assert objects.read_json(DAILY, SECOND) == {"1704240000": 2}
    assert objects.write(DAILY, SECOND, {"1704240000": 2}).sha256 == written.sha256


def test_an_older_day_leaves_the_second_key_alone(store):
    objects = PublishedObjects(store)
    objects.write(DAILY, SECOND, {"n": 2})
    assert objects.write(DAILY, FIRST, {"n": 1}).latest is None
    assert _content(store, "daily/latest.json.gz") == '{"n": 2}'
    assert objects.write(DAILY, PartitionAddress(SECOND.day + timedelta(1)), {"n": 3}).latest
    assert _content(store, "daily/latest.json.gz") == '{"n": 3}'


@pytest.mark.parametrize("dies_at", range(3))
def test_killed_between_the_two_keys_a_rerun_makes_them_equal(store, dies_at):
    objects = PublishedObjects(store)
    objects.write(DAILY, FIRST, {"n": 1})
    dying = PublishedObjects(DyingStore(store, dies_at))
    try:
        dying.write(DAILY, SECOND, {"n": 2})
    except KilledError:
        assert dies_at < 2
    assert (store.read("daily/2024-01-03.json.gz") is None) == (dies_at == 0)
    assert _content(store, "daily/latest.json.gz") == ('{"n": 2}' if dies_at == 2 else '{"n": 1}')
    objects.write(DAILY, SECOND, {"n": 2})
    assert store.read("daily/latest.json.gz") == store.read("daily/2024-01-03.json.gz")


def test_runs_of_two_days_at_once_end_with_the_newest(store):
    for _ in range(3):
        start = threading.Barrier(2)

        def write(partition, number, start=start):
            start.wait()
            PublishedObjects(store).write(DAILY, partition, {"n": number})

        threads = [threading.Thread(target=write, args=args) for args in ((FIRST, 1), (SECOND, 2))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert _content(store, "daily/latest.json.gz") == '{"n": 2}'
        for key in ("2024-01-02", "2024-01-03", "latest"):
            store.delete(f"daily/{key}.json.gz")


def test_a_later_day_that_comes_in_between_wins():
    class Overtaken(MemoryObjectStore):
        def upload(self, key, path, headers=None):
            super().upload(key, path, headers)
            if key == DAILY.latest and self.read("daily/2024-01-03.json.gz") is None:
                PublishedObjects(self).write(DAILY, SECOND, {"n": 2})
                super().write(key, path.read_bytes() if path.exists() else self.read("daily/2024-01-02.json.gz"))

    store = Overtaken()
    PublishedObjects(store).write(DAILY, FIRST, {"n": 1})
    assert store.read("daily/latest.json.gz") == store.read("daily/2024-01-03.json.gz")


def test_what_is_there_afterwards_is_compared(store):
    class Torn:
        def __getattr__(self, name):
            return getattr(store, name)

        def upload(self, key, path, headers):
            path.write_bytes(path.read_bytes()[:-1])
            store.upload(key, path, headers)

    with pytest.raises(LakeChanged, match="whales.csv is not what was written"):
        PublishedObjects(Torn()).write(SINGLE, None, b"a,b")


def test_contents_of_all_kinds(store, tmp_path):
    objects, path = PublishedObjects(store), tmp_path / "file"
    path.write_bytes(b"from a file")
    for content, stored in (
        (b"\xff\0", b"\xff\0"),
        ("ü", "ü".encode()),
        ([1, "ü"], b'[1, "\\u00fc"]'),
        (path, b"from a file"),
    ):
        objects.write(SINGLE, None, content)
        assert store.read(SINGLE.key) == objects.read(SINGLE, None) == stored
    assert path.exists()
    with pytest.raises(ValueError, match="JSON compliant"):
        objects.write(SINGLE, None, [float("nan")])
    assert store.read(SINGLE.key) == b"from a file"


def test_headers_and_acls_reach_s3(s3_bucket, s3_endpoint):
    PublishedObjects(S3ObjectStore(s3_bucket, "p")).write(DAILY, FIRST, {})
    client = s3_client(s3_endpoint)
    for name, public in (("2024-01-02", False), ("latest", True)):
        place = {"Bucket": s3_bucket, "Key": f"p/daily/{name}.json.gz"}
        head = client.head_object(**place)
        assert (head["ContentType"], head["CacheControl"]) == ("application/json", "max-age=60")
        assert "ContentEncoding" not in head
        granted = [grant["Grantee"].get("URI", "") for grant in client.get_object_acl(**place)["Grants"]]
        assert any(uri.endswith("AllUsers") for uri in granted) is public


def test_a_store_may_be_told_no_acls():
    store = MemoryObjectStore()
    PublishedObjects(store, acls=False).write(DAILY, FIRST, {})
    assert set(store.headers.values()) == {ObjectHeaders("application/json", "max-age=60")}


def test_a_bucket_without_acls_says_what_to_do(s3_bucket, monkeypatch):
    store = S3ObjectStore(s3_bucket, "p")

    def refuse(**_):
        from botocore.exceptions import ClientError

        raise ClientError({"Error": {"Code": "AccessControlListNotSupported", "Message": "No ACLs"}}, "PutObject")

    monkeypatch.setattr(store._client, "put_object", refuse)
    with pytest.raises(SettingError, match="takes no ACLs: make its objects public by a bucket policy"):
        store.write("k", b"", ObjectHeaders(acl="public-read"))


def test_what_is_missing_or_damaged_is_told(store):
    objects = PublishedObjects(store)
    with pytest.raises(DayMissing, match=r"2024-01-02\.json\.gz is not there\. Materialize lake/test/daily first"):
        objects.read(DAILY, FIRST)
    for raw in (b"", b"not gzip", gzip.compress(b"x" * 100)[:-4]):
        store.write("daily/2024-01-02.json.gz", raw)
        with pytest.raises(LakeDamaged, match="2024-01-02"):
            objects.read_json(DAILY, FIRST)
    store.write("daily/2024-01-02.json.gz", gzip.compress(b"[" * 100_000))
    with pytest.raises(LakeDamaged, match="is no JSON"):
        objects.read_json(DAILY, FIRST)


def test_a_small_file_that_unfolds_is_refused(monkeypatch):
    monkeypatch.setattr("resources.clients.lake.objects.LARGEST_IN_MEMORY", 1_000)
    store = MemoryObjectStore()
    store.write("daily/2024-01-02.json.gz", gzip.compress(b" " * 100_000))
    with pytest.raises(LakeDamaged, match="unfolds to more than 1,000 bytes"):
        PublishedObjects(store).read(DAILY, FIRST)


def test_two_objects_have_two_keys():
    with pytest.raises(ValueError, match=r"object test\.other: daily/latest\.json\.gz is test\.daily's"):
        PublishedObject("test", "other", "daily/latest.json.gz")
    PublishedObject("test", "beside", "daily/latest_nonzero.json.gz")
    with pytest.raises(ValueError, match="has one {day}"):
        PublishedObject("test", "twice", "{day}/{day}", latest="x")
