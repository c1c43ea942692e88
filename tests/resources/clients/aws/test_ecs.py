"""Tasks on ECS: asked for exactly as the old system did, started where there is room, and told of when they fail."""

import boto3
import pytest
from botocore.stub import Stubber

from core.errors import JobFailed, JobInterrupted, SettingError, TransientError
from resources.clients.aws.ecs import NO_ROOM, EcsTasks, Task, task_request
from tests.standins.clock import ManualClock

ARN = "arn:aws:ecs:eu-north-1:123456789012:task/cluster/0f1e2d"
REQUEST = task_request(
    "cmamp-preprod",
    ["python", "-m", "assets.exchanges.download", "ccxt.binance.spot.v7", "2024-01-02"],
    {"HEADWATER_STAGE": "preprod"},
    cluster="cluster",
    launch_type="FARGATE",
    subnets=["subnet-1"],
    security_groups=["sg-1"],
    tags={"room": "exchanges"},
)


@pytest.fixture
def ecs():
    credentials = {"region_name": "eu-north-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
    client, logs = boto3.client("ecs", **credentials), boto3.client("logs", **credentials)
    with Stubber(client) as of_ecs, Stubber(logs) as of_logs:
        yield EcsTasks(client, logs, clock := ManualClock()), of_ecs, of_logs, clock


def described(status, code=None, reason=""):
    container = {"name": "cmamp-preprod"} | ({} if code is None else {"exitCode": code})
    return {"tasks": [{"taskArn": ARN, "lastStatus": status, "stoppedReason": reason, "containers": [container]}]}


def test_the_request_is_the_old_systems():
    assert REQUEST == {
        "cluster": "cluster",
        "taskDefinition": "cmamp-preprod",
        "launchType": "FARGATE",
        "count": 1,
        "networkConfiguration": {
            "awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "ENABLED"}
        },
        "overrides": {
            "cpu": "256",
            "memory": "512",
            "ephemeralStorage": {"sizeInGiB": 21},
            "containerOverrides": [
                {
                    "name": "cmamp-preprod",
                    "command": ["python", "-m", "assets.exchanges.download", "ccxt.binance.spot.v7", "2024-01-02"],
                    "environment": [{"name": "HEADWATER_STAGE", "value": "preprod"}],
                }
            ],
        },
        "tags": [{"key": "room", "value": "exchanges"}],
    }


def test_on_ec2_nothing_is_asked_for_that_only_fargate_has():
    more = {"cluster": "c", "subnets": ["subnet-1"], "security_groups": ["sg-1"], "tags": {}}
    request = task_request("cmamp", ["true"], {}, launch_type="EC2", **more)

    assert request["launchType"] == "EC2"
    assert request["networkConfiguration"] == {
        "awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}
    }
    container = {"name": "cmamp", "command": ["true"], "environment": []}
    assert request["overrides"] == {"cpu": "256", "memory": "512", "containerOverrides": [container]}


def test_no_room_is_asked_again_once_after_a_quarter_of_a_minute(ecs):
    tasks, of_ecs, _, clock = ecs
    told = []
    of_ecs.add_response("run_task", {"failures": [{"reason": NO_ROOM}]}, REQUEST)
    of_ecs.add_response("run_task", {"tasks": [{"taskArn": ARN, "lastStatus": "PROVISIONING"}]}, REQUEST)

    assert tasks.start(REQUEST, told.append).id == "0f1e2d"
    assert clock.slept == [15]
    assert "attempt 1 of 2" in told[0]


def test_no_room_twice_may_pass_and_any_other_failure_may_not(ecs):
    tasks, of_ecs, _, clock = ecs
    for _ in range(2):
        of_ecs.add_response("run_task", {"failures": [{"reason": NO_ROOM}]}, REQUEST)
    with pytest.raises(JobInterrupted, match="no room"):
        tasks.start(REQUEST, lambda _: None)
    of_ecs.add_response("run_task", {"failures": [{"reason": "RESOURCE:MEMORY"}]}, REQUEST)
    with pytest.raises(JobFailed, match="RESOURCE:MEMORY"):
        tasks.start(REQUEST, lambda _: None)
    of_ecs.add_client_error("run_task", "ClusterNotFoundException", http_status_code=400)
    with pytest.raises((SettingError, JobInterrupted, Exception), match="cannot start"):
        tasks.start(REQUEST, lambda _: None)
    assert clock.slept == [15]


def test_a_task_is_followed_to_its_end(ecs):
    tasks, of_ecs, _, _ = ecs
    for status in ("PENDING", "RUNNING", "STOPPED"):
        of_ecs.add_response("describe_tasks", described(status, 0 if status == "STOPPED" else None))

    found = list(tasks.follow("cluster", Task(ARN, ""), "cmamp-preprod"))

    assert [task.status for task in found] == ["PENDING", "RUNNING", "STOPPED"]
    tasks.check("cmamp-preprod", found[-1])


@pytest.mark.parametrize(
    ("code", "said", "kind"),
    [(1, "exit code 1", JobFailed), (None, "no exit code", JobFailed), (75, "exit code 75", JobInterrupted)],
)
def test_a_failure_shows_the_last_lines_of_the_log(ecs, code, said, kind):
    tasks, _, of_logs, _ = ecs
    of_logs.add_response(
        "get_log_events",
        {"events": [{"message": f"line {number}"} for number in range(250)]},
        {
            "logGroupName": "/ecs/cmamp-preprod",
            "logStreamName": "ecs/cmamp-preprod/cmamp-preprod/0f1e2d",
            "limit": 200,
            "startFromHead": False,
        },
    )
    with pytest.raises(kind, match=said) as caught:
        tasks.check("cmamp-preprod", Task(ARN, "STOPPED", code, "it ended"))
    lines = str(caught.value).splitlines()
    assert lines[-1] == "line 249"
    assert "line 49" not in lines
    assert "line 50" in lines


def test_a_log_that_cannot_be_read_hides_nothing(ecs):
    tasks, _, of_logs, _ = ecs
    of_logs.add_client_error("get_log_events", "ResourceNotFoundException")

    with pytest.raises(JobFailed, match="exit code 2: out of memory.*log could not be read"):
        tasks.check("cmamp-preprod", Task(ARN, "STOPPED", 2, "out of memory"))


def test_a_task_that_does_not_end_is_stopped(ecs, monkeypatch):
    tasks, of_ecs, _, _ = ecs
    monkeypatch.setattr("resources.clients.aws.ecs.LONGEST", -1.0)
    of_ecs.add_response("describe_tasks", described("RUNNING"))
    of_ecs.add_response("stop_task", {})

    with pytest.raises(JobFailed, match="26 hours"):
        list(tasks.follow("cluster", Task(ARN, ""), "cmamp-preprod"))
    of_ecs.assert_no_pending_responses()


def test_a_task_that_is_gone_is_told(ecs):
    tasks, of_ecs, _, _ = ecs
    for _ in range(12):
        of_ecs.add_response("describe_tasks", {"tasks": []})

    with pytest.raises(JobFailed, match="there is no task"):
        list(tasks.follow("cluster", Task(ARN, ""), "cmamp-preprod"))


def test_a_task_that_ecs_does_not_know_yet_is_waited_for(ecs):
    tasks, of_ecs, _, _ = ecs
    missing = {"tasks": [], "failures": [{"arn": ARN, "reason": "MISSING"}]}
    for answer in (missing, missing, described("RUNNING"), missing, described("STOPPED", 0)):
        of_ecs.add_response("describe_tasks", answer)

    found = list(tasks.follow("cluster", Task(ARN, ""), "cmamp-preprod"))
    assert [task.status for task in found] == ["RUNNING", "STOPPED"]


def test_a_service_that_does_not_answer_for_a_while_leaves_the_task_alone(ecs):
    tasks, of_ecs, _, clock = ecs
    of_ecs.add_response("describe_tasks", described("RUNNING"))
    for _ in range(20):
        of_ecs.add_client_error("describe_tasks", "ServerException", http_status_code=500)
    of_ecs.add_response("describe_tasks", described("STOPPED", 0))

    found = list(tasks.follow("cluster", Task(ARN, ""), "cmamp-preprod"))
    assert [task.status for task in found] == ["RUNNING", "STOPPED"]
    assert sum(clock.slept) == 21 * 6


def test_a_service_that_does_not_answer_for_ten_minutes_is_given_up(ecs):
    tasks, of_ecs, _, clock = ecs
    for _ in range(110):
        of_ecs.add_client_error("describe_tasks", "ServerException", http_status_code=500)

    with pytest.raises(TransientError, match="cannot describe task"):
        list(tasks.follow("cluster", Task(ARN, ""), "cmamp-preprod"))
    assert 600 < sum(clock.slept) < 610
