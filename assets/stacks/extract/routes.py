"""What is asked of the APIs, bundle by bundle."""

from datetime import datetime, timedelta

from assets.stacks.transform.stacking import Cycles
from core.clock import Clock
from resources.clients.stacks.answers import Bundle, RawAnswer
from resources.clients.stacks.api import AnswerApi, Route

# The most that a page of these routes may hold.
SIGNERS_PAGE, CYCLES_PAGE = 250, 60
PRICE_DAYS, SERIES_DAYS = 90, 180
COINS = {"STX": "blockstack", "BTC": "bitcoin"}


def node_state(stacks: AnswerApi, clock: Clock) -> Bundle:
    """The node's tip, its view of stacking, fee, supply, and the signers of the present and the last cycle."""
    answers = [
        *stacks.ask(Route("info", "v2/info", {})),
        *stacks.ask(Route("pox", "v2/pox", {})),
        *stacks.ask(Route("fee", "v2/fees/transfer", {}, optional=True)),
        *stacks.ask(Route("supply", "extended/v3/tokens/stx/supply", {}, optional=True)),
    ]
    answers += stacks.ask(_signers("signers", current_cycle(answers)))
    return Bundle("node_state", clock.now(), tuple(answers))


def current_cycle(answers: list[RawAnswer]) -> int:
    """The number of the cycle that the Bitcoin height is in."""
    pox = next((answer.document for answer in answers if answer.name == "pox"), None)
    return Cycles.of(pox).number


def _signers(name: str, cycle: int) -> Route:
    path = f"extended/v2/pox/cycles/{cycle}/signers"
    return Route(name, path, {}, optional=True, page=SIGNERS_PAGE, key="signing_key")


def cycles(stacks: AnswerApi, clock: Clock) -> Bundle:
    """Every cycle that the API has a reward set of."""
    listing = Route("cycles", "extended/v2/pox/cycles", {}, optional=True, page=CYCLES_PAGE, key="cycle_number")
    answers = [*stacks.ask(Route("pox", "v2/pox", {})), *stacks.ask(listing)]
    return Bundle("pox_cycles", clock.now(), tuple(answers))


def coin(coingecko: AnswerApi, clock: Clock) -> Bundle:
    """What CoinGecko says of the coin: its highest price."""
    wanted = {"localization": "false", "tickers": "false", "market_data": "true", "community_data": "false"}
    wanted |= {"developer_data": "false", "sparkline": "false"}
    return Bundle("coin", clock.now(), tuple(coingecko.ask(Route("coin", f"coins/{COINS['STX']}", wanted))))


def prices(coingecko: AnswerApi, clock: Clock) -> Bundle:
    """Hourly prices of the last 90 days; without `interval`, which is hourly by itself and paid for when asked for."""
    answers = [
        answer
        for symbol, name in COINS.items()
        for answer in coingecko.ask(
            Route(symbol, f"coins/{name}/market_chart", {"vs_currency": "usd", "days": PRICE_DAYS})
        )
    ]
    return Bundle("prices", clock.now(), tuple(answers))


def market_series(coingecko: AnswerApi, clock: Clock) -> Bundle:
    """Daily prices, volumes and capitalisations of the last 180 days."""
    parameters = {"vs_currency": "usd", "days": SERIES_DAYS, "interval": "daily"}
    route = Route("series", f"coins/{COINS['STX']}/market_chart", parameters)
    return Bundle("market_series", clock.now(), tuple(coingecko.ask(route)))


def lunar(lunarcrush: AnswerApi, clock: Clock) -> Bundle:
    """The coin's scores, now and by day."""
    end: datetime = clock.now()
    start = end - timedelta(days=PRICE_DAYS)
    window = {"bucket": "day", "start": int(start.timestamp()), "end": int(end.timestamp())}
    answers = [
        *lunarcrush.ask(Route("spot", "public/coins/STX/v1", {})),
        *lunarcrush.ask(Route("history", "public/coins/STX/time-series/v2", window)),
    ]
    return Bundle("lunar", end, tuple(answers))
