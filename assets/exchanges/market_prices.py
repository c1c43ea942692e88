"""What the room ``markets`` has of a day's closes, out of its mart: dollars at the midnight that ends the day."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

from assets.exchanges.crosscheck import Finding, Limits, closes
from assets.exchanges.resample import LongBar

# Both are the marts' addresses and the last words of their asset keys.
PRICES, COINS = "fct_prices_daily", "dim_asset"
# What is quoted in these is held against US dollars: a coin that is worth one strays less than the limits.
DOLLARS = frozenset({"USDT", "USDC", "BUSD", "USD"})
STATEMENT = f"""
    SELECT upper(coins.symbol) AS symbol, prices.price_usd
    FROM markets.{COINS} AS coins LEFT JOIN markets.{PRICES} AS prices
        ON prices.coin_id = coins.coin_id AND prices.day = %(day)s
"""


class Queried(Protocol):
    """A database that answers with rows."""

    def records(self, statement: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]: ...


def prices_of(database: Queried, day: date) -> dict[str, Decimal | None]:
    """Prices by the symbol of every coin that ``markets`` follows; None where it has none of the day.

    Raises:
        DayMissing: when ``markets`` was never built.
    """
    rows = database.records(STATEMENT, {"day": day})
    return {row["symbol"]: None if row["price_usd"] is None else Decimal(str(row["price_usd"])) for row in rows}


def against_markets(
    days: Mapping[str, Iterable[LongBar]], prices: Mapping[str, Decimal | None], limits: Limits
) -> list[Finding]:
    """Closes of pairs in dollars beside the market's. Coins that ``markets`` does not follow are no findings."""
    bases = {pair: pair.split("_") for pair in days}
    known = {pair: base for pair, (base, quote) in bases.items() if base in prices and quote in DOLLARS}
    ours = {pair: bar for pair in known for bar in days[pair]}
    return closes("market_close", ours, {pair: prices[known[pair]] for pair in ours}, limits)
