"""A table's steps as jobs on AWS Batch: real processes of the real program, Batch of the stand-in, logs of moto."""

import json
import os
import signal
import sys
import time

import boto3
import dagster as dg
import pytest

from assets.databridge import factory
from assets.databridge.extract import VERDICTS
from assets.databridge.factory import assets_of
from assets.databridge.loading import load_tree
from assets.databridge.telling import LIVE_CHECKS
from core.settings.databridge import SHIPPED
from resources.batch import PipesBatchClient
from resources.databridge import DatabridgeResource
from tests.standins.batch import LOG_GROUP, BatchApi, BatchServer
from tests.standins.batch_run import QuickClock
from tests.standins.bridge_run import started


@pytest.fixture
def batch(s3_endpoint, monkeypatch, tmp_path):
    for name, value in {
        "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": s3_endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    logs = boto3.client("logs")
    if not logs.describe_log_groups(logGroupNamePrefix=LOG_GROUP)["logGroups"]:
        logs.create_log_group(logGroupName=LOG_GROUP)
    api = BatchApi(logs)
    server = BatchServer(api)
    monkeypatch.setenv("AWS_ENDPOINT_URL_BATCH", server.url)
    home = tmp_path / "home"
    environment = [{"name": "HEADWATER_HOME", "value": str(home)}, {"name": "DAGSTER_DISABLE_TELEMETRY", "value": "1"}]
    for stem in ("carto-db2", "knack", "airtable"):
        api.definitions[f"{stem}-airflow-test"] = {"command": [], "environment": environment}
    monkeypatch.setattr(factory, "PROGRAM", [sys.executable, *factory.PROGRAM[1:]])
    monkeypatch.setattr(DatabridgeResource, "batch", lambda self: PipesBatchClient(clock=QuickClock()))
    monkeypatch.setenv("DATABRIDGE_RUNNER", "batch")
    yield api
    server.stop()
    api.stop()


def materialized(name, tree=SHIPPED):
    (table,) = [table for table in load_tree(tree).tables if table.name == name]
    return dg.materialize(assets_of(table), resources={"databridge": DatabridgeResource()}, raise_on_error=False)


@pytest.mark.slow
def test_a_table_goes_live_by_two_jobs_under_the_old_names(batch):
    result = materialized("knack/carto_gsg/ppr/classes")
    assert result.success
    jobs = [job.request for job in batch.jobs.values()]
    assert [job["jobName"].rsplit("-", 1)[0] for job in jobs] == [
        "knack_to_s3_ppr_test_classes",
        "s3_to_carto_ppr_test_classes",
    ]
    assert [job["jobDefinition"] for job in jobs] == ["knack-airflow-test", "carto-db2-airflow-test"]
    assert {job["jobQueue"] for job in jobs} == {"airflow-test"}
    assert {job["timeout"]["attemptDurationSeconds"] for job in jobs} == {6 * 3600}
    command = jobs[0]["containerOverrides"]["command"][1:]
    assert command[:6] == ["-m", "commands.databridge", "step", "knack/carto_gsg/ppr/classes", "staged", command[5]]
    assert not [job for job in jobs if "sandbox-app-key" in json.dumps(job) or "sandbox-carto-key" in json.dumps(job)]
    checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert set(checks) == {*VERDICTS, *LIVE_CHECKS}
    assert all(checks.values())
    rows = {event.materialization.metadata["rows"].value for event in result.get_asset_materialization_events()}
    assert rows == {40}
    assert all("plot" in event.materialization.metadata for event in result.get_asset_materialization_events())
    assert os.environ["DATABRIDGE_RUNNER"] == "batch"


@pytest.mark.slow
def test_a_job_whose_definition_is_not_there_fails_by_name(batch):
    batch.definitions.clear()
    result = materialized("databridge/health/clinics")
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "oracle_to_s3_health_clinics" in str(failure.step_failure_data)


@pytest.mark.slow
def test_what_may_not_go_live_fails_its_check_by_name_there_too(batch, tmp_path):
    file = tmp_path / "tree/databridge/ppr/bench_inventory.yml"
    file.parent.mkdir(parents=True)
    file.write_text("upload_to_carto: true\ncarto_users: [publicuser]\nbounding_box: [0, 0, 1, 1]\n")
    for definition in batch.definitions.values():
        definition["environment"] += [{"name": "DATABRIDGE_CONFIG_DIR", "value": str(tmp_path / "tree")}]
    result = materialized("databridge/ppr/bench_inventory", tmp_path / "tree")
    assert not result.success
    checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert checks["bounds"] is False
    assert checks["geometry"] is True
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "What is live stays. bounds: " in str(failure.step_failure_data)
    assert len(batch.jobs) == 1


@pytest.fixture
def instance(batch, tmp_path, monkeypatch):
    """Dagster's own state, which the processes of runs share; a job waits until its gate is there."""
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("BRIDGE_TABLE", "databridge/health/clinics")
    monkeypatch.setenv("BRIDGE_GATE", str(tmp_path / "gate"))
    with dg.DagsterInstance.get() as found:
        yield found


def awaited(happened, seconds=90):
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def runs_on_batch(batch):
    return [job.status for job in batch.jobs.values()][-1:] == ["RUNNING"]


@pytest.mark.slow
def test_a_cancelled_run_ends_its_job_and_the_next_run_has_one_of_its_own(batch, instance, tmp_path):
    run, process = started(instance)
    awaited(lambda: runs_on_batch(batch))
    instance.report_run_canceling(instance.get_run_by_id(run))
    process.send_signal(signal.SIGINT)  # as Dagster's launchers cancel a run
    process.wait(60)
    assert instance.get_run_by_id(run).status is dg.DagsterRunStatus.CANCELED
    (job,) = batch.jobs.values()
    assert (job.stopping, job.reason) == (True, "Dagster's run was interrupted")
    assert job.process.wait(60) != 0
    (tmp_path / "gate").touch()
    again, process = started(instance, instance.get_run_by_id(run))
    process.wait(90)
    assert instance.get_run_by_id(again).status is dg.DagsterRunStatus.SUCCESS
    assert len(batch.jobs) == 2


@pytest.mark.slow
def test_a_run_that_comes_back_goes_on_with_the_job_that_the_killed_one_left(batch, instance, tmp_path):
    run, process = started(instance)
    awaited(lambda: runs_on_batch(batch))
    process.kill()
    process.wait()
    instance.report_run_failed(instance.get_run_by_id(run))  # as run monitoring says of a run whose process is gone
    (job,) = batch.jobs.values()
    assert job.process.poll() is None
    again, process = started(instance, instance.get_run_by_id(run))
    awaited(lambda: batch.calls.count("listjobs") == 2)
    (tmp_path / "gate").touch()
    process.wait(90)
    assert instance.get_run_by_id(again).status is dg.DagsterRunStatus.SUCCESS
    assert batch.calls.count("submitjob") == 1
    (event,) = instance.fetch_materializations(
        dg.AssetKey(["lake", "databridge", "databridge", "health", "clinics"]), limit=1
    ).records
    assert event.run_id == again
    assert event.asset_materialization.metadata["rows"].value == 60
