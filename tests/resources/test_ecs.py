"""An asset's program as a task on ECS, with what it reports; the service is a stand-in that runs it at once."""

import sys

import dagster as dg
import pytest

from core.errors import JobFailed, TransientError
from resources.ecs import EcsPlace, PipesEcsTasks
from tests.standins.clock import ManualClock
from tests.standins.ecs import Ecs

PROGRAM = """
from dagster_pipes import open_dagster_pipes
with open_dagster_pipes() as pipes:
    pipes.report_asset_materialization(metadata={"rows": 7})
print("bye")
"""
PLACE = EcsPlace("cluster", "FARGATE", ("subnet-1",), ("sg-1",))


def run(ecs, program):
    @dg.asset
    def fetched(context: dg.AssetExecutionContext):
        done = PipesEcsTasks(ecs, ecs, ManualClock()).run(
            context=context,
            definition="cmamp",
            command=[sys.executable, "-c", program],
            environment={"HEADWATER_STAGE": "prod"},
            place=PLACE,
            tags={"room": "exchanges"},
        )
        return done.get_materialize_result()

    return dg.materialize([fetched])


def test_what_the_program_reports_arrives():
    ecs = Ecs()
    (event,) = run(ecs, PROGRAM).get_asset_materialization_events()

    assert event.materialization.metadata["rows"].value == 7
    (request,) = ecs.requests
    names = {entry["name"] for entry in request["overrides"]["containerOverrides"][0]["environment"]}
    assert {"HEADWATER_STAGE", "DAGSTER_PIPES_CONTEXT", "DAGSTER_PIPES_MESSAGES"} <= names
    assert {"key": "room", "value": "exchanges"} in request["tags"]


def test_messages_that_reach_the_log_after_the_tasks_end_arrive():
    (event,) = run(Ecs(late=3), PROGRAM).get_asset_materialization_events()

    assert event.materialization.metadata["rows"].value == 7


def test_a_failed_program_is_told_with_its_last_words():
    with pytest.raises(JobFailed, match="exit code 3") as caught:
        run(Ecs(), "import sys; print('no such symbol'); sys.exit(3)")
    assert "no such symbol" in str(caught.value)


def test_a_cancelled_run_stops_its_task():
    ecs = Ecs(interrupted=True)
    with pytest.raises(dg.DagsterExecutionInterruptedError):
        run(ecs, PROGRAM)
    assert ecs.stopped == ["arn:task/cluster/1"]


def test_a_task_that_can_no_longer_be_followed_is_stopped_before_another_is_started():
    ecs = Ecs(lost=True)
    with pytest.raises(TransientError, match="cannot describe task"):
        run(ecs, PROGRAM)
    assert ecs.stopped == ["arn:task/cluster/1"]
