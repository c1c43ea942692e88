"""Keys and ACLs are what consumers and buckets know."""

import pytest

from assets.stacks import objects as of
from core.objects import declared_objects
from core.partitions import PartitionAddress
from core.windows import parse_day
from resources import stacks as resource
from resources.clients.lake.object_store import MemoryObjectStore

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
