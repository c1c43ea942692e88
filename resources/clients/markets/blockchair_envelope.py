"""The envelope of Blockchair's answers: what it says of itself, read once and within bounds."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

from core.errors import InvalidAnswer
from core.plain import one_line
from resources.clients.http.api import Answer

# What an answer says of its own price is believed up to this: no request of ours takes a hundredth of it.
MOST_UNITS = 10_000
MOST_WORDS, MOST_DIGITS = 200, 80


@dataclass(frozen=True)
class Page:
    """Rows of one answer, with how many the query matches and the chain's newest block; 0 where these are not told."""

    rows: Any
    total: int
    state: int


@dataclass(frozen=True)
class Envelope:
    """An answer's ``data`` and ``context``.

    ``code``: the answer's own, beside the status; None without one. ``words``: what it says went wrong.
    ``cost``: the request units that it says it took; None when it does not say, or not sensibly.
    """

    data: Any
    context: Mapping[str, Any]

    @classmethod
    def of(cls, answer: Answer) -> Self:
        document = answer.document if isinstance(answer.document, dict) else {}
        context = document.get("context")
        return cls(document.get("data"), context if isinstance(context, dict) else {})

    @property
    def code(self) -> int | None:
        return _number(self.context.get("code"))

    @property
    def words(self) -> str:
        return one_line(self.context.get("error") or "", MOST_WORDS)

    @property
    def cost(self) -> Decimal | None:
        value = self.context.get("request_cost")
        if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)) or len(str(value)) > MOST_DIGITS:
            return None
        try:
            told = Decimal(value)
        except ArithmeticError:
            return None
        return told if told.is_finite() and 0 <= told <= MOST_UNITS else None

    def page(self, address: str, holds: type, *, counted: bool) -> Page:
        """The rows, if ``data`` is of the kind wanted: a list of objects, or one object.

        counted: they are a part of more, and of no use without what tells of how much, and up to which block.

        Raises:
            InvalidAnswer: when it is not, or that is not told.
        """
        kinds = sorted(
            {type(row).__name__ for row in self.data if not isinstance(row, dict)}
            if holds is list and isinstance(self.data, list)
            else ()
        )
        if not isinstance(self.data, holds) or kinds:
            held = f"list of {', '.join(kinds)}" if kinds else type(self.data).__name__
            raise InvalidAnswer(
                f"Blockchair: `data` of {address} is a {held}, not a {holds.__name__}{' of rows' if kinds else ''}. "
                "Update the client."
            )
        told = {name: _number(self.context.get(name)) for name in ("total_rows", "state")}
        if counted and (untold := [name for name, number in told.items() if number is None]):
            raise InvalidAnswer(
                f"Blockchair: the context of {address} tells no {' and no '.join(untold)}, so that nothing shows "
                "whether all of it came. Nothing was written; run again, and if it stays so, update the client."
            )
        return Page(self.data, told["total_rows"] or 0, told["state"] or 0)


def _number(value: Any) -> int | None:
    """A whole number of the envelope; None when it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, str)) or len(str(value)) > MOST_DIGITS:
        return None
    try:
        return int(value)
    except ValueError:
        return None
