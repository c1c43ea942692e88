"""Keys and ACLs are what consumers and buckets know."""

import pytest
from botocore.exceptions import ClientError

from assets.stacks import objects as of
from core.errors import SettingError
from core.objects import declared_objects
from core.partitions import PartitionAddress
from core.windows import parse_day
from resources import stacks as resource
from resources.clients.lake.object_store import MemoryObjectStore
from resources.clients.lake.s3_store import S3ObjectStore
from tests.standins.s3 import s3_client

DAY = PartitionAddress(parse_day("2021-01-15"))
MINE = [declared for declared in declared_objects() if declared.system == "stacks"]


def test_dated_objects_are_private_and_everything_else_but_one_is_public():
    for declared in MINE:
        if declared.latest:
            assert (declared.acl, declared.latest_acl) == (None, "public-read")
        else:
            assert declared.acl == (None if declared is of.SANITY_CHECK else "public-read")


def test_keys_are_those_of_old():
    keys = {declared.key_of(DAY if declared.latest else None) for declared in MINE}
    assert {"daily_txs/2021-01-15.json.gz", "wallet_balances_raw/2021-01-15.json.gz", "sanity_check.json.gz"} <= keys
    assert {"whales/latest_movements.csv.gz", "financial_indicators/latest.csv.gz", "spot_stats/latest.json.gz"} <= keys
    assert {declared.latest for declared in MINE if declared.latest} >= {"addx_growth/latest.json.gz"}


@pytest.mark.parametrize(("setting", "acl"), [("public-read", "public-read"), ("none", None)])
def test_a_bucket_that_takes_no_acls_is_told_none(monkeypatch, home, setting, acl):
    store = MemoryObjectStore()
    monkeypatch.setattr(resource, "store_for", lambda *_: store)
    monkeypatch.setenv("STACKS_ACL", setting)
    resource.StacksObjectIOManager(stage="local").objects().write(of.DAILY_TXS, DAY, {"1": 2})
    assert store.headers["daily_txs/2021-01-15.json.gz"].acl is None
    assert store.headers["daily_txs/latest.json.gz"].acl == acl


@pytest.fixture
def strict(s3_bucket, s3_endpoint):
    """A store in a bucket that takes no ACLs, as those made since April 2023."""

    def refuse(params, **_):
        if "ACL" in params:
            said = {"Code": "AccessControlListNotSupported", "Message": "The bucket does not allow ACLs"}
            raise ClientError({"Error": said}, "PutObject")

    client = s3_client(s3_endpoint)
    for operation in ("PutObject", "CreateMultipartUpload"):
        client.meta.events.register(f"provide-client-params.s3.{operation}", refuse)
    return S3ObjectStore(s3_bucket, "public", client=client)


@pytest.mark.parametrize("setting", ["none", "public-read"])
def test_a_bucket_that_rejects_acls(monkeypatch, home, strict, setting):
    monkeypatch.setattr(resource, "store_for", lambda *_: strict)
    monkeypatch.setenv("STACKS_ACL", setting)
    objects = resource.StacksObjectIOManager(stage="local").objects()
    if setting == "public-read":
        with pytest.raises(SettingError, match="takes no ACLs"):
            objects.write(of.DAILY_TXS, DAY, {"1": 2})
        # What is private is there; nothing is half published.
        assert strict.read("daily_txs/2021-01-15.json.gz")
        assert strict.read("daily_txs/latest.json.gz") is None
        return
    for day, value in (("2021-01-15", 1), ("2021-01-16", 2), ("2021-01-14", 3)):
        objects.write(of.DAILY_TXS, PartitionAddress(parse_day(day)), {"1": value})
    assert strict.read("daily_txs/latest.json.gz") == strict.read("daily_txs/2021-01-16.json.gz")
    objects.write(of.SPOT, None, {"ath": 1})
    assert strict.read("spot_stats/latest.json.gz")
