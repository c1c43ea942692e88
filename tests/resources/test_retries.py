import re
from pathlib import Path

import dagster as dg
import pytest

from core.errors import DayIncomplete, DayMissing, PermanentError, TransientError
from resources.clients.databridge.geometry import WrongSrid
from resources.clients.databridge.merging import WrongKey
from resources.clients.databridge.replacing import Unproved
from resources.retries import RETRIES, failure_of, failures_explained


@pytest.mark.parametrize("stage", ["test", "preprod", "prod"])
def test_transient_errors_are_tried_again_as_the_stage_allows(stage, monkeypatch):
    monkeypatch.setenv("HEADWATER_STAGE", stage)
    with pytest.raises(dg.RetryRequested) as caught, failures_explained():
        raise DayIncomplete("not yet")
    assert (caught.value.max_retries, caught.value.seconds_to_wait) == (RETRIES[stage].times, RETRIES[stage].seconds)
    assert str(caught.value.__cause__) == "not yet"


def test_prod_retries_like_the_old_dags():
    assert (RETRIES["prod"].times, RETRIES["prod"].seconds) == (5, 300)


def test_permanent_errors_are_not(monkeypatch):
    monkeypatch.setenv("HEADWATER_STAGE", "prod")
    with pytest.raises(dg.Failure) as caught, failures_explained():
        raise DayMissing("Materialize it.")
    assert caught.value.description == "Materialize it.\nMore: docs/troubleshooting.md#daymissing"
    assert not caught.value.allow_retries


def test_every_error_has_its_section_in_the_docs():
    """Anchors as renderers of Markdown make them: the heading in lower case."""
    page = (Path(__file__).parents[2] / "docs/troubleshooting.md").read_text()
    headings = re.findall(r"^### (\w+)$", page, re.MULTILINE)
    kinds = [*TransientError.__subclasses__(), *PermanentError.__subclasses__()]
    assert sorted(headings) == sorted(kind.__name__ for kind in kinds if kind.__module__ == "core.errors")


@pytest.mark.parametrize(
    "error",
    [PermanentError("a"), TransientError("a"), Unproved("rows", "a"), WrongSrid("a"), WrongKey("a"), DayMissing("a")],
    ids=lambda error: type(error).__name__,
)
def test_what_a_failure_links_to_is_there(error):
    page = (Path(__file__).parents[2] / "docs/troubleshooting.md").read_text()
    anchors = {heading.lower().replace(" ", "-") for heading in re.findall(r"^#{2,3} (.+)$", page, re.MULTILINE)}
    assert failure_of(error).description.split("troubleshooting.md#")[1] in anchors


def test_bugs_pass_as_they_are():
    with pytest.raises(ZeroDivisionError), failures_explained():
        raise ZeroDivisionError


def test_a_run_retries_a_transient_failure_of_the_node(node_uri, tmp_path, monkeypatch):
    """In a stage that retries, a day that is complete only at the second look goes through."""
    from resources import retries
    from resources.retries import Retries
    from tests.conftest import SAMPLE_DAYS
    from tests.standins.runs import Graph

    monkeypatch.setitem(retries.RETRIES, "local", Retries(1, 0))
    looks = iter([DayIncomplete("not final yet")])
    from assets.ethereum.extract import exports

    real = exports.block_range

    def impatient(*arguments):
        for error in looks:
            raise error
        return real(*arguments)

    monkeypatch.setattr(exports, "block_range", impatient)
    result = Graph(tmp_path, node_uri).run('key:"lake/ethereum/blocks"', SAMPLE_DAYS[0])
    assert result.filter_events(lambda event: event.event_type_value == "STEP_UP_FOR_RETRY")
