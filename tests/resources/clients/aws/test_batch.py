"""Batch's jobs without Dagster: what is refused before it is sent, how a job is followed, why it failed."""

import json

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from core.errors import JobFailed, JobInterrupted, PermanentError
from core.settings.listing import all_settings
from resources.clients.aws.batch import BatchJobs, Job, check_request, check_success, job_name

REQUEST = {"jobName": "export", "jobQueue": "queue", "jobDefinition": "headwater"}
SECRET = "https://node.example.com/v2/key-of-the-node"


def test_a_name_is_the_identitys_own_and_fits():
    names = {job_name("export", "run", "step", key) for key in ("", "a", "b")}
    assert len(names) == 3
    assert job_name("export", "run", "step") == job_name("export", "run", "step")
    assert len(job_name("e" * 500, "run")) == 128
    assert job_name("export", "ab", "c") != job_name("export", "a", "bc")


def _overriding(**environment):
    entries = [{"name": name, "value": value} for name, value in environment.items()]
    return {**REQUEST, "containerOverrides": {"environment": entries}}


@pytest.mark.parametrize(
    "request_",
    [
        _overriding(ETHEREUM_PROVIDER_URI="anything"),
        _overriding(OTHER=f"--node {SECRET}"),
        {**REQUEST, "containerOverrides": {"command": ["export", SECRET]}},
        {**REQUEST, "parameters": {"node": SECRET}},
    ],
    ids=["by name", "by value", "in argv", "in parameters"],
)
def test_no_secret_leaves_in_a_request(request_):
    with pytest.raises(
        PermanentError, match=r"holds ETHEREUM_PROVIDER_URI, .*`secrets` in the job definition"
    ) as error:
        check_request(request_, {"ETHEREUM_PROVIDER_URI": SECRET})
    assert "key-of-the-node" not in str(error.value)


def test_requests_that_batch_would_fail_later_are_refused_at_once():
    fits = _overriding(X="x" * 8000)
    check_request(fits, {})
    with pytest.raises(PermanentError, match="have 8,2.. characters, ECS takes 8,192"):
        check_request(_overriding(X="x" * 8192), {})
    with pytest.raises(PermanentError, match="Submit one job for each partition"):
        check_request({**REQUEST, "arrayProperties": {"size": 2}}, {})


def test_a_password_that_is_a_word_is_no_secret_in_the_names_of_queues():
    check_request(
        {**REQUEST, "jobQueue": "airflow-test"}, {"POSTGRES_PASSWORD": "test", "REDSHIFT_PASSWORD": "airflow"}
    )
    with pytest.raises(PermanentError, match="holds POSTGRES_PASSWORD"):
        check_request(_overriding(POSTGRES_PASSWORD="test"), {"POSTGRES_PASSWORD": "test"})


def test_every_setting_that_names_a_credential_is_secret():
    words = ("PASSWORD", "KEY", "TOKEN", "PROVIDER_URI", "NOTICE_URL")
    names = {s.name for s in all_settings() if any(word in s.name for word in words)} - {"LAKE_KMS_KEY"}  # a key's name
    assert names == {s.name for s in all_settings() if s.secret}


class Described:
    """A client whose job has one status after the other; an exception is raised instead."""

    def __init__(self, *statuses):
        self._statuses = list(statuses)

    def describe_jobs(self, jobs):
        status = self._statuses.pop(0)
        if isinstance(status, Exception):
            raise status
        return {"jobs": [{"jobId": jobs[0], "jobName": "export", "status": status}]}


def _error(code, status):
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "DescribeJobs")


def test_a_job_is_looked_at_less_and_less_often_until_something_happens(clock):
    client = Described(*["RUNNABLE"] * 9, "RUNNING", "RUNNING", "SUCCEEDED")
    statuses = [job.status for job in BatchJobs(client, clock).follow("1")]
    assert statuses[-1] == "SUCCEEDED"
    assert clock.slept[:3] == [2.0, 3.0, 4.5]
    assert max(clock.slept) == 30.0
    assert clock.slept[9] == 2.0


def test_an_outage_of_batch_is_waited_out_but_not_for_ever(clock):
    throttled = [_error("TooManyRequestsException", 429), _error("ServerException", 500)]
    jobs = BatchJobs(Described("RUNNING", *throttled, "SUCCEEDED"), clock)
    assert [job.status for job in jobs.follow("1")] == ["RUNNING", "SUCCEEDED"]
    jobs = BatchJobs(Described("RUNNING", *[_error("ServerException", 500)] * 100), clock)
    with pytest.raises(JobInterrupted, match="a job that runs is found by its name"):
        list(jobs.follow("1"))
    with pytest.raises(PermanentError, match="Check the role's rights"):
        list(BatchJobs(Described(_error("AccessDeniedException", 403)), clock).follow("1"))


@pytest.mark.parametrize(
    ("reason", "exit_code", "error"),
    [
        ("Host EC2 (instance i-0123456789) terminated.", None, JobInterrupted),
        ("Essential container in task exited", 75, JobInterrupted),
        ("Essential container in task exited", 1, JobFailed),
        ("Essential container in task exited; OutOfMemoryError: Container killed due to memory usage", 137, JobFailed),
        ("Task failed to start; CannotPullContainerError: manifest unknown", None, JobFailed),
        ("Container Overrides length must be at most 8192", None, JobFailed),
        ("Job attempt duration exceeded timeout", None, JobFailed),
    ],
)
def test_why_a_job_failed_decides_whether_it_is_tried_again(reason, exit_code, error):
    job = Job("id-1", "export-abc", "FAILED", reason, exit_code, "/group", "stream")
    with pytest.raises(error, match="job id-1 .export-abc. failed: ") as raised:
        check_success(job)
    assert reason in str(raised.value)


@pytest.fixture
def moto_batch(monkeypatch):
    """moto's Batch in its mode without Docker, in which a job succeeds at once."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws(config={"batch": {"use_docker": False}}):
        batch, iam = boto3.client("batch"), boto3.client("iam")
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        role = iam.create_role(RoleName="batch", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        batch.create_compute_environment(
            computeEnvironmentName="fleet", type="UNMANAGED", state="ENABLED", serviceRole=role
        )
        order = [{"order": 1, "computeEnvironment": "fleet"}]
        batch.create_job_queue(jobQueueName="queue", state="ENABLED", priority=1, computeEnvironmentOrder=order)
        batch.register_job_definition(
            jobDefinitionName="headwater",
            type="container",
            containerProperties={"image": "headwater", "command": ["true"], "vcpus": 1, "memory": 2048},
        )
        yield batch


def test_jobs_on_moto(moto_batch, clock):
    jobs = BatchJobs(moto_batch, clock)
    job_id = jobs.submit(REQUEST)
    (job,) = jobs.follow(job_id)
    assert (job.id, job.name, job.status) == (job_id, "export", "SUCCEEDED")
    check_success(job)
    assert jobs.unfinished("queue", "export") is None
    jobs.terminate(job_id, "after its end, to no effect")
    with pytest.raises(PermanentError, match="Job definition nowhere does not exist"):
        jobs.submit({**REQUEST, "jobDefinition": "nowhere"})
    with pytest.raises(PermanentError, match="there is no job"):
        jobs.describe("none")


def test_a_waiting_job_is_found_by_its_whole_name(moto_batch, clock, monkeypatch):
    monkeypatch.setattr("moto.batch_simple.models.BatchSimpleBackend._mark_job_as_finished", _leave_waiting)
    jobs = BatchJobs(moto_batch, clock)
    job_id = jobs.submit(REQUEST)
    assert jobs.unfinished("queue", "export").id == job_id
    assert jobs.unfinished("queue", "expo") is None


def _leave_waiting(self, include_start_attempt, job):
    self.backend._jobs[job.job_id] = job
