"""Series as they are published: sampled, with Unix seconds of midnights, or moments, as text keys."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TypeVar

from core.windows import start_of

Value = TypeVar("Value")


def every_nth(values: Sequence[Value], n: int) -> list[Value]:
    """Every n-th value from the first on, and the last one."""
    last = len(values) - 1
    return [value for at, value in enumerate(values) if at % n == 0 or at == last]


def by_midnight(values: Mapping[date, Value], n: int = 1) -> dict[str, Value]:
    """Values of days, sampled, by the Unix time of the midnight that begins the day, ascending."""
    return {str(start_of(day)): values[day] for day in every_nth(sorted(values), n)}


def by_moment(values: Mapping[int, Value], n: int = 1) -> dict[str, Value]:
    """Values of moments or heights, sampled, ascending."""
    return {str(at): values[at] for at in every_nth(sorted(values), n)}
