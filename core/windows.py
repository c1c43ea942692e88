"""UTC days. A day is half-open, [00:00, 24:00); no other module computes a day's edges."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

ONE_DAY = timedelta(days=1)
SECONDS_OF_DAY = 86_400


def parse_day(key: str) -> date:
    """The day of a partition key, ``YYYY-MM-DD``."""
    return date.fromisoformat(key)


def start_of(day: date) -> int:
    """Unix seconds of the day's first instant."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def end_of(day: date) -> int:
    """Unix seconds of the first instant after the day."""
    return start_of(day + ONE_DAY)


def day_of(timestamp: int) -> date:
    """The UTC day that a Unix time, in seconds, belongs to."""
    return datetime.fromtimestamp(timestamp, tz=UTC).date()


def dates_of(timestamps: pa.Array) -> pa.Date32Array:
    """The UTC days of many Unix times, in seconds, at once."""
    days = timestamps.to_numpy(zero_copy_only=False) // SECONDS_OF_DAY  # a UTC day has no leap second in Unix time
    return pa.array(days, pa.int32()).cast(pa.date32())


@dataclass(frozen=True)
class DayWindow:
    """The days from ``first`` to ``last``, both included."""

    first: date
    last: date

    def __post_init__(self):
        if self.last < self.first:
            raise ValueError(f"a window of days cannot end ({self.last}) before it starts ({self.first})")

    def __iter__(self) -> Iterator[date]:
        day = self.first
        while day <= self.last:
            yield day
            day += ONE_DAY

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"


def windows(days: Iterable[date]) -> list[DayWindow]:
    """The fewest windows that cover exactly ``days``."""
    found: list[DayWindow] = []
    for day in sorted(set(days)):
        if found and found[-1].last + ONE_DAY == day:
            found[-1] = DayWindow(found[-1].first, day)
        else:
            found.append(DayWindow(day, day))
    return found
