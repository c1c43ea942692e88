"""Any exchange that ccxt knows, as a source of exact bars.

Prices are never floats: of Binance the rows are its own, which hold text, and of the others ccxt makes text instead of
floats (its ``number``). ccxt's own rate limiting stays on as it is.
"""

import importlib
import re
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from core.clock import Clock
from core.errors import HeadwaterError, InvalidAnswer, SourceRefused
from core.plain import plain
from resources.clients.exchanges.bars import FIRST_MS, LAST_MS, moment
from resources.clients.exchanges.bounded import MOST_BYTES, PAGE_BYTES, BoundedAdapter
from resources.clients.exchanges.columns import Bars, bars_of_rows
from resources.clients.exchanges.markets import Market, markets_of
from resources.clients.exchanges.profiles import profile_of
from resources.clients.exchanges.retrying import MayPass, Patience
from resources.clients.http.bounded import seconds_to_wait

T = TypeVar("T")
# ccxt counts all of these as trouble of the network; asking again changes nothing.
REFUSALS = {400, 401, 403, 404, 451}
CONNECT_MS = 20_000
# What Binance says of a ban besides the header, which proxies may leave out: milliseconds of Unix time.
_BANNED_UNTIL = re.compile(r"banned until ([0-9]{13})\b")


class CcxtSource:
    """One exchange and contract, ``spot`` or ``futures``. root: where it answers instead of its own addresses."""

    def __init__(self, exchange_id: str, contract: str, clock: Clock | None = None, root: str | None = None):
        self.profile, self.contract, self.clock = profile_of(exchange_id), contract, clock or Clock()
        self.name, self.patience = f"{exchange_id} {contract}", Patience(self.clock)
        self._ccxt: Any = importlib.import_module("ccxt")
        self._http = BoundedAdapter()
        self._exchange = self._opened(exchange_id, root)
        self.requests = 0

    def _opened(self, exchange_id: str, root: str | None) -> Any:
        kinds = self.profile.market_types.get(self.contract)
        options: dict[str, Any] = {"fetchCurrencies": False}
        if kinds:
            options |= {"fetchMarkets": {"types": [kinds]}, "defaultType": "spot" if kinds == "spot" else "swap"}
        exchange = getattr(self._ccxt, exchange_id)({"timeout": CONNECT_MS, "options": options})
        exchange.number = str
        exchange.has["fetchCurrencies"] = False
        exchange.session.trust_env = False
        for scheme in ("https://", "http://"):
            exchange.session.mount(scheme, self._http)
        if root:
            exchange.urls["api"] = _moved(exchange.urls["api"], root)
            exchange.hostname = urlsplit(root).netloc
        return exchange

    def markets(self) -> dict[str, Market]:
        """What the exchange lists, by pair.

        Raises:
            SourceUnavailable, SourceRefused, InvalidAnswer: when no usable answer came.
        """
        loaded = self._asked("list of markets", self._exchange.load_markets, MOST_BYTES)
        return self._decoded("list of markets", lambda: markets_of(loaded.values(), self.contract))

    def now_ms(self) -> int:
        """The exchange's own time, or this machine's where it does not tell.

        Raises:
            SourceUnavailable, SourceRefused, InvalidAnswer: when no usable answer came.
        """
        if not self._exchange.has.get("fetchTime"):
            return int(self.clock.now().timestamp() * 1000)
        told = self._asked("time", self._exchange.fetch_time)
        return self._decoded("time", lambda: moment(told))

    def bars(self, market: Market, first_ms: int, last_ms: int, most: int, timeframe: str = "1m") -> Bars:
        """Bars that open from ``first_ms`` to ``last_ms``, both included, as far as one answer holds them.

        Raises:
            SourceUnavailable, SourceRefused, InvalidAnswer: when no usable answer came.
        """
        method = self.profile.klines.get(self.contract)
        if method:
            limits = {"startTime": first_ms, "endTime": last_ms, "limit": most}
            query = {"symbol": market.id, "interval": timeframe, **limits}
            ask = lambda: getattr(self._exchange, method)(query)  # noqa: E731
        else:
            # An end that an exchange leaves out is asked for, too: rows beyond it are not taken.
            until = {"until": last_ms + 1} if self.profile.takes_end else {}
            ask = lambda: self._exchange.fetch_ohlcv(market.symbol, timeframe, first_ms, most, until)  # noqa: E731
        subject = f"{self.name} {market.pair}"
        rows = self._asked(f"{market.pair} bars", lambda: _listed(ask()))
        if len(rows) > most + 1:
            raise InvalidAnswer(f"{subject}: {len(rows):,} bars came, at most {most:,} were asked for. Run again.")
        return bars_of_rows(rows, subject)

    @property
    def tells_first_bar(self) -> bool:
        """Whether it answers from the first bar on that there ever was, when it is asked from long before."""
        return self.contract in self.profile.klines

    def first_ms(self, market: Market) -> int | None:
        """When the symbol's first bar opens; None when there is none yet.

        Raises:
            SourceUnavailable, SourceRefused, InvalidAnswer: when no usable answer came.
        """
        first = self.bars(market, FIRST_MS, LAST_MS, 1)
        return int(first.times.min()) if len(first) else None

    def _asked(self, what: str, ask: Callable[[], T], most_bytes: int = PAGE_BYTES) -> T:
        self._http.most_bytes = most_bytes
        return self.patience.call(f"{self.name}: {what}", lambda: self._once(what, ask))

    def _once(self, what: str, ask: Callable[[], T]) -> T:
        self.requests += 1
        errors = self._ccxt
        try:
            return ask()
        except (errors.BadSymbol, errors.BadRequest, errors.AuthenticationError, errors.PermissionDenied) as error:
            raise self._refused(what, error) from None
        except (errors.NetworkError, errors.OperationFailed) as error:
            status = self._http.status
            if status in REFUSALS:
                raise self._refused(what, error) from None
            wait = self._wait_asked_for(error) if status else None
            raise MayPass(f"{type(error).__name__}{f', status {status}' if status else ''}", status, wait) from None
        except errors.BaseError as error:
            if (self._http.status or 0) >= 500:
                raise MayPass(f"{type(error).__name__}, status {self._http.status}", self._http.status) from None
            raise self._refused(what, error) from None
        except (HeadwaterError, MayPass):
            raise
        except Exception as error:  # noqa: BLE001 - ccxt looks into answers without checking them first
            raise MayPass(f"an answer that ccxt cannot read ({type(error).__name__})") from None

    def _wait_asked_for(self, error: Exception) -> float | None:
        """Seconds by the header, or else by Binance's words."""
        now = self.clock.now()
        wait, told = seconds_to_wait(self._http.retry_after, now), _BANNED_UNTIL.search(str(error))
        return max(0.0, int(told[1]) / 1000 - now.timestamp()) if wait is None and told else wait

    def _decoded(self, what: str, decode: Callable[[], T]) -> T:
        try:
            return decode()
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise InvalidAnswer(
                f"{self.name}: its {what} cannot be read ({type(error).__name__}: {plain(error, 120)})"
            ) from None

    def _refused(self, what: str, error: Exception) -> SourceRefused:
        status = f", status {self._http.status}" if self._http.status else ""
        remedy = (
            "This address may not ask from where it is"
            if self._http.status in (403, 451)
            else "Check the symbol and the universe"
        )
        return SourceRefused(
            f"{self.name}: {what} refused ({type(error).__name__}{status}: {plain(error, 200)}). {remedy}."
        )

    def close(self) -> None:
        """Let its connections go."""
        self._exchange.session.close()


def _listed(answer: Any) -> list[Any]:
    """The rows of an answer. A cut one is no JSON, and ccxt hands its text on; the next one may be whole."""
    if not isinstance(answer, list):
        raise MayPass(f"{plain(answer, 60)!r} is no list of bars")
    return answer


def _moved(addresses: Any, root: str) -> Any:
    """ccxt's addresses with another scheme and host: each keeps its path."""
    if isinstance(addresses, dict):
        return {name: _moved(address, root) for name, address in addresses.items()}
    parts, to = urlsplit(addresses.replace("{hostname}", "host")), urlsplit(root)
    return parts._replace(scheme=to.scheme, netloc=to.netloc).geturl()
