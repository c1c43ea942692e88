"""Calls, and what comes of an answer to some of them: a value each, or why there is none."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import pyarrow as pa

from core.errors import InvalidAnswer
from core.plain import one_line
from resources.clients.ethereum.endpoints import Answer, Response
from resources.clients.ethereum.refusals import QUOTED, Kind, Refusal, classify

T = TypeVar("T")
# Makes values of all results of an answer at once, given what each call was about. A Refusal stands in the place of a
# result that is not what was asked for; one that is raised may be any result's, so the answer is then taken apart.
ReadTogether = Callable[[Sequence[Any], Answer], Sequence[T | Refusal]]


@dataclass(frozen=True)
class Call:
    """One call.

    read: makes a value of the result's JSON, or raises Refusal when it is not what was asked for.
    about: what the call asks for, for those who read results together.
    accept_null: null is an answer, and not what a node sends for what it does not have yet.
    accept_error: returns what an error object means for this call, or None to treat it as a failure.
    meaning: what a refusal amounts to for this call, where its method tells more than the words.
    may_fail_alone: a failure of this call again and again, while the node answers others, is its answer: null.
    """

    method: str
    params: Sequence[Any]
    read: Callable[[msgspec.Raw], Any] = msgspec.json.decode
    accept_null: bool = False
    accept_error: Callable[[dict[str, Any]], tuple[Any] | None] = field(default=lambda error: None)
    meaning: Callable[[Refusal], Refusal] = field(default=lambda refusal: refusal)
    may_fail_alone: bool = False
    about: Any = None

    def __str__(self) -> str:
        return f"{self.method}({', '.join(str(param)[:80] for param in self.params)})"


def outcomes_of(calls: Sequence[Call], answer: Answer, read: ReadTogether[Any] | None) -> list[Any | Refusal]:
    """For each call its value, or why there is none."""
    if read:
        try:
            with answer_at_fault():
                return list(read([call.about for call in calls], answer))
        except Refusal:
            pass  # some call's result is at fault, or their order: taken apart, it is seen which
    outcomes: list[Any] = [
        _result(call, response, as_it_came=read is not None)
        for call, response in zip(calls, answer.responses(), strict=True)
    ]
    usable = [at for at, outcome in enumerate(outcomes) if not isinstance(outcome, Refusal)]
    if read and usable:
        values = _together(read, [calls[at].about for at in usable], [outcomes[at] for at in usable])
        for at, value in zip(usable, values, strict=True):
            outcomes[at] = value
    return outcomes


def _together(read: ReadTogether[T], about: Sequence[Any], raws: Sequence[msgspec.Raw]) -> list[T | Refusal]:
    try:
        with answer_at_fault():
            return list(read(about, Answer.of(raws)))
    except Refusal as refusal:
        if len(raws) == 1:
            return [refusal]
    apart: list[T | Refusal] = []
    for one, raw in zip(about, raws, strict=True):
        apart += _together(read, [one], [raw])
    return apart


def _result(call: Call, response: Response, *, as_it_came: bool) -> Any | Refusal:
    if response.error is not None:
        meaning = call.accept_error(response.error) if isinstance(response.error, dict) else None
        return classify(response.error) if meaning is None else meaning[0]
    if response.is_null:
        return None if call.accept_null else Refusal(Kind.BEHIND, "the answer is null")
    try:
        with answer_at_fault():
            return response.result if as_it_came else call.read(response.result)
    except Refusal as refusal:
        return refusal


# What reading a text ends with when the text is of another shape than it should be.
_OTHER_SHAPE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    msgspec.MsgspecError,
    pa.ArrowException,
)


@contextmanager
def answer_at_fault() -> Iterator[None]:
    """Says of what goes wrong while a node's answer is read that the answer is at fault: another endpoint is asked.

    Raises:
        Refusal: in place of every such error.
    """
    try:
        yield
    except InvalidAnswer as error:
        raise Refusal(Kind.UNFIT, str(error)) from error
    except _OTHER_SHAPE as error:
        raise Refusal(Kind.BROKEN, f"{type(error).__name__}: {one_line(error, QUOTED)}") from error
