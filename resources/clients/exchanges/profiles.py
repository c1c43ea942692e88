"""What has to be told of an exchange that ccxt knows: how it pages, and what it does with a minute without a trade."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from core.errors import SettingError

EmptyMinute = Literal["absent", "zero_bar"]


@dataclass(frozen=True)
class Profile:
    """An exchange.

    page: most rows of an answer. market_types: what ccxt calls the lists of markets to load, by contract.
    klines: ccxt's methods for Binance's own rows, which hold quote volume and trades, by contract; without one, the
    rows are ccxt's own, as text. recent: how many of the newest minutes it serves at all. takes_end: whether an end
    can be asked for.
    """

    exchange_id: str
    page: int
    empty_minute: EmptyMinute = "zero_bar"
    market_types: Mapping[str, str] = field(default_factory=dict)
    klines: Mapping[str, str] = field(default_factory=dict)
    recent: int | None = None
    takes_end: bool = True


_BINANCE_KLINES = {"spot": "publicGetKlines", "futures": "fapiPublicGetKlines"}
# ccxt asks Binance for 1,000 rows at most, although its futures would give 1,500; a day is two requests either way.
PROFILES = {
    profile.exchange_id: profile
    for profile in (
        Profile("binance", 1000, market_types={"spot": "spot", "futures": "linear"}, klines=_BINANCE_KLINES),
        Profile("binanceus", 1000, market_types={"spot": "spot"}, klines={"spot": "publicGetKlines"}),
        Profile("okx", 300, market_types={"spot": "spot", "futures": "swap"}),
        Profile("kraken", 720, empty_minute="absent", recent=720, takes_end=False),
        Profile("cryptocom", 300, empty_minute="absent"),
    )
}


def profile_of(exchange_id: str) -> Profile:
    """The exchange's profile.

    Raises:
        SettingError: when it has none.
    """
    if exchange_id not in PROFILES:
        raise SettingError(
            f"exchange {exchange_id[:40]!r} has no profile; there are {', '.join(PROFILES)}. Add one to "
            "resources/clients/exchanges/profiles.py"
        )
    return PROFILES[exchange_id]
