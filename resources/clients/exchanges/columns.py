"""Bars of one symbol as columns: read from rows of text, put in order, compared and hashed without an object for each.

A day makes 1,440 bars of each symbol; as objects they take four times as long. Nothing is rounded on the way: prices go
from the text that the vendor sends to decimals.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from operator import attrgetter, itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import InvalidAnswer
from resources.clients.exchanges.bars import DECIMALS, FIRST_MS, LAST_MS, MINUTE_MS, MOST_TRADES, Bar, bar_of_row

Mask = npt.NDArray[np.bool_]
PRICE = pa.decimal128(38, DECIMALS)
KNOWN = pa.timestamp("us", tz="UTC")
PRICES = ("open", "high", "low", "close")
# What two vendors or two fetches have to agree on: all but the times.
VALUES = (*PRICES, "volume", "quote_volume", "trades")
FIELDS = pa.schema(
    [
        pa.field("timestamp", pa.int64(), nullable=False),
        *(pa.field(name, PRICE, nullable=False) for name in (*PRICES, "volume")),
        pa.field("quote_volume", PRICE),
        pa.field("trades", pa.int64()),
        pa.field("close_time", pa.int64()),
        pa.field("knowledge_timestamp", KNOWN),
        # Time and values as text, numbers without trailing zeros, nothing for what is not told: it depends on no
        # library, so that it is what is hashed, and what two fetches have to agree on.
        pa.field("line", pa.string(), nullable=False),
    ]
)
# What exchanges send: digits with a point among them, and no zero before another digit.
_OF_NUMBERS, _ODD_START, _DIGITS = b"0123456789.", r"^(0[0-9]|\.)", r"^[0-9]{1,16}$"
# Fields of a row as Binance sends it, in the order of the columns; the fifth is the last that every vendor sends.
_PLACES, _SHORT, _LONG, _LONGEST = (0, 1, 2, 3, 4, 5, 7, 8, 6), 6, 9, 16


@dataclass(frozen=True)
class Bars:
    """Bars of one symbol. rows: one for each, as ``FIELDS`` has them; without a time of knowledge until stored."""

    rows: pa.RecordBatch

    @staticmethod
    def of(bars: Iterable[Bar]) -> "Bars":
        """Of single ones, in their order."""
        found = list(bars)
        names = ("open_ms", *VALUES, "close_ms")
        columns = [list(map(attrgetter(name), found)) for name in names]
        return _bars([pa.array(column, kind.type) for column, kind in zip(columns, FIELDS, strict=False)])

    @staticmethod
    def read(table: pa.Table) -> "Bars":
        """Of a table with all columns but the lines."""
        columns = table.select(FIELDS.names[:-1]).combine_chunks().columns
        return _bars([pa.concat_arrays(column.chunks) for column in columns]) if table.num_rows else NONE

    @staticmethod
    def joined(parts: Iterable["Bars"]) -> "Bars":
        """One after the other."""
        return Bars(pa.concat_batches([NONE.rows, *(part.rows for part in parts)]))

    def __len__(self) -> int:
        return self.rows.num_rows

    def __iter__(self) -> Iterator[Bar]:
        columns = self.rows.columns[: len(_PLACES)]
        return (Bar(*row) for row in zip(*(column.to_pylist() for column in columns), strict=True))

    @property
    def last(self) -> Bar:
        """The last one; there has to be one."""
        return next(iter(Bars(self.rows.slice(len(self) - 1))))

    @cached_property
    def times(self) -> npt.NDArray[np.int64]:
        """Open times, in milliseconds."""
        return self.rows.column("timestamp").to_numpy()

    @property
    def minutes(self) -> npt.NDArray[np.int64]:
        """The start of the minute that each opens in."""
        return self.times - self.times % MINUTE_MS

    @property
    def on_grid(self) -> Mask:
        return self.times % MINUTE_MS == 0

    @property
    def traded(self) -> Mask:
        """Those with a volume, or with trades."""
        trades = pc.fill_null(self.rows.column("trades"), 0)
        return _mask(pc.or_(pc.not_equal(self.rows.column("volume"), _ZERO), pc.not_equal(trades, 0)))

    @property
    def known(self) -> pa.Array:
        """When each bar's values were first known."""
        return self.rows.column("knowledge_timestamp")

    def where(self, mask: Mask) -> "Bars":
        return self if mask.all() else Bars(self.rows.filter(pa.array(mask)))

    def at(self, places: npt.NDArray[np.int64]) -> "Bars":
        """Those at the places, in their order."""
        return Bars(self.rows.take(pa.array(places)))

    def known_at(self, moment: datetime) -> "Bars":
        """The same, first known at one time."""
        return self.known_as(pa.repeat(pa.scalar(moment, KNOWN), len(self)))

    def known_as(self, times: pa.Array) -> "Bars":
        """The same, each first known at a time of its own."""
        return self._with("knowledge_timestamp", times)

    def opening(self, times: npt.NDArray[np.int64]) -> "Bars":
        """The same, by other open times."""
        return _bars([pa.array(times, pa.int64()), *self.rows.columns[1:-1]])

    def _with(self, name: str, column: pa.Array) -> "Bars":
        return Bars(self.rows.set_column(FIELDS.get_field_index(name), FIELDS.field(name), column))

    def in_order(self) -> "Bars":
        """By open time; those of one time stay as they were."""
        if (np.diff(self.times) >= 0).all():
            return self
        return self.at(np.argsort(self.times, kind="stable"))

    def differing(self, others: "Bars") -> Mask:
        """Which have another time or other values than those at the same place."""
        return _mask(pc.not_equal(self.rows.column("line"), others.rows.column("line")))

    @property
    def sha256(self) -> str:
        """Of the lines."""
        return hashlib.sha256("".join(self.rows.column("line").to_pylist()).encode()).hexdigest()


def bars_of_rows(rows: Sequence[Any], source: str) -> Bars:
    """The bars of rows as Binance or ccxt send them; see ``bar_of_row``.

    Raises:
        InvalidAnswer: naming the source and what is wrong with the first row that is none.
    """
    if not rows:
        return NONE
    try:
        found = _of_plain(rows)
    except (ValueError, TypeError, OverflowError, pa.ArrowException):
        found = None
    # What is not plain is read row by row: numbers in another notation are taken, and what is wrong is named.
    return Bars.of([bar_of_row(row, source) for row in rows]) if found is None else found


def _of_plain(rows: Sequence[Any]) -> Bars | None:
    """The bars of rows that all are of one kind, sound and written as exchanges do; None of any others."""
    kinds, widths = set(map(type, rows)), set(map(len, rows))
    if not kinds <= {list, tuple} or len(widths) != 1 or not _SHORT <= min(widths) <= _LONGEST:
        return None
    places = _PLACES if min(widths) >= _LONG else _PLACES[:_SHORT]
    fields = [pa.array(list(map(itemgetter(place), rows))) for place in places]
    readers = (_times, *[_prices] * 6, _counts, _times)
    columns = [read(field) for field, read in zip(fields, readers, strict=False)]
    texts = [columns[0].cast(pa.string()), *map(_trimmed, fields[1:7])]
    found = _bars(columns, _lines([*texts, *([columns[7].cast(pa.string())] if len(fields) > _SHORT else [])]))
    return found if _sound(found.rows) else None


def _times(column: pa.Array) -> pa.Array:
    return _whole(column, FIRST_MS, LAST_MS)


def _counts(column: pa.Array) -> pa.Array:
    return _whole(column, 0, MOST_TRADES)


def _whole(column: pa.Array, least: int, most: int) -> pa.Array:
    if pa.types.is_string(column.type) and pc.all(pc.match_substring_regex(column, _DIGITS)).as_py():
        column = column.cast(pa.int64())
    if column.type != pa.int64() or column.null_count:
        raise ValueError("a whole number is none")
    bounds = pc.min_max(column)
    if bounds["min"].as_py() < least or bounds["max"].as_py() > most:
        raise ValueError("a whole number is out of bounds")
    return column


def _prices(column: pa.Array) -> pa.Array:
    if not pa.types.is_string(column.type) or column.null_count:
        raise ValueError("a price is no text")
    if "".join(column.to_pylist()).encode().translate(None, _OF_NUMBERS):
        raise ValueError("a price has other signs than digits and a point")
    if pc.any(pc.match_substring_regex(column, _ODD_START)).as_py():
        raise ValueError("a price begins with another zero than its only one")
    return column.cast(PRICE)


def _sound(rows: pa.RecordBatch) -> bool:
    """Whether each is what a bar can be: ``Bar.problem`` for all at once; their numbers have no sign."""
    opened, high, low, closed = (rows.column(name) for name in PRICES)
    held = [pc.greater(low, _ZERO)]
    held += [pc.and_(pc.less_equal(low, price), pc.less_equal(price, high)) for price in (opened, closed)]
    return all(pc.all(one).as_py() for one in held)


def distinct(bars: Bars, source: str) -> tuple[Bars, int]:
    """Bars by open time, each once, and how many were repeated.

    Raises:
        InvalidAnswer: when two of the same open time differ. Neither is chosen: which is right, nobody can tell.
    """
    ordered = bars.in_order()
    repeated: Mask = np.append(False, np.diff(ordered.times) == 0) if len(ordered) else np.zeros(0, dtype=np.bool_)
    if not repeated.any():
        return ordered, 0
    places = np.flatnonzero(repeated)
    first, second = ordered.at(places - 1), ordered.at(places)
    if (differs := first.differing(second)).any():
        one, two = (side.where(differs).rows.column("line")[0].as_py().strip().split(",") for side in (first, second))
        raise InvalidAnswer(
            f"{source}: two different bars open at {one[0]}: {'/'.join(one[1:6])} and {'/'.join(two[1:6])}. Nothing of "
            "this symbol was stored; run again."
        )
    return ordered.where(~repeated), len(places)


def _bars(columns: Sequence[pa.Array], lines: pa.Array | None = None) -> Bars:
    """Of the first columns, the others being empty. lines: theirs, where they are known."""
    more = [pa.nulls(len(columns[0]), kind.type) for kind in list(FIELDS)[len(columns) : -1]]
    whole = [*columns, *more]
    told = _lines(list(map(_plain_text, whole[: len(_PLACES) - 1]))) if lines is None else lines
    return Bars(pa.record_batch([*whole, told], schema=FIELDS))


def _lines(texts: Sequence[pa.Array]) -> pa.Array:
    """The line of each bar, of texts of its time and values; those that are left out are not told."""
    untold = [""] * (len(_PLACES) - 1 - len(texts))
    fields = pc.binary_join_element_wise(*(pc.fill_null(text, "") for text in texts), *untold, ",")
    return pc.binary_join_element_wise(fields, "\n", "")


def _plain_text(column: pa.Array) -> pa.Array:
    text = column.cast(pa.string())
    if column.type != PRICE:
        return text
    if pc.any(pc.match_substring(text, "E")).as_py():  # Arrow writes what is below 0.000001 with an exponent
        text = pa.array([f"{Decimal(one):f}" if one and "E" in one else one for one in text.to_pylist()], pa.string())
    return _trimmed(text)


def _trimmed(text: pa.Array) -> pa.Array:
    """Numbers without zeros at the end behind a point."""
    pointed = pc.match_substring(text, ".")
    return pc.if_else(pointed, pc.ascii_rtrim(pc.ascii_rtrim(text, "0"), "."), text)


def _mask(column: pa.Array) -> Mask:
    return column.to_numpy(zero_copy_only=False)


_ZERO = pa.scalar(Decimal(0), PRICE)
NONE = Bars.of(())
