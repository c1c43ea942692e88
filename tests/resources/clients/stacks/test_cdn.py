"""CloudFront as moto plays it: exactly the changed keys are invalidated, once."""

import json
from datetime import datetime

import boto3
import pytest
from botocore.exceptions import ClientError

from assets.stacks import objects as of
from assets.stacks.extract.changed import changed_objects, reference_of
from assets.stacks.tables import CDN_TOLD
from core.errors import SettingError, TransientError
from core.merging import Batch
from core.partitions import PartitionAddress
from core.windows import parse_day
from resources.clients.lake.object_store import MemoryObjectStore
from resources.clients.lake.objects import PublishedObjects
from resources.clients.stacks.cdn import Cdn

DAY, NEXT = (PartitionAddress(parse_day(day)) for day in ("2021-01-15", "2021-01-16"))
AT = "2021-01-17T00:00:00+00:00"


@pytest.fixture
def cloudfront(s3_bucket, s3_endpoint, monkeypatch):
    """Its client; credentials are in the environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFRONT", s3_endpoint)
    return boto3.client("cloudfront", region_name="us-east-1")


@pytest.fixture
def distribution(cloudfront, s3_bucket):
    origin = {
        "Id": "objects",
        "DomainName": f"{s3_bucket}.s3.amazonaws.com",
        "S3OriginConfig": {"OriginAccessIdentity": ""},
    }
    config = {
        "CallerReference": s3_bucket,
        "Comment": "",
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": {
            "TargetOriginId": "objects",
            "ViewerProtocolPolicy": "allow-all",
            "MinTTL": 0,
            "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}},
        },
    }
    return cloudfront.create_distribution(DistributionConfig=config)["Distribution"]["Id"]


def told(database, changed, at):
    rows = [
        {"key": one.key, "sha256": one.sha256, "told_at": datetime.fromisoformat(at), "invalidation": "I"}
        for one in changed
    ]
    database.merge(CDN_TOLD, Batch(rows, source="test"), "run", datetime.fromisoformat(at))


def test_exactly_the_changed_keys_are_invalidated(cloudfront, distribution, database):
    objects, cdn = PublishedObjects(MemoryObjectStore()), Cdn(distribution)
    objects.write(of.DAILY_TXS, DAY, {"1": 2})
    objects.write(of.SPOT, None, {"ath": 1.5})
    objects.write(of.SANITY_CHECK, None, {"maxblock": 7})
    first = changed_objects(objects, database)
    # What is private is no affair of the CDN's: the day's own object, and the sanity check.
    assert [one.key for one in first] == ["daily_txs/latest.json.gz", "spot_stats/latest.json.gz"]
    name = cdn.invalidate([one.key for one in first], reference_of(first))
    (batch,) = batches(cloudfront, distribution)
    assert batch["Paths"]["Items"] == ["/daily_txs/latest.json.gz", "/spot_stats/latest.json.gz"]
    assert batch["CallerReference"] == reference_of(first)
    assert name
    told(database, first, AT)
    assert changed_objects(objects, database) == []
    objects.write(of.SPOT, None, {"ath": 1.5})
    assert changed_objects(objects, database) == []  # the same bytes
    objects.write(of.DAILY_TXS, NEXT, {"1": 3})
    objects.write(of.DAILY_TXS, DAY, {"1": 4})
    assert [one.key for one in changed_objects(objects, database)] == ["daily_txs/latest.json.gz"]


def batches(cloudfront, distribution):
    listed = cloudfront.list_invalidations(DistributionId=distribution)["InvalidationList"].get("Items", [])
    return [
        cloudfront.get_invalidation(DistributionId=distribution, Id=one["Id"])["Invalidation"]["InvalidationBatch"]
        for one in listed
    ]


def test_a_state_that_comes_back_is_told_again_and_one_that_was_not_recorded_is_the_same_request(database):
    objects, references = PublishedObjects(MemoryObjectStore()), []
    for hour, value in enumerate((1, 2, 1, 2)):
        objects.write(of.SPOT, None, {"ath": value})
        changed = changed_objects(objects, database)
        assert reference_of(changed) == reference_of(changed_objects(objects, database))  # ended before it was recorded
        references.append(reference_of(changed))
        told(database, changed, f"2021-01-17T0{hour}:00:00+00:00")
    assert len(set(references)) == 4


def test_a_distribution_that_is_not_there_is_a_matter_of_settings(cloudfront):
    with pytest.raises((SettingError, TransientError), match="CloudFront NOBODYS: cannot invalidate /a"):
        Cdn("NOBODYS").invalidate(["a"], "once")


def test_rights_that_are_missing_are_named():
    class Refusing:
        def create_invalidation(self, **_):
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": json.dumps("no")}}, "CreateInvalidation")

    with pytest.raises(SettingError, match="cloudfront:CreateInvalidation"):
        Cdn("E1", Refusing()).invalidate(["a"], "once")
