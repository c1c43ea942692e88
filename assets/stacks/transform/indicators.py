"""Indicators of a daily series of price, capitalisation and volume. What is undefined is None."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from core.errors import InvalidAnswer

WINDOW, CLASSIC = 7, 28
Values = list[float | None]
COLUMNS = ("%_change", "rsi", "standard_deviation", "rvi", "rsi_change", "rvi_change", "7dayEMA", "nvt", "nvt_classic")
FLAT = ("rsi", "rvi")


@dataclass(frozen=True)
class Day:
    """A point of the series. ``at``: Unix seconds; money in USD, the price rounded to three decimals."""

    at: int
    price: float
    cap: float
    volume: float


def joined(prices: dict[int, float], caps: dict[int, float], volumes: dict[int, float]) -> list[Day]:
    """The moments that all three series have, each by its own time.

    Raises:
        InvalidAnswer: when fewer than 28 are left: the longest average would have no value; or a price is 0.
    """
    days = [
        Day(at, round(prices[at], 3), caps[at], volumes[at]) for at in sorted(set(prices) & set(caps) & set(volumes))
    ]
    if len(days) < CLASSIC:
        raise InvalidAnswer(
            f"CoinGecko: prices, capitalisations and volumes have {len(days)} moments in common, and indicators need "
            f"{CLASSIC}. Fetch raw/stacks/market_series again."
        )
    if worthless := [day.at for day in days if day.price <= 0]:
        raise InvalidAnswer(
            f"CoinGecko: the price at {worthless[0]} is 0 by three decimals, and no change can be told from it. Fetch "
            "raw/stacks/market_series again."
        )
    return days


def indicators(days: Sequence[Day]) -> dict[str, Values]:
    """Each indicator's values, one a day, None where there is none yet or the window is flat."""
    prices = [day.price for day in days]
    changes = [0.0] + [(now / before - 1) * 100 for before, now in pairwise(prices)]
    moves = [0.0] + [now - before for before, now in pairwise(prices)]
    deviation = _deviations(prices)
    rsi = _strength([max(move, 0.0) for move in moves], [max(-move, 0.0) for move in moves], 1)
    before = [0.0, *deviation[:-1]]
    up = [was if move > 0 else 0.0 for was, move in zip(before, moves, strict=True)]
    down = [was if move < 0 else 0.0 for was, move in zip(before, moves, strict=True)]
    rvi = _strength(up, down, WINDOW)
    # A day without any volume has no ratio.
    nvt: Values = [round(day.cap / day.volume, 3) if round(day.volume, 3) else None for day in days]
    computed: list[Values] = [
        list(changes),
        rsi,
        list(deviation),
        rvi,
        _differences(rsi, WINDOW),
        _differences(rvi, 2 * WINDOW - 1),
        list(_moving(prices)),
        nvt,
        _means(nvt),
    ]
    return dict(zip(COLUMNS, computed, strict=True))


def _wilder(values: Sequence[float], start: int) -> dict[int, float]:
    """Wilder's average from ``start`` on, by place: first a mean, then six parts of the old and one of the new."""
    first = start + WINDOW - 1
    found = {first: sum(values[start : first + 1]) / WINDOW}
    for at in range(first + 1, len(values)):
        found[at] = ((WINDOW - 1) * found[at - 1] + values[at]) / WINDOW
    return found


def _strength(up: Sequence[float], down: Sequence[float], start: int) -> Values:
    """How much of what moved went up, in percent."""
    ups, downs = _wilder(up, start), _wilder(down, start)
    values: Values = [None] * len(up)
    for at, gained in ups.items():
        both = gained + downs[at]
        values[at] = round(100 * gained / both, 3) if both else None
    return values


def _deviations(prices: Sequence[float]) -> list[float]:
    """Population deviation of the last seven logarithmic returns; 0 before there are seven."""
    returns = [0.0] + [math.log(now / before) for before, now in pairwise(prices)]
    found = [0.0] * len(prices)
    for at in range(WINDOW, len(prices)):
        window = returns[at - WINDOW + 1 : at + 1]
        mean = sum(window) / WINDOW
        found[at] = math.sqrt(sum((value - mean) ** 2 for value in window) / WINDOW)
    return found


def _differences(values: Values, first: int) -> Values:
    """From one value to the next; at the first one, itself."""
    found: Values = [None] * len(values)
    for at in range(first, len(values)):
        now, before = values[at], 0.0 if at == first else values[at - 1]
        found[at] = now - before if now is not None and before is not None else None
    return found


def _moving(prices: Sequence[float]) -> list[float]:
    """The seven days' exponential average, rounded after the recursion."""
    average, found = prices[0], []
    for price in prices:
        average = 0.25 * price + 0.75 * average
        found.append(round(average, 3))
    return found


def _means(nvt: Values) -> Values:
    """The mean of the last 28 rounded ratios."""
    found: Values = [None] * len(nvt)
    for at in range(CLASSIC - 1, len(nvt)):
        window = [value for value in nvt[at - CLASSIC + 1 : at + 1] if value is not None]
        if len(window) == CLASSIC:
            found[at] = round(sum(window) / CLASSIC, 3)
    return found
