"""Prices: of CoinGecko's series, and at a moment."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.errors import InvalidAnswer
from core.plain import one_line
from resources.clients.stacks.answers import decimal, moment

# A price older than this, in seconds, is no price.
OLDEST = 2 * 3_600


@dataclass
class Prices:
    """A symbol's prices, USD by Unix seconds. ``unknown``: the moments asked for that have none."""

    known: Mapping[int, float]
    unknown: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._moments = sorted(self.known)

    def at(self, moment: int) -> float | None:
        """The last price not after a moment and at most two hours old; None, and noted, when there is none."""
        place = bisect_right(self._moments, moment) - 1
        if place >= 0 and moment - self._moments[place] <= OLDEST:
            return self.known[self._moments[place]]
        self.unknown.append(moment)
        return None


def series(document: Any, name: str) -> dict[int, float]:
    """A list of [Unix milliseconds, value] as values by Unix seconds; points without a value are left out.

    Raises:
        InvalidAnswer: when it is not such a list, or empty.
    """
    points = document.get(name) if isinstance(document, dict) else None
    if not isinstance(points, list) or not points or not all(isinstance(one, list) and len(one) == 2 for one in points):
        raise InvalidAnswer(
            f"CoinGecko: {name} is no list of moments and values: {one_line(points, 120)}. Fetch it again."
        )
    found = {}
    for at, value in points:
        if value is not None:
            whole_at = int(at) if isinstance(at, float) and at.is_integer() else at
            seconds = moment(whole_at, f"CoinGecko's moment in {name}", per_second=1000)
            found[seconds] = decimal(value, f"CoinGecko's value in {name}")
            if found[seconds] < 0:
                raise InvalidAnswer(f"CoinGecko: {name} at {seconds} is {found[seconds]}, below zero. Fetch it again.")
    return found
