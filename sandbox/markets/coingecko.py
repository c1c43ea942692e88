"""Answers as CoinGecko's API v3 gives them: the documented parameters, bounds and error bodies."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sandbox.markets.world import Coin, World

DEMO_HEADER, PRO_HEADER = "x-cg-demo-api-key", "x-cg-pro-api-key"
KEYLESS_HISTORY_DAYS = 365

Reply = tuple[int, Any]


def failure(status: int, code: int, message: str) -> Reply:
    return status, {"status": {"error_code": code, "error_message": message}}


def refused_key(headers: Mapping[str, str], pro: bool) -> Reply | None:
    """Why the key does not open this host, if it does not."""
    demo_key, pro_key = headers.get(DEMO_HEADER), headers.get(PRO_HEADER)
    if pro and demo_key:
        return failure(400, 10011, "a demo key asks the pro host")
    if pro and not pro_key:
        return failure(401, 10002, "no key")
    if not pro and pro_key:
        return failure(400, 10010, "a pro key asks the public host")
    return None


def answer(world: World, path: str, parameters: Mapping[str, str], pro: bool = False) -> Reply:
    """Status and document for a path below the root."""
    parts = path.strip("/").split("/")
    if parts == ["coins", "list"]:
        return _coin_list(world, parameters)
    if parts == ["coins", "markets"]:
        return _markets(world, parameters)
    if len(parts) == 3 and parts[0] == "coins" and parts[2] == "market_chart":
        return _market_chart(world, parts[1], parameters, pro)
    if parts == ["global"]:
        return _global(world, parameters)
    return failure(404, 404, "no such path")


def _unknown(parameters: Mapping[str, str], *known: str) -> Reply | None:
    unknown = sorted(set(parameters) - set(known))
    return failure(400, 400, f"unknown parameters {unknown}") if unknown else None


def _coin_list(world: World, parameters: Mapping[str, str]) -> Reply:
    wrong = _unknown(parameters, "include_platform", "status")
    return wrong or (200, [{"id": coin.id, "symbol": coin.symbol, "name": coin.name} for coin in world.coins.values()])


def _markets(world: World, parameters: Mapping[str, str]) -> Reply:
    wrong = _unknown(parameters, "vs_currency", "ids", "order", "per_page", "page")
    if wrong:
        return wrong
    size, number = int(parameters.get("per_page", 100)), int(parameters.get("page", 1))
    if "vs_currency" not in parameters or not 1 <= size <= 250 or number < 1:
        return failure(400, 400, "vs_currency is missing, or a page is out of bounds")
    wanted = parameters["ids"].split(",") if "ids" in parameters else list(world.coins)
    coins = [world.coins[name] for name in wanted if name in world.coins]
    return 200, [_market(world, coin, rank) for rank, coin in enumerate(coins, 1)][(number - 1) * size : number * size]


def _market(world: World, coin: Coin, rank: int) -> dict[str, Any]:
    now = coin.points.get(world.latest_point())
    return {
        "id": coin.id,
        "symbol": coin.symbol,
        "name": coin.name,
        "current_price": now and now.price,
        "market_cap": now and now.cap,
        "market_cap_rank": rank,
        "fully_diluted_valuation": None,
        "total_volume": now and now.volume,
        "circulating_supply": now.cap / now.price if now and now.cap and now.price else None,
        "total_supply": None,
        "max_supply": None,
        "roi": None,
        "last_updated": f"{world.now - timedelta(seconds=30):%Y-%m-%dT%H:%M:%S.000Z}",
    }


def _market_chart(world: World, name: str, parameters: Mapping[str, str], pro: bool) -> Reply:
    wrong = _unknown(parameters, "vs_currency", "days", "interval", "precision")
    if wrong:
        return wrong
    if "vs_currency" not in parameters or not parameters.get("days", "").isdigit():
        return failure(400, 400, "vs_currency or days is missing")
    if name not in world.coins:
        return 404, {"error": "coin not found"}
    days = int(parameters["days"])
    if days > KEYLESS_HISTORY_DAYS and not pro:
        return 401, {"error": {"status": {"error_code": 10012, "error_message": "the time range is out of the plan"}}}
    series: dict[str, list[list[Any]]] = {"prices": [], "market_caps": [], "total_volumes": []}
    coin, midnight = world.coins[name], world.now.date() - timedelta(days=days - 1)
    while midnight <= world.latest_point():
        if figures := coin.points.get(midnight):
            moment = int(datetime(midnight.year, midnight.month, midnight.day, tzinfo=UTC).timestamp()) * 1000
            _add(series, moment, figures.price, figures.cap, figures.volume)
        midnight += timedelta(days=1)
    if figures := coin.points.get(world.latest_point()):
        price = figures.price * Decimal("1.001") if figures.price else None
        _add(series, int(world.now.timestamp() * 1000) - 41_000, price, figures.cap, figures.volume)
    return 200, series


def _add(series: dict[str, list[list[Any]]], moment: int, price: Any, cap: Any, volume: Any) -> None:
    for name, value in (("prices", price), ("market_caps", cap), ("total_volumes", volume)):
        series[name].append([moment, value])


def _global(world: World, parameters: Mapping[str, str]) -> Reply:
    wrong = _unknown(parameters)
    data = {
        "active_cryptocurrencies": len(world.coins),
        "markets": 1,
        "total_market_cap": {"usd": world.total_cap},
        "market_cap_percentage": {},
        "updated_at": int(world.now.timestamp()),
    }
    return wrong or (200, {"data": data})
