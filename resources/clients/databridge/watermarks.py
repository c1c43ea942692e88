"""The column that says how far a table was read: its values, how high they go, and from where on the next run reads."""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from resources.clients.databridge.records import TIME_ZONE
from resources.clients.databridge.schema import MOMENTS, WHOLE
from resources.clients.databridge.source import Since

Mark = int | datetime
NUMBERS, ZONED, DAY = (*WHOLE, "numeric"), "timestamp with time zone", "date"
KINDS = (*NUMBERS, ZONED, DAY, *MOMENTS)
_NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,20})?")
# A clock on a wall goes back by an hour in autumn, and says the same moments twice.
_BACK = timedelta(hours=1)


@dataclass(frozen=True)
class Watermark:
    """A column, and its type in the source."""

    column: str
    kind: str

    def parse(self, text: str) -> Mark | None:
        """The value of a cell; None for what is none that another could exceed, as infinity."""
        if self.kind in NUMBERS:
            return math.floor(Decimal(text)) if _NUMBER.fullmatch(text) else None
        try:
            moment = datetime.fromisoformat(text)
            # A column without an offset is the source's clock on the wall; the cell's offset was added here.
            return moment.astimezone(UTC) if self.kind == ZONED else moment.replace(tzinfo=None)
        except (ValueError, OverflowError):
            return None

    def lowest(self) -> Since:
        """All rows, by a value of the column's type."""
        first = datetime(1900, 1, 1, tzinfo=UTC if self.kind == ZONED else None)
        return Since(self.column, 0 if self.kind in NUMBERS else first.date() if self.kind == DAY else first)

    def capped(self, mark: Mark, now: datetime) -> Mark:
        """The value, or now: a row of the year 2099 hides none that changes before."""
        if isinstance(mark, int):
            return mark
        return min(mark, now.astimezone(UTC) if self.kind == ZONED else now.astimezone(TIME_ZONE).replace(tzinfo=None))

    def since(self, mark: Mark, overlap: int) -> Since | None:
        """The rows to read when all up to the value were read. overlap: in seconds, or units of a number.

        None where the calendar begins later.
        """
        if isinstance(mark, int):
            return Since(self.column, mark - overlap)
        back = timedelta(seconds=overlap) + (_BACK if self.kind in MOMENTS else timedelta())
        try:
            least = (mark - back).replace(microsecond=0)
        except OverflowError:
            return None
        return Since(self.column, least.date() if self.kind == DAY else least)


def higher(one: Mark | None, other: Mark | None) -> Mark | None:
    """The higher of two values of one column."""
    if one is None or other is None:
        return one if other is None else other
    return max(one, other)
