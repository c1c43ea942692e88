"""What the commands say of a run that failed: the sentence with the remedy."""

import dagster as dg
import pytest

from commands.running import _tell_failures
from core.errors import DiskRefused, LakeChanged
from resources.retries import failures_explained


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


@pytest.mark.parametrize("kind", [DiskRefused, LakeChanged])
def test_a_failure_is_told_in_our_words_and_not_in_the_machines(kind, capsys):
    error = kind("Lake: cannot write x. Make room, then run again.")
    error.__cause__ = OSError(28, "No space left on device")
    _tell_failures(_failed(error))
    (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("  Failed: step: "))
    assert line.endswith("Lake: cannot write x. Make room, then run again.")


def test_what_nobody_meant_is_told_by_its_first_cause(capsys):
    error = RuntimeError("while it was read")
    error.__cause__ = KeyError("blocks")
    _tell_failures(_failed(error))
    assert "KeyError: 'blocks'" in capsys.readouterr().err
