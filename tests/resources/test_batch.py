"""An asset's program on AWS Batch, through Pipes: real processes, CloudWatch and S3 of moto, Batch of the stand-in."""

import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import boto3
import dagster as dg
import pytest
from dagster_aws.pipes import PipesS3ContextInjector, PipesS3MessageReader

from resources import retries
from resources.batch import PipesBatchClient
from tests.standins.batch import LOG_GROUP, BatchApi, BatchServer, program
from tests.standins.batch_run import SUBMISSION, QuickClock, batch_client, exported, exported_job

ROOT = Path(__file__).parents[2]
DAY = "2024-01-02"
KEY = "key-that-no-one-may-see"

# What a job's container would run. It waits where a test tells it to, so that there is time to be killed in.
EXPORT = """
import os, pathlib, sys, time
from dagster_pipes import open_dagster_pipes
assert os.environ["ETHEREUM_PROVIDER_URI"].startswith("https://node/key-")
with open_dagster_pipes() as pipes:
    print("exporting", pipes.partition_key, flush=True)
    print('{"json": "that is no message"}', flush=True)
    while not pathlib.Path(os.environ["GATE"]).exists():
        time.sleep(0.05)
    pipes.log.info("halfway")
    pipes.report_asset_materialization(metadata={"rows": pipes.extras["rows"], "job": os.environ["AWS_BATCH_JOB_ID"]})
print("done", flush=True)
"""
WAIT = """
import os, pathlib, time
while not pathlib.Path(os.environ["GATE"]).exists():
    time.sleep(0.05)
"""
THROUGH_S3 = """
import boto3, os, sys
from dagster_pipes import PipesS3ContextLoader, PipesS3MessageWriter, open_dagster_pipes
s3 = boto3.client("s3")
loader = PipesS3ContextLoader(s3) if "LOAD" in os.environ else None
with open_dagster_pipes(context_loader=loader, message_writer=PipesS3MessageWriter(s3, interval=0.2)) as pipes:
    print("through S3", flush=True)
    pipes.report_asset_materialization(metadata={"rows": len(pipes.extras.get("text", "")) or pipes.extras["rows"]})
"""


@pytest.fixture
def batch_api(s3_endpoint, monkeypatch, tmp_path):
    for name, value in {
        "AWS_ENDPOINT_URL_S3": s3_endpoint,
        "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": s3_endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    logs = boto3.client("logs")
    if not logs.describe_log_groups(logGroupNamePrefix=LOG_GROUP)["logGroups"]:
        logs.create_log_group(logGroupName=LOG_GROUP)
    api = BatchApi(logs, secrets={"arn:aws:secretsmanager:us-east-1:1:secret:node": f"https://node/{KEY}"})
    server = BatchServer(api)
    monkeypatch.setenv("AWS_ENDPOINT_URL_BATCH", server.url)
    api.gate = tmp_path / "gate"
    api.definitions["headwater"] = _definition(EXPORT, GATE=str(api.gate))
    yield api
    server.stop()
    api.stop()


def _definition(source, **environment):
    passed = ("AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
    environment |= {name: os.environ[name] for name in passed}
    return {
        "command": program(source),
        "environment": [{"name": name, "value": value} for name, value in environment.items()],
        "secrets": [{"name": "ETHEREUM_PROVIDER_URI", "valueFrom": "arn:aws:secretsmanager:us-east-1:1:secret:node"}],
    }


def _let_go_once_found_again(api):
    """The job goes on when it is followed for the second time, so that it cannot end before."""
    describe = api._describejobs

    def described(request):
        if api.calls.count("listjobs") == 2 and api.calls[::-1].index("listjobs") > 2:
            api.gate.touch()
        return describe(request)

    api._describejobs = described


def _materialize(client, instance=None, **more):
    return dg.materialize(
        [exported], resources={"batch": client}, partition_key=DAY, instance=instance, raise_on_error=False, **more
    )


def _rows(result):
    (event,) = result.get_asset_materialization_events()
    return event.materialization.metadata


def test_a_program_reports_through_its_log(batch_api, capfd):
    batch_api.gate.touch()
    with dg.DagsterInstance.ephemeral() as instance:
        result = _materialize(batch_client(), instance)
        assert result.success
        told = [entry.user_message for entry in instance.all_logs(result.run_id)]
    (job,) = batch_api.jobs.values()
    assert _rows(result)["rows"].value == 7
    assert _rows(result)["job"].value == job.id == _rows(result)["AWS Batch job"].value
    assert job.id in _rows(result)["AWS Batch Job URL"].value
    assert "halfway" in told
    printed = capfd.readouterr().out
    assert f"exporting {DAY}\n" in printed
    assert '{"json": "that is no message"}\n' in printed
    assert "done\n" in printed
    assert "__dagster_pipes_version" not in printed


def test_a_job_says_whose_it_is_has_one_attempt_and_knows_secrets_by_reference(batch_api):
    batch_api.gate.touch()
    result = _materialize(batch_client())
    (job,) = batch_api.jobs.values()
    assert job.request["tags"]["dagster/run-id"] == result.run_id
    assert job.request["propagateTags"] is True
    assert job.request["retryStrategy"] == {"attempts": 1}
    described = boto3.client("batch").describe_jobs(jobs=[job.id])
    assert "secretsmanager" in json.dumps(described)
    assert KEY not in json.dumps(described) + json.dumps(job.request)


def test_messages_and_context_can_go_by_s3(batch_api, s3_bucket, capfd):
    text = os.urandom(8192).hex()  # does not compress into 8,192 characters

    @dg.asset(name="exported")
    def large(context: dg.AssetExecutionContext, batch: dg.ResourceParam[PipesBatchClient]):
        return batch.run(context=context, submit_job_params=SUBMISSION, extras={"text": text}).get_results()

    batch_api.definitions["headwater"] = _definition(THROUGH_S3, LOAD="1")
    s3 = boto3.client("s3")
    client = batch_client(
        context_injector=PipesS3ContextInjector(bucket=s3_bucket, client=s3),
        message_reader=PipesS3MessageReader(bucket=s3_bucket, client=s3, interval=0),
    )
    for _ in range(2):  # the reader of the first session counted; the second session's starts anew
        result = dg.materialize([large], resources={"batch": client})
        assert _rows(result)["rows"].value == 2 * 8192
    assert "through S3\n" in capfd.readouterr().out
    refused = dg.materialize([large], resources={"batch": batch_client()}, raise_on_error=False)
    (failure,) = refused.get_step_failure_events()
    assert "ECS takes 8,192" in failure.step_failure_data.user_failure_data.description
    assert len(batch_api.jobs) == 2


@pytest.mark.parametrize("by_s3", [False, True], ids=["log", "s3"])
def test_a_step_that_is_tried_again_goes_on_with_its_job(batch_api, monkeypatch, s3_bucket, by_s3):
    """Batch stops answering while the job runs: the step is tried again, and finds its job still running."""
    monkeypatch.setenv("HEADWATER_STAGE", "test")
    monkeypatch.setitem(retries.RETRIES, "test", retries.Retries(1, 0))
    monkeypatch.setattr("resources.clients.aws.batch.LONGEST_OUTAGE", 5)
    _let_go_once_found_again(batch_api)
    if by_s3:
        # Of a session that broke off Dagster waits for messages that may still come.
        monkeypatch.setattr("dagster._core.pipes.utils.WAIT_FOR_LOGS_AFTER_EXECUTION_INTERVAL", 0)
        batch_api.definitions["headwater"] = _definition(WAIT + THROUGH_S3, GATE=str(batch_api.gate))
    s3 = boto3.client("s3")
    more = {"message_reader": PipesS3MessageReader(bucket=s3_bucket, client=s3, interval=0)} if by_s3 else {}

    class Gate(QuickClock):
        def sleep(self, seconds):
            (job,) = batch_api.jobs.values()
            if job.status == "RUNNING" and batch_api.calls.count("listjobs") == 1:
                batch_api.faults = [(500, "ServerException")] * 3
            super().sleep(seconds)

    client = batch_client(**more)
    client._clock = Gate()
    result = _materialize(client)
    assert result.success
    assert batch_api.calls.count("submitjob") == 1
    assert batch_api.calls.count("listjobs") == 2
    assert _rows(result)["rows"].value == 7


def test_a_run_killed_in_the_middle_is_retried_without_a_second_job(batch_api, tmp_path, monkeypatch):
    """SIGKILL, as when a task is taken away; the retry is another run, in another process."""
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    run_id = str(uuid.uuid4())
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path), "DAY": DAY, "RUN": run_id, "PYTHONPATH": str(ROOT)}
    first = subprocess.Popen([sys.executable, "tests/standins/batch_run.py"], cwd=ROOT, env=environment)
    deadline = time.monotonic() + 60
    while "RUNNING" not in [job.status for job in batch_api.jobs.values()] and time.monotonic() < deadline:
        time.sleep(0.1)
    first.kill()
    first.wait()
    (job,) = batch_api.jobs.values()
    assert job.process.poll() is None
    _let_go_once_found_again(batch_api)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with dg.DagsterInstance.get() as instance:
        instance.report_run_failed(instance.get_run_by_id(run_id))
        options = dg.ReexecutionOptions(parent_run_id=run_id)
        tags = {"dagster/partition": DAY}
        job_ = dg.reconstructable(exported_job)
        with dg.execute_job(job_, instance=instance, reexecution_options=options, tags=tags) as retried:
            assert retried.success
            (event,) = retried.get_asset_materialization_events()
    assert event.materialization.metadata["job"].value == job.id
    assert batch_api.calls.count("submitjob") == 1


def test_a_cancelled_run_stops_its_job(batch_api):
    class Cancelled(QuickClock):
        def sleep(self, seconds):
            (job,) = batch_api.jobs.values()
            if job.status == "RUNNING":
                raise dg.DagsterExecutionInterruptedError
            super().sleep(seconds)

    client = batch_client()
    client._clock = Cancelled()
    with pytest.raises(dg.DagsterExecutionInterruptedError):
        dg.materialize([exported], resources={"batch": client}, partition_key=DAY)
    (job,) = batch_api.jobs.values()
    assert job.stopping
    assert job.process.wait(10) != 0
    # One that is stopping is no job to go on with.
    batch_api.gate.touch()
    assert _materialize(batch_client()).success
    assert len(batch_api.jobs) == 2


def test_an_interruption_while_submitting_leaves_no_job_behind(batch_api, monkeypatch):
    def interrupted(**request):
        batch_api.answer("submitjob", request)
        raise dg.DagsterExecutionInterruptedError

    client = batch_client()
    monkeypatch.setattr(client._client, "submit_job", interrupted)
    with pytest.raises(dg.DagsterExecutionInterruptedError):
        dg.materialize([exported], resources={"batch": client}, partition_key=DAY)
    (job,) = batch_api.jobs.values()
    assert (job.stopping, job.status) == (True, "FAILED")


def test_an_interrupted_run_ends_although_batch_does_not_answer(batch_api):
    class Cancelled(QuickClock):
        def sleep(self, seconds):
            batch_api.faults = [(500, "ServerException")] * 10
            raise dg.DagsterExecutionInterruptedError

    client = batch_client()
    client._clock = Cancelled()
    with dg.DagsterInstance.ephemeral() as instance:
        with pytest.raises(dg.DagsterExecutionInterruptedError):
            dg.materialize([exported], resources={"batch": client}, partition_key=DAY, instance=instance)
        (run,) = instance.get_runs()
        told = [entry.user_message for entry in instance.all_logs(run.run_id)]
    assert any("could not be ended" in line for line in told)


def test_a_failed_program_fails_the_asset_with_its_reason_and_its_words(batch_api, capfd):
    batch_api.definitions["headwater"] = _definition("print('no such table'); raise SystemExit(3)")
    (failure,) = _materialize(batch_client()).get_step_failure_events()
    said = failure.step_failure_data.user_failure_data.description
    assert "Essential container in task exited, exit code 3." in said
    assert f"of {LOG_GROUP}" in said
    assert "no such table\n" in capfd.readouterr().out


def test_a_job_that_is_refused_says_what_to_check(batch_api):
    del batch_api.definitions["headwater"]
    (failure,) = _materialize(batch_client()).get_step_failure_events()
    said = failure.step_failure_data.user_failure_data.description
    assert "JobDefinition not found: headwater" in said
    assert "Check the queue's and the job definition's names" in said
