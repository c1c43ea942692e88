"""What the commands make of one run that did not go well."""

import signal
import time

import dagster as dg
import pytest

from commands import running
from core.errors import DiskRefused, LakeChanged
from resources.retries import failures_explained


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


def test_a_run_that_fails_before_its_first_step_says_why(instance, capsys):
    @dg.resource
    def there():
        raise RuntimeError("the socket is gone")

    @dg.op(required_resource_keys={"there"})
    def asks():
        pass

    @dg.job(resource_defs={"there": there})
    def asking_job():
        asks()

    assert not running._run(instance, "Asking", asking_job, None, None)
    assert "the socket is gone" in capsys.readouterr().err


class Overfull(DiskRefused):
    """A client's own kind."""


def _failed(error):
    """A run of one step that ends with an error."""

    @dg.op
    def step():
        with failures_explained():
            raise error

    @dg.job
    def job():
        step()

    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(instance=instance, raise_on_error=False)


@pytest.mark.parametrize("kind", [DiskRefused, LakeChanged, Overfull])
def test_a_failure_is_told_in_our_words_and_not_in_the_machines(kind, capsys):
    error = kind("Lake: cannot write x. Make room, then run again.")
    error.__cause__ = OSError(28, "No space left on device")
    running._tell_failures(_failed(error))
    (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("  Failed: step: "))
    assert line.endswith("Lake: cannot write x. Make room, then run again.")


def test_what_nobody_meant_is_told_by_its_first_cause(capsys):
    error = RuntimeError("while it was read")
    error.__cause__ = KeyError("blocks")
    running._tell_failures(_failed(error))
    assert "KeyError: 'blocks'" in capsys.readouterr().err
