"""What a job's day is held against, gathered: the exchange's own hours and days, the second vendor, the perpetual."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np

from assets.exchanges.crosscheck import Finding, against_exchange, closes, perpetual_limits, reconciled
from assets.exchanges.download import Exchange
from assets.exchanges.names import JobName
from assets.exchanges.resample import DAY_MS, HOUR_MS, LongBar
from assets.exchanges.stored import bars_of, other_contract, other_vendor
from core.windows import start_of
from resources.clients.exchanges.columns import Bars

LongBars = Mapping[str, Sequence[LongBar]]


def compared(
    exchange: Exchange, job: JobName, jobs: Sequence[JobName], day: date, *, hours: LongBars, days: LongBars
) -> list[Finding]:
    """All comparisons of a job's day. hours, days: ours, by pair.

    Raises:
        SourceUnavailable, SourceRefused, InvalidAnswer: when the exchange does not answer.
        LakeDamaged: when another job's object is none.
    """
    found = _with_exchange(exchange, job, day, hours, days) if job.vendor == "ccxt" else []
    for pair in days:
        theirs = bars_of(exchange, other_vendor(job), pair, day)
        if len(theirs):
            mine = bars_of(exchange, job, pair, day)
            found += reconciled(pair, mine.where(mine.on_grid), theirs.where(theirs.on_grid))
    contract = other_contract(job, jobs)
    return found + _with_contract(exchange, job, contract, day, days) if contract else found


def _with_contract(exchange: Exchange, job: JobName, contract: JobName, day: date, days: LongBars) -> list[Finding]:
    """Closes of the last minute that both have: one that stopped earlier had the price of that moment."""
    ours: dict[str, LongBar] = {}
    others: dict[str, Decimal | None] = {}
    for pair, (*_, whole) in days.items():
        mine, theirs = (bars_of(exchange, of, pair, day) for of in (job, contract))
        if len(theirs):
            _, at, there = np.intersect1d(mine.times, theirs.times, return_indices=True)
            ours[pair] = replace(whole, close=mine.at(at[-1:]).last.close) if len(at) else whole
            others[pair] = theirs.at(there[-1:]).last.close if len(at) else None
    return closes("spot_perpetual", ours, others, perpetual_limits(exchange.given))


def _with_exchange(exchange: Exchange, job: JobName, day: date, hours: LongBars, days: LongBars) -> list[Finding]:
    source, first = exchange.ccxt(job), start_of(day) * 1000
    try:
        markets, found = source.markets(), []
        for pair in days:
            market = markets.get(pair)
            if market is None:
                continue
            for ours, step, label in ((hours, HOUR_MS, "1h"), (days, DAY_MS, "1d")):
                theirs = _of_day(source.bars(market, first, first + DAY_MS - 1, DAY_MS // step, label), first)
                found += against_exchange(pair, ours.get(pair, ()), theirs, step)
        return found
    finally:
        source.close()


def _of_day(bars: Bars, first: int) -> Bars:
    return bars.where((bars.times >= first) & (bars.times < first + DAY_MS))
