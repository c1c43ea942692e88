"""Where a job's bars come from: any exchange by ccxt, or Binance's public dumps."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Protocol

from core.errors import HeadwaterError
from core.windows import start_of
from resources.clients.exchanges.bars import MINUTE_MS, MINUTES
from resources.clients.exchanges.ccxt_source import CcxtSource
from resources.clients.exchanges.columns import NONE
from resources.clients.exchanges.dumps import BinanceDumps
from resources.clients.exchanges.fetching import Fetched, fetch_day
from resources.clients.exchanges.markets import Market
from resources.clients.exchanges.profiles import EmptyMinute

log = logging.getLogger("headwater.exchanges")


@dataclass(frozen=True)
class Found:
    """What a vendor has of a symbol's day. market: None where the vendor does not know the symbol any more."""

    fetched: Fetched
    market: Market | None


class Vendor(Protocol):
    """Where a job's bars come from."""

    name: str

    @property
    def empty_minute(self) -> EmptyMinute: ...

    @property
    def locked_out(self) -> bool:
        """Whether nothing more may be asked of it in this run."""
        ...

    def listed(self) -> tuple[Mapping[str, Market], int]:
        """What the exchange lists, by pair, and its own time in milliseconds.

        Raises:
            SourceUnavailable, SourceRefused, InvalidAnswer: when no usable answer came.
        """
        ...

    def day(self, pair: str, day: date) -> Found: ...

    def close(self) -> None: ...


class CcxtVendor:
    """An exchange by ccxt. Its markets and its time are asked for once."""

    def __init__(self, source: CcxtSource):
        self._source, self.name = source, f"ccxt {source.name}"
        self.empty_minute: EmptyMinute = source.profile.empty_minute
        self.markets, self._now_ms = source.markets(), source.now_ms()

    @property
    def locked_out(self) -> bool:
        return self._source.patience.banned

    def listed(self) -> tuple[Mapping[str, Market], int]:
        return self.markets, self._now_ms

    def day(self, pair: str, day: date) -> Found:
        market = self.markets.get(pair)
        if market is None:
            return Found(Fetched(), None)
        profile, start_ms = self._source.profile, start_of(day) * 1000
        subject = f"{self.name} {pair}"
        fetched = fetch_day(partial(self._source.bars, market), start_ms, self._now_ms, profile.page, subject)
        if profile.recent and start_ms < self._now_ms - profile.recent * MINUTE_MS:
            fetched.confirmed = False  # what it no longer serves may well have been there
        return Found(fetched, dated(self._source, market, fetched, start_ms))

    def close(self) -> None:
        self._source.close()


class DumpVendor:
    """Binance's public dumps. A file that matches its checksum needs no second look.

    exchange: opens the exchange itself, once and only when it is asked what it lists, or a file is missing or short:
    dumps do not tell why.
    """

    empty_minute: EmptyMinute = "zero_bar"

    def __init__(self, dumps: BinanceDumps, exchange: Callable[[], CcxtSource]):
        self._dumps, self.name, self._opened = dumps, dumps.name, exchange
        self._exchange: CcxtSource | None = None
        self._markets: dict[str, Market] | None = None
        self._silent = False

    @property
    def locked_out(self) -> bool:
        return self._dumps.patience.banned

    def listed(self) -> tuple[Mapping[str, Market], int]:
        exchange, markets = self._asked()
        return markets, exchange.now_ms()

    def day(self, pair: str, day: date) -> Found:
        before = self._dumps.requests
        bars = self._dumps.day(pair, day)
        found = NONE if bars is None else bars
        fetched = Fetched(found, confirmed=bars is not None, requests=self._dumps.requests - before)
        if found.on_grid.sum() == MINUTES:
            return Found(fetched, _dumped(pair))
        return Found(fetched, self._told(pair, fetched, start_of(day) * 1000))

    def _told(self, pair: str, fetched: Fetched, start_ms: int) -> Market | None:
        """What the exchange says of a pair. When it does not answer, which is no fault of the dumps, it trades; when it
        has locked this address out, it is asked for nothing more."""
        if self._exchange and self._exchange.patience.banned and self._markets is not None:
            return self._markets.get(pair)
        if self._silent and self._markets is None:
            return _dumped(pair)
        try:
            exchange, markets = self._asked()
            market = markets.get(pair)
            return dated(exchange, market, fetched, start_ms) if market else None
        except HeadwaterError as error:
            self._silent = True
            log.warning("%s: what trades is unknown, so that a missing file counts as one: %s", self.name, error)
            return _dumped(pair)

    def _asked(self) -> tuple[CcxtSource, Mapping[str, Market]]:
        """The exchange itself, and what it lists."""
        if self._exchange is None:
            self._exchange = self._opened()
        if self._markets is None:
            self._markets = self._exchange.markets()
        return self._exchange, self._markets

    def close(self) -> None:
        self._dumps.close()
        if self._exchange:
            self._exchange.close()


def _dumped(pair: str) -> Market:
    return Market(pair, pair, pair.replace("_", ""), True, "dumped")


def dated(source: CcxtSource, market: Market, fetched: Fetched, start_ms: int) -> Market:
    """The market with the time of its first bar, where the exchange does not tell since when it trades and the day
    begins without one: what was not listed yet is no outage.

    Raises:
        SourceUnavailable, SourceRefused, InvalidAnswer: when no usable answer came.
    """
    begins = len(fetched.bars) and fetched.bars.times[0] < start_ms + MINUTE_MS
    if market.listed_ms is not None or begins or not source.tells_first_bar:
        return market
    fetched.requests += 1
    return replace(market, listed_ms=source.first_ms(market))
