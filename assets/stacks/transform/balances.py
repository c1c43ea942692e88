"""Balances as they are published, and what is said of their distribution."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from statistics import median

USTX = 10**6
LEAST, WIDTH, MOST = 10_000, 500, 10_000_000
LARGE = 100_000


def stx(ustx: int) -> float:
    """STX of µSTX, as a double: divided once, at the very end."""
    return int(ustx) / USTX


def bin_of(ustx: int) -> int:
    """The upper edge, in STX, of the bin that a balance of 10,000 STX or more falls into; the last bin has no end."""
    return min(LEAST + WIDTH * ((int(ustx) - LEAST * USTX) // (WIDTH * USTX) + 1), MOST)


def histogram(balances: Sequence[int]) -> dict[str, int]:
    """Balances, µSTX, counted by bin; bins without any are left out."""
    counted = Counter(bin_of(balance) for balance in balances)
    return {str(edge): counted[edge] for edge in sorted(counted)}


def raw_balances(balances: Sequence[int], nonzero: int) -> dict[str, object]:
    """The object of large balances, descending, STX."""
    return {"whale_balances": [stx(balance) for balance in sorted(balances, reverse=True)], "nonzero_bals": nonzero}


def gini(balances: Sequence[float]) -> float | None:
    """0 when all have the same, towards 1 when one has everything; None of nobody."""
    values = sorted(balance + 1e-7 for balance in balances)
    count = len(values)
    if not count:
        return None
    return sum((2 * at - count - 1) * value for at, value in enumerate(values, 1)) / (count * sum(values))


def distribution(balances: Sequence[float]) -> dict[str, float | None]:
    """What the spot figures say of large balances, STX: null of nobody."""
    if not balances:
        return {"gini_coefficient": None, "median_balance": None, "whale_percent": None}
    values = sorted(balances)
    share = 100 * (len(values) - bisect_left(values, LARGE)) / len(values)
    return {
        "gini_coefficient": round(gini(values) or 0.0, 2),
        "median_balance": median(values),
        "whale_percent": share,
    }
