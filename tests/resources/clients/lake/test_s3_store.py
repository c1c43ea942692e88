"""S3 through the real SDK: parts and checksums, encryption, trouble that passes and trouble that does not."""

from datetime import date
from types import SimpleNamespace

import pytest

from core.errors import LakeChanged, SettingError, TransientError
from resources.clients.http.bounded import Deadline
from resources.clients.lake.lake import Lake
from resources.clients.lake.s3_store import ATTEMPTS, PART_BYTES, S3ObjectStore
from resources.clients.lake.store_of_uri import store_for
from tests.standins.faulty_s3 import Fault, faulty_s3
from tests.standins.lakes import ITEMS, spooled_items
from tests.standins.s3 import s3_client

DAY = date(2024, 1, 2)
BIG = bytes(range(256)) * (2 * PART_BYTES // 256) + b"the end"


@pytest.fixture
def bucket(s3_bucket, s3_endpoint):
    """The bucket as it is, seen past the store."""
    client = s3_client(s3_endpoint)

    def keys():
        return [found["Key"] for found in client.list_objects_v2(Bucket=s3_bucket).get("Contents", ())]

    return SimpleNamespace(name=s3_bucket, client=client, keys=keys)


@pytest.fixture
def pauses(monkeypatch):
    """The SDK's pauses between attempts, noted instead of taken."""
    taken = []
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=taken.append))
    return taken


@pytest.fixture
def proxy(s3_endpoint, bucket, monkeypatch):
    with faulty_s3(s3_endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.uri)
        yield proxy


def _file(tmp_path, data):
    path = tmp_path / "to-upload"
    path.write_bytes(data)
    return path


def test_large_objects_go_in_parts_with_checksums(bucket, tmp_path):
    S3ObjectStore(bucket.name, "").upload("big", _file(tmp_path, BIG))
    S3ObjectStore(bucket.name, "").upload("small", _file(tmp_path, b"1"))
    assert S3ObjectStore(bucket.name, "").fetch("big", tmp_path).read_bytes() == BIG
    big, small = (
        bucket.client.head_object(Bucket=bucket.name, Key=key, ChecksumMode="ENABLED") for key in ("big", "small")
    )
    assert big["ETag"].endswith('-3"')  # an ETag of three parts
    assert small["ChecksumSHA256"]


def test_every_write_carries_a_checksum_of_its_body(proxy, bucket, tmp_path):
    store, asked = S3ObjectStore(bucket.name, "p"), []
    store._client.meta.events.register("before-send.s3", lambda request, **_: asked.append(dict(request.headers)))
    store.write("small", b"1")
    store.upload("big", _file(tmp_path, BIG))
    uploads = [
        headers
        for headers in asked
        if int(headers.get("Content-Length", 0))
        and "x-amz-sdk-checksum-algorithm" in {name.lower() for name in headers}
    ]
    assert len(uploads) == 4
    for headers in uploads:
        names = {name.lower(): value for name, value in headers.items()}
        assert "x-amz-checksum-sha256" in names or names.get("x-amz-trailer") == "x-amz-checksum-sha256"


def test_objects_are_encrypted_with_the_key_that_is_set(bucket, tmp_path):
    store = store_for(f"s3://{bucket.name}/p", "alias/headwater-lake")
    store.write("a", b"1")
    store.upload("b", _file(tmp_path, BIG))
    store_for(f"s3://{bucket.name}/p").write("c", b"1")
    found = [bucket.client.head_object(Bucket=bucket.name, Key=f"p/{key}") for key in "abc"]
    assert [(head.get("ServerSideEncryption"), head.get("SSEKMSKeyId")) for head in found][:2] == [
        ("aws:kms", "alias/headwater-lake")
    ] * 2
    assert found[2].get("SSEKMSKeyId") is None


def test_a_store_stays_under_its_prefix(bucket):
    bucket.client.put_object(Bucket=bucket.name, Key="other/export/x", Body=b"theirs")
    bucket.client.put_object(Bucket=bucket.name, Key="lake2/export/x", Body=b"theirs")
    store = store_for(f"s3://{bucket.name}/lake")
    store.write("export/x", b"ours")
    assert [found.key for found in store.list("")] == ["export/x"]
    store.delete("export/x")
    assert bucket.keys() == ["lake2/export/x", "other/export/x"]


def test_a_missing_bucket_is_a_setting_and_a_broken_connection_is_not(bucket, monkeypatch, tmp_path):
    with pytest.raises(SettingError, match="LAKE_URI"):
        S3ObjectStore("no-such-bucket-anywhere", "").write("k", b"")
    with pytest.raises(SettingError, match="LAKE_URI"):
        S3ObjectStore("no-such-bucket-anywhere", "").upload("k", _file(tmp_path, b"1"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(TransientError, match="cannot write s3://"):
        S3ObjectStore(bucket.name, "").write("k", b"")


@pytest.mark.parametrize("fault", [Fault.SLOW_DOWN, Fault.CUT_UPLOAD], ids=lambda fault: fault.name)
def test_a_write_in_trouble_is_tried_again_until_it_is_whole(proxy, bucket, tmp_path, pauses, fault):
    puts = set()

    def twice_each(method, path, number):
        tries = sum(seen[:2] == (method, path) for seen in proxy.seen)
        puts.add(path) if method == "PUT" else None
        return fault if method == "PUT" and tries < 2 else Fault.NONE

    proxy.fault = twice_each
    store = S3ObjectStore(bucket.name, "p")
    store.write("small", b"1")
    store.upload("big", _file(tmp_path, BIG))
    assert store.read("small") == b"1"
    assert store.fetch("big", tmp_path).read_bytes() == BIG
    assert len(puts) == 4
    assert sum(seen[2] is fault for seen in proxy.seen) == 8
    assert len(pauses) >= 8
    assert all(pause <= 20 for pause in pauses)


def test_a_download_cut_short_is_tried_again(proxy, bucket, tmp_path, pauses):
    store = S3ObjectStore(bucket.name, "p")
    store.upload("big", _file(tmp_path, BIG))
    gets = []

    def once_each(method, path, number):
        gets.append(path) if method == "GET" else None
        return Fault.CUT_DOWNLOAD if method == "GET" and len(gets) <= 2 else Fault.NONE

    proxy.fault = once_each
    assert store.fetch("big", tmp_path).read_bytes() == BIG
    assert len(gets) > 2


@pytest.mark.parametrize("fault", [Fault.TRICKLED_HEAD, Fault.TRICKLED_BODY], ids=lambda fault: fault.name)
@pytest.mark.usefixtures("pauses")
def test_an_answer_that_trickles_is_given_up(proxy, bucket, tmp_path, monkeypatch, fault):
    monkeypatch.setattr("resources.clients.aws.sdk.ANSWER_SECONDS", 0.2)
    store = S3ObjectStore(bucket.name, "p")
    store.write("k", bytes(10_000))  # trickles for minutes
    proxy.fault = lambda method, path, number: fault if method == "GET" else Fault.NONE
    for work in (lambda: store.read("k"), lambda: store.fetch("k", tmp_path), lambda: store.list("")):
        with pytest.raises(TransientError, match="Run again"):
            work()
    proxy.fault = lambda method, path, number: Fault.NONE
    assert store.read("k") == bytes(10_000)


def test_a_deadline_ends_with_its_answer(proxy, bucket, tmp_path, monkeypatch):
    deadlines = []

    class Noted(Deadline):
        def __init__(self, seconds):
            super().__init__(seconds)
            deadlines.append(self)

    monkeypatch.setattr("resources.clients.aws.sdk.Deadline", Noted)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    store = S3ObjectStore(bucket.name, "p")
    store.write("k", b"1")
    assert store.read("k") == b"1"
    assert store.fetch("k", tmp_path).read_bytes() == b"1"
    assert store.read("missing") is None
    for fault in (Fault.CUT_DOWNLOAD, Fault.CUT_UPLOAD, Fault.SLOW_DOWN):
        proxy.fault = lambda method, path, number, fault=fault: fault
        with pytest.raises(TransientError):
            store.write("k", b"22") if fault is Fault.CUT_UPLOAD else store.read("k")
    assert len(deadlines) == len(proxy.seen) >= 8
    assert all(deadline._timer.finished.is_set() for deadline in deadlines)
    assert not any(deadline.expired for deadline in deadlines)


@pytest.mark.parametrize("fault", [Fault.SLOW_DOWN, Fault.CUT_UPLOAD], ids=lambda fault: fault.name)
@pytest.mark.parametrize("part", [1, 2, 3])
@pytest.mark.usefixtures("pauses")
def test_an_upload_that_never_gets_through_leaves_no_object(proxy, bucket, tmp_path, fault, part):
    proxy.fault = lambda method, path, number: fault if f"partNumber={part}" in path else Fault.NONE
    with pytest.raises(TransientError, match="cannot write s3://.*Run again"):
        S3ObjectStore(bucket.name, "p").upload("big", _file(tmp_path, BIG))
    assert bucket.keys() == []
    assert sum(seen[2] is fault for seen in proxy.seen) == ATTEMPTS
    assert not bucket.client.list_multipart_uploads(Bucket=bucket.name).get("Uploads")


def test_what_is_missing_is_told_from_what_is_denied(proxy, bucket, tmp_path):
    """S3 denies a missing object to those who may list a part of the bucket only, as deploy/iam has it."""
    store = S3ObjectStore(bucket.name, "p")
    store.write("there", b"1")
    proxy.fault = lambda method, path, number: Fault.DENIED if "/p/" in path else Fault.NONE
    assert store.read("missing") is None
    with pytest.raises(LakeChanged, match="missing"):
        store.fetch("missing", tmp_path)
    with pytest.raises(SettingError, match="cannot read.*there.*rights on the bucket"):
        store.read("there")
    with pytest.raises(SettingError, match="cannot read.*there.*rights on the bucket"):
        store.fetch("there", tmp_path)


def _publish(lake, *numbers):
    spooled = spooled_items(DAY, *numbers)
    lake.publish(ITEMS, spooled, spooled.days[0], "run")


def _numbers(lake):
    return [row["block_number"] for row in lake.open(ITEMS, [DAY]).table().to_pylist()]


class _Stuck:
    """Lets no attempt of the nth write through."""

    def __init__(self, nth):
        self._nth, self._writes = nth, []

    def __call__(self, method, path, number):
        if method not in ("PUT", "DELETE"):
            return Fault.NONE
        if path not in self._writes:
            self._writes.append(path)
        return Fault.SLOW_DOWN if self._writes.index(path) == self._nth else Fault.NONE


@pytest.mark.usefixtures("pauses")
@pytest.mark.parametrize(("nth", "left"), [(0, [1, 2]), (1, [1, 2]), (2, [3])], ids=["data", "manifest", "removal"])
def test_a_parquet_day_is_never_half_published(proxy, bucket, clock, nth, left):
    lake = Lake(S3ObjectStore(bucket.name, "p"), "parquet", clock)
    _publish(lake, 1, 2)
    proxy.fault = _Stuck(nth)
    with pytest.raises(TransientError, match="Please reduce your request rate.*Run again"):
        _publish(lake, 3)
    proxy.fault = lambda method, path, number: Fault.NONE
    assert _numbers(lake) == left
    _publish(lake, 3)
    assert _numbers(lake) == [3]


@pytest.mark.usefixtures("pauses")
def test_a_csv_day_is_old_or_refused_until_its_manifest_stands(proxy, bucket, clock):
    lake = Lake(S3ObjectStore(bucket.name, "p"), "csv", clock)
    _publish(lake, 1, 2)
    for nth in range(2):
        proxy.fault = _Stuck(nth)
        with pytest.raises(TransientError, match="Please reduce your request rate"):
            _publish(lake, 3)
        proxy.fault = lambda method, path, number: Fault.NONE
        if nth == 0:
            assert _numbers(lake) == [1, 2]
    with pytest.raises(LakeChanged, match="is not the file its manifest lists"):
        _numbers(lake)
    _publish(lake, 3)
    assert _numbers(lake) == [3]
