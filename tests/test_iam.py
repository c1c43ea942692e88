"""The policies of deploy/iam against what the processes really ask of S3, and against what they must not."""

import fnmatch
import json
import re
from datetime import UTC, date, datetime
from pathlib import Path

import boto3
import pyarrow as pa
import pytest
from botocore.stub import Stubber

from assets.exchanges.listed import list_key
from assets.exchanges.names import dataset_path, parse_job
from core.errors import JobFailed
from resources.clients.aws.ecs import EcsTasks, task_request
from resources.clients.exchanges.objects import damaged_key, revisions_key
from resources.clients.lake.lake import Lake
from resources.clients.lake.s3_store import PART_BYTES, S3ObjectStore
from resources.clients.redshift.copy_files import CopyFiles, copy_files
from resources.clients.stacks.cdn import Cdn
from tests.standins.lakes import ITEMS, spooled_items

IAM = Path(__file__).parents[1] / "deploy/iam"
POLICIES = ("exporter", "loader", "reader", "copy")
ROOMS = ("exchanges", "exchanges-ecs", "stacks")
DAY = date(2024, 1, 2)
BUCKET, PREFIX = "my-lake", "headwater"
PUBLISHED = {"OBJECTS_BUCKET": "public", "OBJECTS_PREFIX": "stacks"}
TASKS = {
    "ECS_CLUSTER": "preprod-cluster",
    "TASK_DEFINITION": "cmamp-preprod",
    "TASK_ROLE": "ecs-task",
    "EXECUTION_ROLE": "ecs-start",
    "CDN_DISTRIBUTION": "E2ABC",
    "REGION": "eu-north-1",
    "ACCOUNT": "123456789012",
}
EXPORTED, STAGED = "export/items/block_date=2024-01-02/x.parquet", "staging/items/1/0.manifest"

# The right that each of the SDK's operations takes.
RIGHTS = {
    "HeadObject": "s3:GetObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "ListObjectsV2": "s3:ListBucket",
}


def _statements(name):
    text = (IAM / f"{name}.json").read_text()
    for word, value in {"LAKE_BUCKET": BUCKET, "LAKE_PREFIX": PREFIX, **PUBLISHED, **TASKS}.items():
        text = text.replace(word, value)
    return json.loads(text)["Statement"]


def _listed(value):
    return value if isinstance(value, list) else [value]


def allows(name, action, resource, prefix=None):
    """Whether a policy allows an action: some statement's action, resource and condition match, by IAM's wildcards."""
    for statement in _statements(name):
        assert statement["Effect"] == "Allow"
        conditions = statement.get("Condition", {}).get("StringLike", {}).get("s3:prefix")
        if (
            any(fnmatch.fnmatchcase(action, pattern) for pattern in _listed(statement["Action"]))
            and any(fnmatch.fnmatchcase(resource, pattern) for pattern in _listed(statement["Resource"]))
            and (conditions is None or any(fnmatch.fnmatchcase(prefix or "", found) for found in _listed(conditions)))
        ):
            return True
    return False


class Recorded:
    """A store on the tests' S3 that notes which rights its requests take, on what."""

    def __init__(self, bucket):
        client = boto3.client("s3")
        client.meta.events.register("provide-client-params.s3.*", self._note)
        self.store, self.asked = S3ObjectStore(bucket, PREFIX, client=client), set()

    def _note(self, params, model, **_):
        action = RIGHTS.get(model.name, f"s3:{model.name}")
        key = f"/{params['Key']}" if "Key" in params else ""
        self.asked.add((action, f"arn:aws:s3:::{BUCKET}{key}", params.get("Prefix")))

    def allowed_by(self, name):
        refused = [request for request in self.asked if not allows(name, *request)]
        assert not refused
        granted = {
            action
            for statement in _statements(name)
            for action in _listed(statement["Action"])
            if action.startswith("s3:")
        }
        # AbortMultipartUpload is asked for when an upload fails only; see test_s3_store.py.
        return granted - {action for action, _, _ in self.asked} - {"s3:AbortMultipartUpload"}


def _publish(lake, *numbers, note="x"):
    spooled = spooled_items(DAY, *numbers, note=note)
    lake.publish(ITEMS, spooled, spooled.days[0], "run")


def test_the_exporter_may_do_what_it_does_and_nothing_else(s3_bucket, clock, tmp_path):
    recorded = Recorded(s3_bucket)
    lake = Lake(recorded.store, "parquet", clock)
    _publish(lake, 1)
    _publish(lake, 2)
    lake.open(ITEMS, [DAY]).table()
    (tmp_path / "big").write_bytes(bytes(PART_BYTES + 1))
    recorded.store.upload("export/items/block_date=2024-01-03/big.parquet", tmp_path / "big")
    assert recorded.allowed_by("exporter") == set()


def test_the_loader_may_do_what_it_does_and_nothing_else(s3_bucket, clock, tmp_path):
    _publish(Lake(S3ObjectStore(s3_bucket, PREFIX), "parquet", clock), 1, note="é" * 40_000)
    recorded = Recorded(s3_bucket)
    days = Lake(recorded.store, "parquet", clock).open(ITEMS, [DAY]).days
    with copy_files(recorded.store, ITEMS, 65_535, days=days) as files:
        assert isinstance(files, CopyFiles)
        assert list(files.manifests())
        files.add_rows(pa.Table.from_pylist([], ITEMS.arrow_schema), tmp_path)
    assert recorded.allowed_by("loader") == set()


def test_the_reader_may_do_what_it_does_and_nothing_else(s3_bucket, clock):
    _publish(Lake(S3ObjectStore(s3_bucket, PREFIX), "parquet", clock), 1)
    recorded = Recorded(s3_bucket)
    Lake(recorded.store, "parquet", clock).open(ITEMS, [DAY]).table()
    recorded.store.list("export/items/")
    assert recorded.allowed_by("reader") == set()


ACTIONS = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject")
MAY = {
    "exporter": {(action, EXPORTED) for action in ACTIONS},
    "loader": {("s3:GetObject", EXPORTED), ("s3:PutObject", STAGED), ("s3:DeleteObject", STAGED)},
    "reader": {("s3:GetObject", EXPORTED)},
    "copy": {("s3:GetObject", EXPORTED), ("s3:GetObject", STAGED)},
}


@pytest.mark.parametrize("name", POLICIES)
def test_objects_that_each_may_read_write_and_delete(name):
    for action in ACTIONS:
        for key in (EXPORTED, STAGED):
            allowed = allows(name, action, f"arn:aws:s3:::{BUCKET}/{PREFIX}/{key}")
            assert allowed == ((action, key) in MAY[name]), (name, action, key)
        for elsewhere in (f"{PREFIX}2/{EXPORTED}", f"other/{EXPORTED}", EXPORTED, f"{PREFIX}/secrets", "x"):
            assert not allows(name, action, f"arn:aws:s3:::{BUCKET}/{elsewhere}"), (name, action, elsewhere)
        assert not allows(name, action, f"arn:aws:s3:::{BUCKET}2/{PREFIX}/{EXPORTED}")


@pytest.mark.parametrize("name", POLICIES)
def test_folders_that_each_may_list(name):
    bucket = f"arn:aws:s3:::{BUCKET}"
    assert allows(name, "s3:ListBucket", bucket, f"{PREFIX}/export/blocks/")
    assert allows(name, "s3:ListBucket", bucket, f"{PREFIX}/staging/") == (name in ("loader", "copy"))
    for elsewhere in ("", PREFIX, f"{PREFIX}/", f"{PREFIX}2/export/", "other/export/"):
        assert not allows(name, "s3:ListBucket", bucket, elsewhere)


BARS = "v3/periodic_daily/airflow/downloaded_1min/x/currency_pair=BTC_USDT/year=2024/month=1/day=2/data.parquet"


JOB = parse_job("ccxt.binance.spot.all")
LIST = list_key("", JOB, DAY)


@pytest.mark.parametrize(
    "key", [BARS, revisions_key(BARS), damaged_key(BARS), LIST, "exchanges/ohlcv_1m/job=x/day=y/z"]
)
def test_the_room_exchanges_may_replace_its_bars_and_nothing_else(key):
    for action in ACTIONS:
        assert allows("exchanges", action, f"arn:aws:s3:::{BUCKET}/{PREFIX}/{key}")
        assert not allows("exchanges", action, f"arn:aws:s3:::{BUCKET}/{key}")
        assert not allows("exchanges", action, f"arn:aws:s3:::{BUCKET}/{PREFIX}/{EXPORTED}")
        assert not allows("exporter", action, f"arn:aws:s3:::{BUCKET}/{PREFIX}/{key}")
    assert allows("exchanges", "s3:ListBucket", f"arn:aws:s3:::{BUCKET}", f"{PREFIX}/{key[:14]}")


def test_in_stage_test_the_bars_are_those_of_the_user_whom_the_policy_names(monkeypatch):
    assert "-e s,v3/,ann/v3/,g" in (IAM / "README.md").read_text()
    statements = json.dumps(_statements("exchanges")).replace("v3/", "ann/v3/")
    monkeypatch.setitem(globals(), "_statements", lambda _: json.loads(statements))
    own = dataset_path(JOB.signature(), "BTC_USDT", date(2024, 1, 2))
    for key in (f"ann/{own}", revisions_key(f"ann/{own}"), damaged_key(f"ann/{own}"), list_key("ann/", JOB, DAY)):
        assert all(allows("exchanges", action, f"arn:aws:s3:::{BUCKET}/{PREFIX}/{key}") for action in ACTIONS)
    for key in (own, f"bob/{own}", revisions_key(own)):
        assert not any(allows("exchanges", action, f"arn:aws:s3:::{BUCKET}/{PREFIX}/{key}") for action in ACTIONS)


def test_the_room_stacks_may_publish_and_keep_and_deletes_nothing():
    raw, latest = f"arn:aws:s3:::{BUCKET}/{PREFIX}/raw/stacks/x/y", "arn:aws:s3:::public/stacks/tx_per_block.json.gz"
    for action in ("s3:GetObject", "s3:PutObject"):
        assert allows("stacks", action, raw)
        assert allows("stacks", action, latest)
        assert not allows("stacks", action, f"arn:aws:s3:::{BUCKET}/{PREFIX}/{EXPORTED}")
    assert allows("stacks", "s3:PutObjectAcl", latest)
    assert not allows("stacks", "s3:PutObjectAcl", raw)
    assert not any(allows("stacks", "s3:DeleteObject", key) for key in (raw, latest))
    assert not allows("stacks", "s3:ListBucket", f"arn:aws:s3:::{BUCKET}", f"{PREFIX}/export/")


ARN = "arn:aws:{}:eu-north-1:123456789012:{}"
TASK = ARN.format("ecs", "task/preprod-cluster/0f1e2d")
LOG = "log-group:/ecs/cmamp-preprod:log-stream:ecs/cmamp-preprod/cmamp-preprod/0f1e2d"
CREDENTIALS = {"region_name": "eu-north-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}


def test_runs_of_exchanges_on_ecs_may_do_what_they_do_and_nothing_else():
    """A task that is started with tags, followed, stopped, and whose log is read when it has failed."""
    asked = set()

    def note(params, model, **_):
        things = {
            "RunTask": lambda: ARN.format("ecs", f"task-definition/{params['taskDefinition']}:7"),
            "DescribeTasks": lambda: params["tasks"][0],
            "StopTask": lambda: params["task"],
            "GetLogEvents": lambda: ARN.format(
                "logs", f"log-group:{params['logGroupName']}:log-stream:{params['logStreamName']}"
            ),
        }
        asked.add((f"{model.service_model.service_name}:{model.name}", things[model.name]()))
        if "tags" in params:
            asked.add(("ecs:TagResource", TASK))

    ecs, logs = boto3.client("ecs", **CREDENTIALS), boto3.client("logs", **CREDENTIALS)
    failed = {"taskArn": TASK, "lastStatus": "STOPPED", "containers": [{"name": "cmamp-preprod", "exitCode": 1}]}
    place = {"cluster": "preprod-cluster", "launch_type": "FARGATE", "subnets": ["s"], "security_groups": ["g"]}
    request = task_request("cmamp-preprod", ["x"], {}, **place, tags={"room": "exchanges"})
    with Stubber(ecs) as of_ecs, Stubber(logs) as of_logs:
        for client in (ecs, logs):
            client.meta.events.register("provide-client-params.*", note)
        of_ecs.add_response("run_task", {"tasks": [{"taskArn": TASK, "lastStatus": "PENDING"}]})
        of_ecs.add_response("describe_tasks", {"tasks": [failed]})
        of_ecs.add_response("stop_task", {})
        of_logs.add_response("get_log_events", {"events": [{"message": "it broke"}]})
        tasks = EcsTasks(ecs, logs)
        *_, ended = tasks.follow("preprod-cluster", tasks.start(request, print), "cmamp-preprod")
        tasks.stop("preprod-cluster", ended, "tried")
        with pytest.raises(JobFailed, match="it broke"):
            tasks.check("cmamp-preprod", ended)
    assert [request for request in asked if not allows("exchanges-ecs", *request)] == []
    granted = {action for statement in _statements("exchanges-ecs") for action in _listed(statement["Action"])}
    assert granted - {action for action, _ in asked} == {"iam:PassRole"}  # which ECS asks for, not the program


def test_runs_of_exchanges_on_ecs_start_one_definition_in_one_cluster_with_its_two_roles():
    statements = {statement["Sid"]: statement for statement in _statements("exchanges-ecs")}
    cluster = ARN.format("ecs", "cluster/preprod-cluster")
    assert statements["StartTasks"]["Condition"] == {"ArnEquals": {"ecs:cluster": cluster}}
    assert statements["TagWhatIsStarted"]["Condition"] == {"StringEquals": {"ecs:CreateAction": "RunTask"}}
    passed = statements["PassTasksTheirRoles"]
    assert passed["Condition"] == {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    for action, other in (
        ("ecs:RunTask", ARN.format("ecs", "task-definition/cmamp-preprod2:1")),
        ("ecs:StopTask", ARN.format("ecs", "task/other-cluster/0f1e2d")),
        ("logs:GetLogEvents", ARN.format("logs", LOG.replace("/ecs/cmamp-preprod:", "/ecs/other:"))),
        ("iam:PassRole", "arn:aws:iam::123456789012:role/admin"),
    ):
        assert not allows("exchanges-ecs", action, other)
    assert allows("exchanges-ecs", "iam:PassRole", "arn:aws:iam::123456789012:role/ecs-start")


def test_the_room_stacks_may_tell_its_cdn_and_no_other():
    asked, client = [], boto3.client("cloudfront", **CREDENTIALS)
    client.meta.events.register(
        "provide-client-params.*",
        lambda params, model, **_: asked.append((f"cloudfront:{model.name}", params["DistributionId"])),
    )
    batch = {"Paths": {"Quantity": 1, "Items": ["/a"]}, "CallerReference": "r"}
    made = {"Id": "I1", "Status": "InProgress", "CreateTime": datetime(2024, 1, 2, tzinfo=UTC)}
    with Stubber(client) as stubbed:
        stubbed.add_response("create_invalidation", {"Invalidation": made | {"InvalidationBatch": batch}})
        assert Cdn("E2ABC", client).invalidate(["a"], "r") == "I1"
    ((action, distribution),) = asked
    assert allows("stacks", action, f"arn:aws:cloudfront::123456789012:distribution/{distribution}")
    assert not allows("stacks", action, "arn:aws:cloudfront::123456789012:distribution/E2ABD")


@pytest.mark.parametrize("name", [*POLICIES, *ROOMS, "copy-trust"])
def test_policies_are_well_formed_and_without_broad_grants(name):
    text = (IAM / f"{name}.json").read_text()
    policy = json.loads(text)
    assert policy["Version"] == "2012-10-17"
    for statement in policy["Statement"]:
        assert set(statement) <= {"Sid", "Effect", "Action", "Resource", "Condition", "Principal"}
        assert all(re.fullmatch(r"[a-z0-9-]+:[A-Za-z]+", action) for action in _listed(statement["Action"]))
        assert all(resource != "*" for resource in _listed(statement.get("Resource", [])))
    known = set(re.findall(r"\b[A-Z]{2}[A-Z_]+\b", text)) - {"AWS"}
    readme = (IAM / "README.md").read_text()
    assert all(word in readme or word.startswith("REDSHIFT_") for word in known)
