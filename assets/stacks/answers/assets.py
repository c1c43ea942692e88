"""The answers of the APIs, kept as they came. Everything else is made of what was kept, so it can be made again."""

import dagster as dg

from assets.stacks.extract import routes
from assets.stacks.factory import API_POOL, NOW_FRESH, ONCE_A_DAY_FRESH, PRICE_POOL, kept_answers
from core.errors import SettingError
from resources.clients.stacks.answers import Bundle
from resources.stacks import StacksResource


def _node_state(stacks: StacksResource) -> Bundle:
    """The node's tip, its view of stacking, fee, supply and the signers of the present cycle, as they came."""
    return routes.node_state(stacks.node(), stacks.clock())


def _pox_cycles(stacks: StacksResource) -> Bundle:
    """Every cycle that the API has a reward set of, as it came: what the database's cycles are compared with."""
    return routes.cycles(stacks.node(), stacks.clock())


def _coin(stacks: StacksResource) -> Bundle:
    """What CoinGecko says of the coin, as it came."""
    return routes.coin(stacks.prices(), stacks.clock())


def _prices(stacks: StacksResource) -> Bundle:
    """Hourly prices of 90 days of STX and BTC, as they came."""
    return routes.prices(stacks.prices(), stacks.clock())


def _market_series(stacks: StacksResource) -> Bundle:
    """Daily prices, volumes and capitalisations of 180 days, as they came."""
    return routes.market_series(stacks.prices(), stacks.clock())


def _lunar(stacks: StacksResource) -> Bundle:
    """LunarCrush's scores, as they came; needs STACKS_LUNAR_KEY."""
    lunar = stacks.lunar()
    if lunar is None:
        raise SettingError("STACKS_LUNAR_KEY is not set, and LunarCrush needs it. Set it, or leave these assets out.")
    return routes.lunar(lunar, stacks.clock())


node_state = kept_answers("node_state", API_POOL, NOW_FRESH, _node_state)
pox_cycles = kept_answers("pox_cycles", API_POOL, ONCE_A_DAY_FRESH, _pox_cycles)
coin = kept_answers("coin", PRICE_POOL, NOW_FRESH, _coin)
prices = kept_answers("prices", PRICE_POOL, NOW_FRESH, _prices)
market_series = kept_answers("market_series", PRICE_POOL, ONCE_A_DAY_FRESH, _market_series)
lunar = kept_answers("lunar", PRICE_POOL, None, _lunar)

ANSWERS: tuple[dg.AssetsDefinition, ...] = (node_state, pox_cycles, coin, prices, market_series, lunar)
