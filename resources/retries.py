"""Which failures a run tries again, in one place: transient ones, as often as the stage allows."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg

from core.errors import HeadwaterError, PermanentError, TransientError
from core.settings.stage import StageName, stage_from


@dataclass(frozen=True)
class Retries:
    """How often a step is tried again, and after how many seconds."""

    times: int
    seconds: float


# The old DAGs tried 5 times, 5 minutes apart. On a laptop the person at it decides.
RETRIES = {
    "local": Retries(0, 0),
    "test": Retries(1, 5),
    "preprod": Retries(5, 300),
    "prod": Retries(5, 300),
}
# The sections of errors that are of no kind below their branch.
SECTIONS = {"TransientError": "trying-again-helps", "PermanentError": "somebody-has-to-change-something"}


@contextmanager
def failures_explained(stage: StageName | None = None, by_stage: Mapping[str, Retries] = RETRIES) -> Iterator[None]:
    """Turns our errors into Dagster's: a retry for a transient one, a failure without retry for a permanent one.

    Anything else is a bug and passes as it is. stage: the one whose retries count, if not the one in force.
    by_stage: a room's own, where its old system had others.
    """
    try:
        yield
    except TransientError as error:
        retries = by_stage[stage or stage_from()]
        if retries.times == 0:
            raise failure_of(error) from error
        raise dg.RetryRequested(max_retries=retries.times, seconds_to_wait=retries.seconds) from error
    except PermanentError as error:
        raise failure_of(error) from error


def failure_of(error: HeadwaterError) -> dg.Failure:
    """What the UI shows of a step that is not tried again: the error's sentence, and where more is said about it."""
    kinds = type(error).__mro__  # a client's own kinds of an error have its section
    kind = next(kind.__name__ for kind in kinds if kind.__module__ == HeadwaterError.__module__)
    description = f"{error}\nMore: docs/troubleshooting.md#{SECTIONS.get(kind, kind.lower())}"
    return dg.Failure(description=description, allow_retries=False)


def sentence_of(error: Any) -> Any:
    """Of Dagster's record of an error and its causes the one on purpose, which says what to do; else the first cause.

    Below it is what the machine or a library said.
    """
    first, on_purpose = error, {kind.__name__ for kind in _kinds(HeadwaterError)}
    while error:
        if error.cls_name in on_purpose:
            return error
        first, error = error, error.cause
    return first


def _kinds(kind: type[HeadwaterError]) -> Iterator[type[HeadwaterError]]:
    """A kind of error and all below it, clients' own among them."""
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)
