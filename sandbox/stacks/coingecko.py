"""CoinGecko's two routes that the room reads, for two coins whose prices follow from the time."""

import math
from typing import Any

HOUR, DAY = 3_600, 86_400
COINS = {"blockstack": 0.45, "bitcoin": 36_000.0}
# What days above this are daily for, and asking for hourly prices costs money.
HOURLY_DAYS = 90


def price(coin: str, at: int) -> float:
    """USD at a moment: two waves around the coin's level."""
    return round(COINS[coin] * (1 + 0.2 * math.sin(at / 700_000) + 0.03 * math.sin(at / 41_000)), 6)


def answer(path: str, parameters: dict[str, str], now: int) -> tuple[int, Any]:
    """Status and document of a route."""
    parts = path.split("/")
    if parts[0] != "coins" or len(parts) < 2 or parts[1] not in COINS:
        return 404, {"error": "coin not found"}
    if parts[2:] == ["market_chart"]:
        if parameters.get("interval") == "hourly":
            return 401, {"status": {"error_code": 10005, "error_message": "hourly is for the Enterprise plan"}}
        return 200, _chart(parts[1], int(parameters["days"]), now, parameters.get("interval"))
    if not parts[2:]:
        highest = max(price(parts[1], now - day * DAY) for day in range(365))
        change = 100 * (price(parts[1], now) / highest - 1)
        market = {"ath": {"usd": highest}, "ath_change_percentage": {"usd": round(change, 5)}}
        return 200, {"id": parts[1], "symbol": parts[1][:3], "market_data": market}
    return 404, {"error": "not found"}


def _chart(coin: str, days: int, now: int, interval: str | None) -> dict[str, Any]:
    step = DAY if interval == "daily" or days > HOURLY_DAYS else HOUR
    first = (now - days * DAY) // step * step + step
    # The last point is of this moment.
    moments = [*range(first, now, step), now]
    return {
        "prices": [[at * 1000, price(coin, at)] for at in moments],
        "market_caps": [[at * 1000, price(coin, at) * 1_200_000_000] for at in moments],
        "total_volumes": [[at * 1000, 3e7 * (2 + math.sin(at / 90_000))] for at in moments],
    }
