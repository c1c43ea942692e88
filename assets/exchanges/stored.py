"""A job's day out of the lake, with what its neighbours in the dataset and the other vendor know of it.

A symbol's day without an object of its own is read from the files that the old system left of its month, if any.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from assets.exchanges.download import Exchange
from assets.exchanges.names import JobName
from assets.exchanges.transform import Stored
from resources.clients.exchanges.columns import NONE, Bars
from resources.clients.exchanges.objects import SymbolDay

# Which vendor's bars of the same symbols a job's are held against.
OTHER_VENDOR = {"ccxt": "binance", "binance": "ccxt"}


def stored_days(exchange: Exchange, job: JobName, day: date) -> list[Stored]:
    """Every symbol of the job's universe, also those that nothing is stored of.

    Raises:
        LakeDamaged: naming an object that is no day of bars.
        DayMissing: when the universe is ``all``, and no list of the day is stored.
    """
    return [_stored(exchange, job, pair, day) for pair in exchange.pairs(job, day).pairs]


def _stored(exchange: Exchange, job: JobName, pair: str, day: date) -> Stored:
    key = exchange.key(job, pair, day)
    found = day_of(exchange, job, pair, day)
    other = frozenset(bars_of(exchange, other_vendor(job), pair, day).times.tolist())
    return Stored(pair, found, frozenset(exchange.objects.revised(key, found)) if found else frozenset(), other)


def other_vendor(job: JobName) -> JobName:
    """The job that fetches the same from the second vendor."""
    return replace(job, vendor=OTHER_VENDOR[job.vendor])


def other_contract(job: JobName, jobs: Sequence[JobName]) -> JobName | None:
    """The job of the same vendor and exchange that fetches perpetuals instead of spot, or the other way round: the one
    of the same universe, where there is one."""
    found = [one for one in jobs if one.contract != job.contract]
    same = [one for one in found if (one.vendor, one.exchange_id) == (job.vendor, job.exchange_id)]
    return min(same, key=lambda one: one.universe != job.universe, default=None)


def bars_of(exchange: Exchange, job: JobName, pair: str, day: date) -> Bars:
    """Bars that another job has stored of a pair's day; none where it has not."""
    found = day_of(exchange, job, pair, day)
    return found.bars if found else NONE


def day_of(exchange: Exchange, job: JobName, pair: str, day: date) -> SymbolDay | None:
    """What is stored of a pair's day, of either layout; None where nothing is.

    Raises:
        LakeDamaged: naming an object that is no day of bars, or an old file that is none.
    """
    if found := exchange.objects.read(exchange.key(job, pair, day)):
        return found
    old = exchange.former(job, pair, day)
    return old if len(old.bars) else None
