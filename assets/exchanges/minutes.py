"""Every minute of a symbol's day, explained by one of seven words, and the gaps that the missing ones make.

What is known decides, in this order: a bar is there; the second vendor has it; the bar lies off the minute; the symbol
did not trade yet, or no more; nobody looked twice; the exchange sends nothing for a minute without a trade; and what
is left, looked for twice and found nowhere, was an outage.
"""

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from resources.clients.exchanges.bars import DAY_MS, MINUTE_MS, MINUTES
from resources.clients.exchanges.columns import NONE, Bars
from resources.clients.exchanges.profiles import EmptyMinute

Status = Literal["traded", "no_trade", "outage", "unavailable", "before_listing", "after_delisting", "revised"]
GapClass = Literal["source_gap", "unfetched", "no_trade", "before_listing", "after_delisting", "off_grid"]
Explanation = tuple[GapClass, Status, str]
STATUSES, GAP_CLASSES = get_args(Status), get_args(GapClass)
# As wide as the longest of them.
_TRADED, _QUIET, _REVISED = np.array(["traded", "no_trade", "revised"])
# Missing minutes of these are explained by the exchange itself, and complete a day.
KNOWN: Set[str] = {"source_gap", "no_trade", "before_listing", "after_delisting", "off_grid"}
# With fewer others than this, their silence says nothing about the exchange.
NEIGHBOURS = 3


@dataclass(frozen=True)
class SymbolFacts:
    """What is known of a symbol's day beside its bars.

    confirmed: a second look found no more. listed_ms, delisted_ms: it trades from and until then; None when unknown.
    other_vendor: minutes of which the second vendor has a bar. revised: minutes whose bar was another one once.
    """

    confirmed: bool = False
    listed_ms: int | None = None
    delisted_ms: int | None = None
    other_vendor: Set[int] = frozenset()
    revised: Set[int] = frozenset()


@dataclass(frozen=True)
class Gap:
    """A run of missing minutes of one class. first_ms, last_ms: open times of the first and the last one."""

    first_ms: int
    last_ms: int
    gap_class: GapClass
    status: Status
    reason: str

    @property
    def minutes(self) -> int:
        return (self.last_ms - self.first_ms) // MINUTE_MS + 1


@dataclass(frozen=True)
class DayAccount:
    """A symbol's day: how many minutes have each status, which sum up to 1,440, and the gaps."""

    minutes: Mapping[Status, int]
    gaps: tuple[Gap, ...]
    off_grid: int = 0
    present: int = 0

    @property
    def unfetched(self) -> int:
        """The minutes that are missing for no known reason."""
        return sum(gap.minutes for gap in self.gaps if gap.gap_class not in KNOWN)

    @property
    def completeness(self) -> float:
        """The share of minutes that are there, or missing for a known reason."""
        return 1 - self.unfetched / MINUTES


@dataclass(frozen=True)
class Neighbours:
    """The other symbols of the same exchange: how many of them have a bar of a minute."""

    present: Mapping[int, int] = field(default_factory=dict)
    symbols: int = 0

    @staticmethod
    def of(days: Iterable[Bars]) -> "Neighbours":
        """Of all symbols' bars. A symbol that lacks a minute itself does not count there, so one serves all; one
        without any bar that day says nothing of the exchange."""
        found = [np.unique(bars.minutes) for bars in days if len(bars)]
        minutes, counts = np.unique(np.concatenate([NONE.minutes, *found]), return_counts=True)
        return Neighbours(dict(zip(minutes.tolist(), counts.tolist(), strict=True)), len(found))

    def silent(self, minute: int) -> bool:
        """Whether nobody has the minute, where there are enough others to tell."""
        return self.symbols > NEIGHBOURS and not self.present.get(minute)


def account(
    start_ms: int, bars: Bars, facts: SymbolFacts, empty_minute: EmptyMinute, neighbours: Neighbours
) -> DayAccount:
    """The day from ``start_ms`` on. bars: those on the minute are there, the others explain the minute they lie in."""
    of_day = (bars.times >= start_ms) & (bars.times < start_ms + DAY_MS)
    there = bars.where(bars.on_grid & of_day)
    statuses = statuses_of(there, facts.revised)
    counts: dict[Status, int] = {status: int((statuses == status).sum()) for status in STATUSES}
    missing = np.ones(MINUTES, dtype=np.bool_)
    missing[(there.times - start_ms) // MINUTE_MS] = False
    off_grid = bars.minutes[~bars.on_grid]
    explain = _explainer(facts, empty_minute, neighbours, set(off_grid.tolist()))
    explained = [(minute, explain(minute)) for minute in (start_ms + np.flatnonzero(missing) * MINUTE_MS).tolist()]
    for _, (_, status, _) in explained:
        counts[status] += 1
    return DayAccount(counts, tuple(_gaps(explained)), len(off_grid), MINUTES - len(explained))


def statuses_of(bars: Bars, revised: Set[int]) -> npt.NDArray[np.str_]:
    """What the minutes of bars count as."""
    found = np.where(bars.traded, _TRADED, _QUIET)
    return np.where(np.isin(bars.times, list(revised)), _REVISED, found) if revised else found


def _explainer(
    facts: SymbolFacts, empty_minute: EmptyMinute, neighbours: Neighbours, off_grid: Set[int]
) -> Callable[[int], Explanation]:
    kind: GapClass = "source_gap" if facts.confirmed else "unfetched"
    quiet: Explanation = ("no_trade", "no_trade", "the exchange sends no bar for a minute without a trade")
    others = "this symbol lacks it, others of the exchange do not"
    few = "found at neither look, and too few other symbols have bars to tell more"
    alone: Explanation = ("source_gap", "outage", others if neighbours.symbols > NEIGHBOURS else few)
    listed_ms, delisted_ms = facts.listed_ms or 0, facts.delisted_ms
    # What holds first explains the minute.
    rules: tuple[tuple[Callable[[int], bool], Explanation], ...] = (
        (facts.other_vendor.__contains__, (kind, "unavailable", "the second vendor has it")),
        (off_grid.__contains__, ("off_grid", "unavailable", "its bar opens off the minute")),
        (
            lambda minute: minute + MINUTE_MS <= listed_ms,
            ("before_listing", "before_listing", "the symbol was not listed yet"),
        ),
        (
            lambda minute: delisted_ms is not None and minute >= delisted_ms,
            ("after_delisting", "after_delisting", "the symbol does not trade any more"),
        ),
        (lambda _: not facts.confirmed, ("unfetched", "unavailable", "it was not asked for twice")),
        (neighbours.silent, ("source_gap", "outage", "no symbol of the exchange has it")),
    )

    def explain(minute: int) -> Explanation:
        holds = (explanation for rule, explanation in rules if rule(minute))
        return next(holds, quiet if empty_minute == "absent" else alone)

    return explain


def _gaps(explained: list[tuple[int, Explanation]]) -> Iterable[Gap]:
    # Runs of one explanation have one difference between place and minute.
    numbered = [(minute - at * MINUTE_MS, minute, why) for at, (minute, why) in enumerate(explained)]
    for (_, why), run in groupby(numbered, key=lambda item: (item[0], item[2])):
        minutes = [minute for _, minute, _ in run]
        yield Gap(minutes[0], minutes[-1], *why)


def floored(bars: Bars) -> tuple[Bars, int]:
    """Bars with those off the minute moved to it, and how many were. A minute that has a bar already keeps it, and
    the other one stays where it is."""
    rows = bars.in_order()
    times, taken, moved = rows.times.copy(), set(rows.times[rows.on_grid].tolist()), 0
    for place in np.flatnonzero(~rows.on_grid):
        minute = int(rows.minutes[place])
        if minute not in taken:
            taken.add(minute)
            times[place], moved = minute, moved + 1
    return rows.opening(times).in_order() if moved else rows, moved
