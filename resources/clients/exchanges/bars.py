"""One bar, read from what vendors send: exact decimals, times in milliseconds of Unix time, UTC."""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any

from core.errors import InvalidAnswer
from core.plain import one_line

MINUTE_MS = 60_000
DAY_MS = 1_440 * MINUTE_MS
MINUTES = 1_440
# What a stored decimal holds, DECIMAL(38,18): the prices and amounts of every exchange with room to spare.
LONGEST_NUMBER, WHOLE_DIGITS, DECIMALS = 60, 20, 18
# Milliseconds of the years 2009 to 2100; microseconds, as dumps have them since 2025, lie a thousand times higher.
FIRST_MS, LAST_MS = 1_230_768_000_000, 4_102_444_800_000
MOST_TRADES = 10**15
_PLAIN = re.compile(r"[0-9]{1,20}(\.[0-9]{1,18})?").fullmatch
_DIGITS = re.compile(r"[0-9]{1,16}").fullmatch


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of one symbol.

    open_ms: its open time. volume: of the base. quote_volume, trades, close_ms (the last millisecond): None where the
    vendor does not tell.
    """

    open_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal | None = None
    trades: int | None = None
    close_ms: int | None = None

    @property
    def on_grid(self) -> bool:
        return self.open_ms % MINUTE_MS == 0

    @property
    def minute_ms(self) -> int:
        """The start of the minute that it opens in."""
        return self.open_ms - self.open_ms % MINUTE_MS

    @property
    def problem(self) -> str | None:
        """What no bar can be; None for a sound one."""
        low, high = self.low, self.high
        if low <= 0 or min(self.open, high, self.close) <= 0:
            return "a price that is not above zero"
        if not (low <= self.open <= high and low <= self.close <= high):
            return "a high or low that its open or close lies beyond"
        if self.volume < 0 or (self.quote_volume or 0) < 0 or (self.trades or 0) < 0:
            return "a negative volume or number of trades"
        return None

    @property
    def values(self) -> tuple[object, ...]:
        """What two vendors or two fetches have to agree on: all but the close time."""
        return (self.open, self.high, self.low, self.close, self.volume, self.quote_volume, self.trades)


def bar_of_row(row: object, source: str) -> Bar:
    """The bar of a row as Binance sends it, [open time, o, h, l, c, v, close time, quote volume, trades, ...], or as
    ccxt does, [open time, o, h, l, c, v].

    Raises:
        InvalidAnswer: naming the source and what is wrong with the row.
    """
    try:
        return _bar(row)
    except (ValueError, TypeError, InvalidOperation, ArithmeticError) as error:
        why = one_line(error, 160) or type(error).__name__
        raise InvalidAnswer(
            f"{source}: the bar {one_line(row, 160)} cannot be read ({why}). Nothing of this "
            "symbol was stored; run again, and report it to the exchange if it stays."
        ) from None


def _bar(row: Any) -> Bar:
    if not isinstance(row, list | tuple) or not 6 <= len(row) <= 16:
        raise ValueError("it is no list of 6 to 16 fields")
    prices = number(row[1]), number(row[2]), number(row[3]), number(row[4]), number(row[5])
    if len(row) < 9:
        bar = Bar(moment(row[0]), *prices)
    else:
        bar = Bar(moment(row[0]), *prices, number(row[7]), _count(row[8]), moment(row[6]))
    return _sound(bar)


def _sound(bar: Bar) -> Bar:
    if problem := bar.problem:
        raise ValueError(f"it has {problem}")
    return bar


def moment(value: object) -> int:
    """Milliseconds of Unix time.

    Raises:
        ValueError: when it is no whole number of them, or far from the years exchanges exist in.
    """
    found = _count(value, LAST_MS)
    if not FIRST_MS <= found <= LAST_MS:
        raise ValueError(f"the time {found} lies before 2009 or after 2099; milliseconds were expected")
    return found


def number(value: object) -> Decimal:
    """A number, exactly; a float as it is printed.

    Raises:
        ValueError: when it is none, or does not fit a stored decimal.
    """
    text = str(value)
    if _PLAIN(text):  # what exchanges send; the rest takes the longer way
        return Decimal(text)
    if isinstance(value, bool) or len(text) > LONGEST_NUMBER:
        raise ValueError(f"{text[:40]!r} is no number")
    found = Decimal(text)
    if not found.is_finite() or not -400 < found.adjusted() < WHOLE_DIGITS:
        raise ValueError(f"{text!r} is no number of at most {WHOLE_DIGITS} whole digits")
    exponent = found.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -DECIMALS:
        with localcontext(prec=80):
            kept = found.quantize(Decimal(1).scaleb(-DECIMALS))
            if kept != found:
                raise ValueError(f"{text!r} has more than {DECIMALS} decimals")
            return kept
    return found


def _count(value: object, most: int = MOST_TRADES) -> int:
    text = str(value)
    if isinstance(value, bool) or not _DIGITS(text) or int(text) > most:
        raise ValueError(f"{text[:40]!r} is no whole number of at most {most:,}")
    return int(text)
