"""I19: each failed run is one notice, and a notifier that is down changes nothing."""

import dagster as dg
import pytest

from schedules.notices import failed_run_sensor, will_be_retried
from tests.standins.chat import Chat

SECRET = "never-to-be-seen"
RETRIES = {"run_retries": {"enabled": True, "max_retries": 1, "retry_on_asset_or_op_failure": False}}


@pytest.fixture
def chat(monkeypatch):
    chat = Chat()
    monkeypatch.setenv("NOTICE_URL", f"{chat.url}/{SECRET}")
    yield chat
    chat.stop()


@pytest.fixture
def instance(request):
    with dg.instance_for_test(overrides=getattr(request, "param", None)) as instance:
        yield instance


@dg.op
def goes_well():
    pass


@dg.op
def falls_over():
    raise dg.Failure(description="the source is down\nfor good", allow_retries=False)


@dg.op
def is_a_bug():
    try:
        raise KeyError("größer")
    except KeyError as error:
        raise RuntimeError("lost") from error


@dg.job
def failing_job():
    goes_well()
    falls_over()


@dg.job
def much_failing_job():
    falls_over()
    is_a_bug()


@dg.op(retry_policy=dg.RetryPolicy(max_retries=2))
def fails_thrice():
    raise RuntimeError("still down")


@dg.job
def stubborn_job():
    fails_thrice()


class Daemon:
    """The sensor's ticks, one after the other, as the daemon keeps their cursor."""

    def __init__(self, instance):
        self._instance, self._cursor = instance, None
        self.tick()

    def tick(self):
        context = dg.build_sensor_context(instance=self._instance, cursor=self._cursor)
        self._cursor = failed_run_sensor.evaluate_tick(context).cursor


def run(job, instance, **tags):
    return job.execute_in_process(instance=instance, raise_on_error=False, tags=tags).run_id


def texts(chat):
    return [document["text"].splitlines() for _, document in chat.told]


def test_a_failed_run_is_one_notice_with_its_reason(chat, instance, monkeypatch):
    monkeypatch.setenv("HEADWATER_URL", "https://headwater.example.com/")
    daemon = Daemon(instance)
    run_id = run(failing_job, instance, **{"dagster/partition": "2024-01-02"})
    for _ in range(3):
        daemon.tick()
    assert texts(chat) == [
        [
            "DAG failing_job failed",
            f"run ID: {run_id}",
            "stage: local",
            "partition: 2024-01-02",
            "steps: 1 failed, 1 succeeded",
            f"https://headwater.example.com/runs/{run_id}",
            "falls_over: the source is down",
        ]
    ]


def test_every_failed_step_and_its_deepest_reason(chat, instance):
    daemon = Daemon(instance)
    run(much_failing_job, instance, **{
        "dagster/asset_partition_range_start": "2024-01-02", "dagster/asset_partition_range_end": "2024-01-04",
    })  # fmt: skip
    daemon.tick()
    (lines,) = texts(chat)
    assert lines[3:5] == ["partition: 2024-01-02 to 2024-01-04", "steps: 2 failed, 0 succeeded"]
    assert sorted(lines[5:]) == ["falls_over: the source is down", "is_a_bug: KeyError: 'größer'"]


def test_a_secret_that_a_reason_is_cut_in_is_not_told_in_half(chat, instance, monkeypatch):
    monkeypatch.setenv("POSTGRES_PASSWORD", "correct horse battery staple")

    @dg.op
    def repeats():
        raise dg.Failure(description=f"{'x' * 485} correct horse battery staple", allow_retries=False)

    @dg.job
    def repeating_job():
        repeats()

    daemon = Daemon(instance)
    run(repeating_job, instance)
    daemon.tick()
    assert texts(chat)[0][-1] == f"repeats: {'x' * 485} ***"


def test_a_steps_own_retries_are_no_failures(chat, instance):
    daemon = Daemon(instance)
    run(stubborn_job, instance)
    daemon.tick()
    (lines,) = texts(chat)
    assert lines[3:] == [
        "partition: none",
        "steps: 1 failed, 0 succeeded",
        "fails_thrice (attempt 3): RuntimeError: still down",
    ]


@pytest.mark.parametrize("instance", [RETRIES], indirect=True)
def test_a_run_that_is_started_again_is_told_of_when_that_fails_too(chat, instance):
    """As the daemon does: a process died, so the run fails without a failed step, and is started again once."""
    daemon = Daemon(instance)
    first = instance.create_run_for_job(failing_job)
    instance.report_run_failed(first, "The process died\nsomewhere")
    daemon.tick()
    assert chat.told == []
    again = instance.create_run_for_job(
        failing_job,
        parent_run_id=first.run_id,
        root_run_id=first.run_id,
        tags={"dagster/parent_run_id": first.run_id, "dagster/root_run_id": first.run_id},
    )
    instance.report_run_failed(again, "The process died\nsomewhere")
    daemon.tick()
    (lines,) = texts(chat)
    assert lines[1] == f"run ID: {again.run_id}"
    assert lines[4:] == ["steps: 0 failed, 0 succeeded", "The process died"]


@pytest.mark.parametrize("instance", [RETRIES], indirect=True)
def test_a_failed_step_is_not_started_again_and_told_of_at_once(chat, instance):
    daemon = Daemon(instance)
    run(failing_job, instance)
    daemon.tick()
    assert len(chat.told) == 1


@pytest.mark.parametrize("instance", [RETRIES], indirect=True)
@pytest.mark.parametrize("said", ["true", "false", None])
def test_what_dagster_has_not_said_yet_is_waited_for(instance, clock, said):
    known = instance.create_run_for_job(failing_job)
    if said:
        instance.add_run_tags(known.run_id, {"dagster/will_retry": said})
    assert will_be_retried(instance, known, clock) == (said == "true")
    assert sum(clock.slept) == (0.5 if said else 2.0)


def test_nothing_is_waited_for_where_no_run_is_retried(instance, clock):
    assert not will_be_retried(instance, instance.create_run_for_job(failing_job), clock)
    assert clock.slept == []


@pytest.mark.parametrize("trouble", ["refuses", "is gone", "is mistyped", "has half its settings"])
def test_a_notifier_in_trouble_changes_nothing(chat, instance, monkeypatch, capfd, trouble):
    if trouble == "refuses":
        chat.status = 500
    elif trouble == "is gone":
        monkeypatch.setenv("NOTICE_URL", f"http://127.0.0.1:1/{SECRET}")
    elif trouble == "is mistyped":
        monkeypatch.setenv("NOTICE_URL", SECRET)
    else:
        monkeypatch.setenv("HEADWATER_STAGE", "prod")
        monkeypatch.setenv("NOTICE_TELEGRAM_TOKEN", SECRET)
    daemon = Daemon(instance)
    run_id = run(failing_job, instance)
    before = instance.all_logs(run_id)
    daemon.tick()
    daemon.tick()
    assert instance.get_run_by_id(run_id).status == dg.DagsterRunStatus.FAILURE
    assert instance.all_logs(run_id) == before
    assert len(chat.told) == (1 if trouble in ("refuses", "has half its settings") else 0)
    printed = capfd.readouterr().err
    assert "The notice was not sent by" in printed
    assert SECRET not in printed


def test_nobody_is_told_when_nobody_is_named(chat, instance, monkeypatch):
    monkeypatch.delenv("NOTICE_URL")
    daemon = Daemon(instance)
    run(failing_job, instance)
    daemon.tick()
    assert chat.told == []
