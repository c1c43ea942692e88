"""Our bars beside others': the exchange's own hours and days, the second vendor's minutes, the perpetual, CoinGecko."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import numpy as np

from assets.exchanges.resample import LongBar
from core.settings.exchanges import Exchanges
from resources.clients.exchanges.bars import Bar
from resources.clients.exchanges.columns import VALUES, Bars

Severity = Literal["ok", "info", "warn", "error"]
Kind = Literal["exchange_1h", "exchange_1d", "second_vendor", "spot_perpetual", "market_close"]
# Volumes are sums; exchanges round them on the way.
VOLUME_TOLERANCE = Decimal("1e-8")
_ORDER: Sequence[Severity] = ("ok", "info", "warn", "error")


@dataclass(frozen=True)
class Limits:
    """From which relative difference on something is a warning or an error."""

    warn: Decimal
    error: Decimal

    def severity(self, difference: Decimal) -> Severity:
        return "error" if difference >= self.error else "warn" if difference >= self.warn else "ok"


def perpetual_limits(given: Exchanges) -> Limits:
    """Of spot and perpetual."""
    return Limits(Decimal(str(given.perpetual_warn)), Decimal(str(given.perpetual_error)))


def market_limits(given: Exchanges) -> Limits:
    """Of a close and the price of the room markets."""
    return Limits(Decimal(str(given.market_warn)), Decimal(str(given.market_error)))


@dataclass(frozen=True)
class Finding:
    """One comparison. ours, theirs: of what ``field`` names. difference: relative to theirs; None without either."""

    kind: Kind
    pair: str
    at_ms: int
    field: str
    severity: Severity
    ours: Decimal | None = None
    theirs: Decimal | None = None
    difference: Decimal | None = None
    note: str = ""


def against_exchange(pair: str, ours: Iterable[LongBar], theirs: Iterable[Bar], step_ms: int) -> list[Finding]:
    """Our complete bars beside the exchange's regular ones: prices equal, volumes nearly.

    Its bars can be cut short by an outage, or be placeholders: those are reported, and not compared.
    """
    kind: Kind = "exchange_1d" if step_ms > 3_600_000 else "exchange_1h"
    known, found = {bar.open_ms: bar for bar in ours}, []
    for bar in theirs:
        mine = known.pop(bar.open_ms, None)
        if bar.close_ms is not None and bar.close_ms != bar.open_ms + step_ms - 1:
            note = "placeholder" if bar.close_ms <= bar.open_ms else "cut short"
            found.append(Finding(kind, pair, bar.open_ms, "close_time", "info", note=f"the exchange's bar is {note}"))
        elif mine is None:
            severity: Severity = "error" if bar.volume else "info"
            found.append(Finding(kind, pair, bar.open_ms, "bar", severity, note="we have none"))
        elif not mine.is_complete:
            note = f"not compared: ours has {mine.n_minutes} minutes"
            found.append(Finding(kind, pair, bar.open_ms, "n_minutes", "info", note=note))
        else:
            found += _compared(kind, pair, mine, bar)
    left = (Finding(kind, pair, at, "bar", "warn", note="the exchange has none") for at in known)
    return [*found, *left]


def _compared(kind: Kind, pair: str, mine: LongBar, bar: Bar) -> list[Finding]:
    found = []
    for name in ("open", "high", "low", "close", "volume"):
        ours, theirs = getattr(mine, name), getattr(bar, name)
        apart = relative(ours, theirs)
        wrong = apart > VOLUME_TOLERANCE if name == "volume" else ours != theirs
        if wrong:
            found.append(Finding(kind, pair, bar.open_ms, name, "error", ours, theirs, apart))
    return found or [Finding(kind, pair, bar.open_ms, "all", "ok")]


def reconciled(pair: str, ours: Bars, theirs: Bars) -> list[Finding]:
    """The same minutes of two vendors: what differs, and what only one of them has. Nothing is listed that agrees."""
    times, mine, other = np.intersect1d(ours.times, theirs.times, return_indices=True)
    found = [
        Finding("second_vendor", pair, at, "bar", "warn", note=note)
        for side, note in ((ours, "the second vendor has none"), (theirs, "only the second vendor has it"))
        for at in np.setdiff1d(side.times, times).tolist()
    ]
    mine_too, other_too = ours.at(mine), theirs.at(other)
    differs = mine_too.differing(other_too)
    for one, two in zip(mine_too.where(differs), other_too.where(differs), strict=True):
        found += _differing(pair, one, two)
    return sorted(found, key=lambda one: one.at_ms)


def _differing(pair: str, mine: Bar, other: Bar) -> Iterable[Finding]:
    for name in VALUES:
        ours, theirs = getattr(mine, name), getattr(other, name)
        # What one of them does not tell is no difference.
        if ours is not None and theirs is not None and ours != theirs:
            one, two = Decimal(ours), Decimal(theirs)
            yield Finding("second_vendor", pair, mine.open_ms, name, "error", one, two, relative(one, two))


def closes(
    kind: Kind, ours: Mapping[str, LongBar], theirs: Mapping[str, Decimal | None], limits: Limits
) -> list[Finding]:
    """Closes of a day by pair, beside others' of the same. A pair that they do not have is listed as unknown."""
    found = []
    for pair, bar in ours.items():
        other = theirs.get(pair)
        if other is None or other <= 0:
            found.append(Finding(kind, pair, bar.open_ms, "close", "info", bar.close, note="nothing to compare with"))
        else:
            apart = relative(bar.close, other)
            found.append(Finding(kind, pair, bar.open_ms, "close", limits.severity(apart), bar.close, other, apart))
    return found


def relative(ours: Decimal, theirs: Decimal) -> Decimal:
    """The difference as a share of theirs, to 18 decimals; of nothing, 0 or 1."""
    if not theirs:
        return Decimal(int(ours != theirs))
    return (abs(ours - theirs) / abs(theirs)).quantize(Decimal("1e-18"))


def worst(findings: Iterable[Finding]) -> Severity:
    return max((finding.severity for finding in findings), key=_ORDER.index, default="ok")
