"""What the commands make of one run that did not go well."""

import signal
import time

import dagster as dg
import pytest

from commands import running


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_in_a_step_ends_the_command_not_only_the_step(instance, number):
    """Else the next job of a room whose jobs do not build on each other starts, or the next room of all."""

    @dg.op
    def asks_for_long():
        signal.raise_signal(number)
        time.sleep(60)

    @dg.job
    def long_job():
        asks_for_long()

    with pytest.raises(KeyboardInterrupt):
        running._run(instance, "Asking", long_job, None, None)
    assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.FAILURE]
