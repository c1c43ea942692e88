"""The databridge's policy against what its staging and secrets really ask for, and what they must not get."""

import fnmatch
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest

from assets.databridge.assets import CONFIGURED
from assets.databridge.factory import request_of, steps_of
from resources.clients.databridge.connections import SECRETS
from resources.clients.databridge.schema import Column, TableSchema
from resources.clients.databridge.staging import Manifest, StagedKeys, Staging
from resources.clients.lake.s3_store import PART_BYTES, S3ObjectStore
from resources.databridge import DatabridgeResource

POLICY = Path(__file__).parents[2] / "deploy/iam/databridge.json"
BUCKET = "my-bridge"
UNUSED = ("brt-viewer", "cama-test")  # no shipped file names them
# The right that each of the SDK's operations takes.
RIGHTS = {
    "HeadObject": "s3:GetObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "ListObjectsV2": "s3:ListBucket",
}


def statements():
    return json.loads(POLICY.read_text().replace("DATABRIDGE_BUCKET", BUCKET))["Statement"]


def listed(value):
    return value if isinstance(value, list) else [value]


def allows(action, resource, prefix=None):
    for statement in statements():
        prefixes = statement.get("Condition", {}).get("StringLike", {}).get("s3:prefix")
        if (
            action in listed(statement["Action"])
            and any(fnmatch.fnmatchcase(resource, pattern) for pattern in listed(statement["Resource"]))
            and (prefixes is None or any(fnmatch.fnmatchcase(prefix or "", found) for found in prefixes))
        ):
            return True
    return False


def test_staging_may_do_what_it_does_and_nothing_else(s3_bucket, tmp_path):
    client, asked = boto3.client("s3"), set()

    def note(params, model, **_):
        key = f"/{params['Key']}" if "Key" in params else ""
        asked.add((RIGHTS.get(model.name, f"s3:{model.name}"), f"arn:aws:s3:::{BUCKET}{key}", params.get("Prefix")))

    client.meta.events.register("provide-client-params.s3.*", note)
    staging = Staging(S3ObjectStore(s3_bucket, "", client=client), StagedKeys("ppr_test", "classes"))
    for number, size in enumerate((10, PART_BYTES + 1)):
        path = tmp_path / f"r{number}.csv"
        path.write_bytes(b"x" * size)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        run = f"r{number}"
        key = staging.keys.run(run)
        manifest = Manifest(run, key, 1, size, digest, ["a"], "2024-01-02T00:00:00.000000Z", "test")
        staging.schema()
        staging.publish(
            manifest, TableSchema((Column("a", "text"),)), path, datetime.now(UTC) + timedelta(days=3 * number)
        )
    staging.schema_of(staging.require())
    staging.fetch(staging.require(), tmp_path)
    assert not [request for request in asked if not allows(*request)]
    granted = {action for statement in statements() for action in listed(statement["Action"]) if action[:3] == "s3:"}
    assert granted - {action for action, _, _ in asked} == {"s3:AbortMultipartUpload"}  # when an upload fails


@pytest.mark.parametrize("key", ["logs/x", "export/x", "staging", "x/staging/y", "schemas"])
def test_nothing_else_in_the_bucket_is_its_to_touch(key):
    for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
        assert not allows(action, f"arn:aws:s3:::{BUCKET}/{key}")
        assert not allows(action, f"arn:aws:s3:::{BUCKET}2/staging/a/b.csv")
    assert not allows("s3:DeleteObject", f"arn:aws:s3:::{BUCKET}/staging/ppr/sites.csv")
    assert not allows("s3:DeleteObject", f"arn:aws:s3:::{BUCKET}/schemas/ppr/sites.json")
    assert not allows("s3:ListBucket", f"arn:aws:s3:::{BUCKET}", "")


def test_the_secrets_are_those_of_the_connections():
    arn = "arn:aws:secretsmanager:REGION:ACCOUNT:secret:{}-AbCdEf"
    for secret in set(SECRETS.values()):
        assert allows("secretsmanager:GetSecretValue", arn.format(secret)) == (secret not in UNUSED)
    assert not allows("secretsmanager:GetSecretValue", arn.format("airflow-fernet"))


WORDS = {"REGION": "us-east-1", "ACCOUNT": "123456789012", "ENVIRONMENT": "test", "JOB_LOG_GROUP": "/aws/batch/job"}


def may_on_batch(action, resource):
    text = (POLICY.parent / "databridge-batch.json").read_text()
    for word, value in WORDS.items():
        text = text.replace(word, value)
    return any(
        action in listed(statement["Action"])
        and any(fnmatch.fnmatchcase(resource, pattern) for pattern in listed(statement["Resource"]))
        for statement in json.loads(text)["Statement"]
    )


def test_who_runs_steps_on_batch_may_submit_what_each_shipped_table_asks_for():
    arn = "arn:aws:{}:us-east-1:123456789012:{}".format
    resource = DatabridgeResource()
    asked = [request_of(resource, table, step, "r") for table in CONFIGURED.tables for step in steps_of(table)]
    assert {request["jobDefinition"] for request in asked} == {
        *("carto-db2-airflow-test", "knack-airflow-test", "airtable-airflow-test")
    }
    for request in asked:
        for name in (f"job-queue/{request['jobQueue']}", f"job-definition/{request['jobDefinition']}", "job/0f1e"):
            assert may_on_batch("batch:SubmitJob", arn("batch", name))
            assert may_on_batch("batch:TagResource", arn("batch", name))
    for action, other in [("batch:DescribeJobs", "*"), ("batch:ListJobs", "*")]:
        assert may_on_batch(action, other)
    assert may_on_batch("batch:TerminateJob", arn("batch", "job/0f1e"))
    assert may_on_batch("logs:GetLogEvents", arn("logs", "log-group:/aws/batch/job:log-stream:carto-db2/default/0f1e"))
    for other in ("job-queue/airflow-prod", "job-definition/carto-db2-airflow-prod", "job-definition/other"):
        assert not may_on_batch("batch:SubmitJob", arn("batch", other))
