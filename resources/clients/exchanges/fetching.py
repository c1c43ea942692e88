"""A symbol's day, page by page, each page closed at both ends, and a second look wherever a minute is missing.

Exchanges differ at the edges of a page: some include its ends and some do not, some send a row less than they say,
some the last rows instead of the first. So an answer counts for nothing but the rows in it: both its ends are asked
again until nothing new comes, and minutes missing after that are looked for once more with pages that lie otherwise.
"""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.errors import InvalidAnswer
from resources.clients.exchanges.bars import DAY_MS, MINUTE_MS, MINUTES
from resources.clients.exchanges.columns import NONE, Bars, distinct

PAGE = 1000
# An answer that grows the day by one row at a time would never end.
MOST_REQUESTS = 64
# Minutes that the second look goes beyond the day, so that the day's own edges lie inside its pages.
BEYOND = 30
OffGrid = Literal["leave", "floor"]

# first open time, last open time (both included), most rows -> rows
Ask = Callable[[int, int, int], Bars]


@dataclass
class Fetched:
    """What one symbol's day gave.

    bars: by open time, each once; those off the minute grid as well. confirmed: a second look found no more.
    unfinished_dropped: bars whose minute was not over. outside: rows beyond what was asked, which were not taken.
    """

    bars: Bars = NONE
    confirmed: bool = False
    repeated: int = 0
    outside: int = 0
    unfinished_dropped: int = 0
    requests: int = 0


def fetch_day(ask: Ask, start_ms: int, now_ms: int, page: int = PAGE, subject: str = "exchange") -> Fetched:
    """All bars of [start_ms, start_ms + 24 h) that were over at ``now_ms``.

    page: most rows of an answer. subject: system and symbol, for messages.

    Raises:
        InvalidAnswer: when two bars of one open time differ, or an answer has no end.
        ValueError: when the day does not begin on a minute; and what ``ask`` raises.
    """
    if start_ms % MINUTE_MS:
        raise ValueError(f"{subject}: a day cannot begin at {start_ms}, which is off the minute")
    look = _Look(ask, page, subject)
    end_ms = min(start_ms + DAY_MS, now_ms - now_ms % MINUTE_MS)
    whole = end_ms == start_ms + DAY_MS
    for first in range(start_ms, start_ms + DAY_MS, page * MINUTE_MS):
        look.closed(first, min(first + page * MINUTE_MS, start_ms + DAY_MS) - 1)
    if _minutes(look.bars, start_ms, end_ms) < (end_ms - start_ms) // MINUTE_MS:
        look.again(start_ms, start_ms + DAY_MS)
    bars = Bars.joined(look.bars)
    bars = bars.where((bars.times >= start_ms) & (bars.times < start_ms + DAY_MS))
    # One that is not over changes from answer to answer: it goes before those of one minute are compared.
    over = bars.times + MINUTE_MS <= now_ms
    unfinished = len(np.unique(bars.times[~over]))
    found, repeated = distinct(bars.where(over), subject)
    return Fetched(found, whole, repeated, look.outside, unfinished, look.requests)


def _minutes(parts: Iterable[Bars], start_ms: int, end_ms: int) -> int:
    """How many minutes of the day are there, of those that are over."""
    there = np.zeros(MINUTES, dtype=np.bool_)
    for part in parts:
        times = part.times[part.on_grid & (part.times >= start_ms) & (part.times < end_ms)]
        there[(times - start_ms) // MINUTE_MS] = True
    return int(there.sum())


class _Look:
    def __init__(self, ask: Ask, page: int, subject: str):
        self._ask, self._page, self._subject = ask, page, subject
        self.bars: list[Bars] = []
        self.requests = self.outside = 0

    def closed(self, first: int, last: int) -> None:
        """All rows that open from ``first`` to ``last``, both in milliseconds and included."""
        found = self._rows(first, last)
        if not found:
            return
        head, tail = min(found), max(found)
        # Behind the last row, until nothing comes: an answer may be one row short, or be cut by its own limit.
        while tail + MINUTE_MS <= last:
            rows = self._rows(tail + 1 if tail % MINUTE_MS else tail + MINUTE_MS, last)
            if not rows:
                break
            tail = max(rows)
        while head - MINUTE_MS >= first:
            rows = self._rows(first, head - 1)
            if not rows:
                break
            head = min(rows)

    def again(self, start_ms: int, end_ms: int) -> None:
        """The day once more, with pages half a page away from the first ones and edges beyond the day's."""
        first, step = start_ms - BEYOND * MINUTE_MS, self._page * MINUTE_MS
        edges = [first, *range(first + max(MINUTE_MS, step // 2 // MINUTE_MS * MINUTE_MS), end_ms + step, step)]
        for left, right in itertools.pairwise(edges):
            if left < end_ms:
                self.closed(left, min(right, end_ms + BEYOND * MINUTE_MS) - 1)

    def _rows(self, first: int, last: int) -> list[int]:
        """Ask once; the first and last open time of the rows that were taken, nothing without any."""
        if self.requests >= MOST_REQUESTS + MINUTES * 4 // self._page:
            raise InvalidAnswer(
                f"{self._subject}: {self.requests} answers did not make up one day. Its pages do not follow from each "
                "other; nothing of this symbol was stored."
            )
        self.requests += 1
        rows = self._ask(first, last, self._page)
        taken = rows.where((rows.times >= first) & (rows.times <= last))
        self.outside += len(rows) - len(taken)
        self.bars.append(taken)
        return [int(taken.times.min()), int(taken.times.max())] if len(taken) else []
