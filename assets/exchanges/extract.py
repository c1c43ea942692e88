"""A job's day, symbol by symbol: each one is tried, what is good is stored, and then there is one verdict."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal

from assets.exchanges.minutes import Neighbours, SymbolFacts, account
from assets.exchanges.vendors import Found, Vendor
from core.errors import DiskRefused, HeadwaterError, SettingError, SourceUnavailable
from core.plain import one_line
from core.windows import start_of
from resources.clients.exchanges.bars import DAY_MS, MINUTE_MS, MINUTES
from resources.clients.exchanges.columns import Bars
from resources.clients.exchanges.fetching import Fetched
from resources.clients.exchanges.markets import Market
from resources.clients.exchanges.objects import SymbolDay, Written

log = logging.getLogger("headwater.exchanges")
Outcome = Literal["complete", "partial", "empty", "delisted", "failed"]
BAD = {"empty", "failed"}
# How many symbols an error tells the reason of; it names all.
SHOWN = 30


@dataclass(frozen=True)
class SymbolResult:
    """What became of one symbol. unfetched: its minutes that are neither there nor explained by the exchange."""

    pair: str
    outcome: Outcome
    bars: int = 0
    unfetched: int = MINUTES
    reason: str = ""
    requests: int = 0
    unfinished_dropped: int = 0
    off_grid: int = 0
    written: Written | None = None

    @property
    def completeness(self) -> float:
        return 1 - self.unfetched / MINUTES

    def __str__(self) -> str:
        shown = f"{self.outcome}({self.bars})" if self.outcome == "partial" else self.outcome
        return f"{self.pair} {shown}{f': {self.reason}' if self.reason else ''}"


@dataclass(frozen=True)
class Policy:
    """When a day fails. on_missing: ``fail`` or ``warn``. required: pairs that may not be delisted."""

    on_missing: Literal["fail", "warn"] = "fail"
    min_completeness: float = 1.0
    required: frozenset[str] = frozenset()

    def bad(self, results: Iterable[SymbolResult]) -> list[SymbolResult]:
        """The symbols that a day may not end with."""
        return [
            result
            for result in results
            if result.outcome in BAD
            or (result.outcome == "delisted" and result.pair in self.required)
            or (result.outcome != "delisted" and result.completeness < self.min_completeness)
        ]

    def tell(self, verdict: str, warn: Callable[[str], object]) -> None:
        """End with a verdict, or warn of it, as the policy is.

        Raises:
            SourceUnavailable: with the verdict.
        """
        if self.on_missing == "fail":
            raise SourceUnavailable(verdict)
        warn(verdict)


@dataclass
class JobDay:
    """A job's day. results: of every symbol that was asked for. unfetched_before: minutes that the others lack.
    universe: what is told of the list of its symbols."""

    results: list[SymbolResult] = field(default_factory=list)
    unfetched_before: int = 0
    universe: Mapping[str, Any] = field(default_factory=dict)

    def verdict(self, policy: Policy, subject: str) -> str | None:
        """A sentence that lists what is bad; None when nothing is. What was good is stored by then."""
        bad = policy.bad(self.results)
        if not bad:
            return None
        named = "; ".join(map(str, bad[:SHOWN]))
        if more := [result.pair for result in bad[SHOWN:]]:
            named += f"; and {', '.join(more)}"
        return (
            f"{subject}: {len(bad)} of {len(self.results)} symbols are not complete: {named}. What was good is stored; "
            "run again to try the others."
        )


Store = Callable[[SymbolDay], Written]


def fetch_job_day(
    vendor: Vendor,
    exchange_id: str,
    pairs: Sequence[str],
    day: date,
    *,
    facts: Mapping[str, Any],
    store: Store,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> JobDay:
    """Every symbol's day, each stored as soon as it is there. facts: what all objects' metadata tell.

    Raises:
        DiskRefused, SettingError: when the lake takes nothing. What a symbol met is its result.
    """
    done = JobDay()
    for pair in pairs:
        started = now()
        try:
            if vendor.locked_out:
                raise SourceUnavailable(f"{vendor.name} has locked this address out (418)")
            found = vendor.day(pair, day)
            result, known = _judged(vendor, pair, day, found)
            times = {"fetch_started": started.isoformat(), "fetch_ended": now().isoformat()}
            stored = SymbolDay(exchange_id, pair, day, found.fetched.bars, facts={**facts, **known, **times})
            result = SymbolResult(**{**vars(result), "written": store(stored)})
        except (DiskRefused, SettingError):
            raise  # no symbol's fault: the next one could not be stored either
        except HeadwaterError as error:
            result = SymbolResult(pair, "failed", reason=one_line(error, 500))
        log.log(
            logging.INFO if result.outcome in ("complete", "partial") else logging.WARNING,
            "%s %s: %s",
            vendor.name,
            day,
            result,
        )
        done.results.append(result)
    return done


def _judged(vendor: Vendor, pair: str, day: date, found: Found) -> tuple[SymbolResult, dict[str, Any]]:
    start_ms, fetched, market = start_of(day) * 1000, found.fetched, found.market
    listed_ms = market.listed_ms if market else None
    delisted_ms = _delisted(start_ms, fetched.bars, market)
    facts = SymbolFacts(fetched.confirmed, listed_ms, delisted_ms)
    counted = account(start_ms, fetched.bars, facts, vendor.empty_minute, Neighbours())
    outcome, reason = _outcome(start_ms, fetched, market)
    known = {
        "source": vendor.name,
        "outcome": outcome,
        "confirmed": fetched.confirmed,
        "listed_ms": listed_ms,
        "delisted_ms": delisted_ms,
        "repeated": fetched.repeated,
        "outside": fetched.outside,
        "unfinished_dropped": fetched.unfinished_dropped,
        "requests": fetched.requests,
    }
    figures = (counted.present, counted.unfetched, reason, fetched.requests, fetched.unfinished_dropped)
    return SymbolResult(pair, outcome, *figures, off_grid=counted.off_grid), known


def _outcome(start_ms: int, fetched: Fetched, market: Market | None) -> tuple[Outcome, str]:
    if market is None:
        return "delisted", "the exchange does not list it"
    if not market.trading:
        return "delisted", f"its status is {market.status}"
    if market.listed_ms is not None and market.listed_ms >= start_ms + DAY_MS:
        return "complete", "it was not listed yet"
    if not len(fetched.bars):
        return "empty", "no bar at all"
    return ("complete" if fetched.bars.on_grid.sum() == MINUTES else "partial"), ""


def _delisted(start_ms: int, bars: Bars, market: Market | None) -> int | None:
    """When the symbol stopped trading: as the exchange says, or else after its last bar of the day."""
    if market and market.trading:
        return None
    if market and market.delisted_ms:
        return market.delisted_ms
    return int(bars.minutes[-1]) + MINUTE_MS if len(bars) else start_ms
