"""Longer bars of minutes, exactly: [t, t + step), labelled by the open time, none where there is no minute."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from itertools import groupby

from resources.clients.exchanges.bars import DECIMALS, MINUTE_MS, Bar

HOUR_MS, DAY_MS = 60 * MINUTE_MS, 1_440 * MINUTE_MS
# Sums of stored decimals stay exact with this many digits.
DIGITS = 76


@dataclass(frozen=True)
class LongBar:
    """A bar of ``step_ms`` milliseconds. quote_volume, trades: None when a minute does not tell. n_minutes: that it
    is made of."""

    open_ms: int
    step_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal | None
    trades: int | None
    n_minutes: int

    @property
    def is_complete(self) -> bool:
        return self.n_minutes * MINUTE_MS == self.step_ms

    @property
    def vwap(self) -> Decimal | None:
        """The mean price by volume, to 18 decimals; None without a trade."""
        if self.quote_volume is None or not self.volume:
            return None
        with localcontext(prec=DIGITS):
            return (self.quote_volume / self.volume).quantize(Decimal(1).scaleb(-DECIMALS))


def resampled(bars: Iterable[Bar], step_ms: int) -> list[LongBar]:
    """Longer bars of minutes on the grid."""
    minutes = [_of_minute(bar) for bar in bars if bar.on_grid]
    return coarser(minutes, step_ms)


def coarser(bars: Iterable[LongBar], step_ms: int) -> list[LongBar]:
    """Longer bars of shorter ones: the same ones as of the minutes themselves."""
    ordered = sorted(bars, key=lambda bar: bar.open_ms)
    groups = groupby(ordered, key=lambda bar: bar.open_ms // step_ms * step_ms)
    with localcontext(prec=DIGITS):
        return [_joined(list(group), at, step_ms) for at, group in groups]


def _of_minute(bar: Bar) -> LongBar:
    prices = (bar.open, bar.high, bar.low, bar.close)
    return LongBar(bar.open_ms, MINUTE_MS, *prices, bar.volume, bar.quote_volume, bar.trades, 1)


def _joined(bars: Sequence[LongBar], at: int, step_ms: int) -> LongBar:
    quotes = [bar.quote_volume for bar in bars if bar.quote_volume is not None]
    trades = [bar.trades for bar in bars if bar.trades is not None]
    return LongBar(
        open_ms=at,
        step_ms=step_ms,
        open=bars[0].open,
        high=max(bar.high for bar in bars),
        low=min(bar.low for bar in bars),
        close=bars[-1].close,
        volume=sum((bar.volume for bar in bars), Decimal(0)),
        quote_volume=sum(quotes, Decimal(0)) if len(quotes) == len(bars) else None,
        trades=sum(trades) if len(trades) == len(bars) else None,
        n_minutes=sum(bar.n_minutes for bar in bars),
    )
