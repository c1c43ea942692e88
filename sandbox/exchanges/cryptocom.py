"""Answers as Crypto.com gives them: at most 300 bars, the newest of those between both ends, which belong to them; none
for a minute without a trade, and no time of its own."""

from collections.abc import Mapping
from typing import Any

from sandbox.exchanges.world import HOUR_MS, MINUTE_MS, Listing, World

Reply = tuple[int, Any]
DEFAULT_ROWS, MOST_ROWS = 25, 300
STEPS = {"1m": MINUTE_MS, "1h": HOUR_MS, "1D": 24 * HOUR_MS}


def answer(world: World, path: str, parameters: Mapping[str, str]) -> Reply:
    """Status and document for a path below ``exchange/v1/public/``."""
    if path == "get-instruments":
        return 200, _result({"data": [_instrument(one) for one in world.listings.values() if not one.gone]})
    if path == "get-candlestick":
        return _bars(world, parameters)
    return 404, {"code": 40001, "message": "no such method"}


def _result(found: Any) -> dict[str, Any]:
    return {"id": -1, "code": 0, "result": found}


def _bars(world: World, parameters: Mapping[str, str]) -> Reply:
    listing = world.listings.get(parameters.get("instrument_name", ""))
    step = STEPS.get(parameters.get("timeframe", ""))
    if listing is None or step is None or int(parameters.get("count", DEFAULT_ROWS)) > MOST_ROWS:
        return 400, {"code": 40004, "message": "Missing or invalid argument"}
    last = int(parameters.get("end_ts", world.now_ms))
    first = int(parameters.get("start_ts", last - 24 * HOUR_MS))
    rows = [row for row in world.rows(listing, first, last, step=step) if row[8]]
    newest = rows[-int(parameters.get("count", DEFAULT_ROWS)) :]
    data = [dict(zip("tohlcv", row[:6], strict=True)) for row in newest]
    return 200, _result({"interval": parameters["timeframe"], "data": data, "instrument_name": listing.pair})


def _instrument(one: Listing) -> dict[str, Any]:
    base, quote = one.pair.split("_")
    return {
        "symbol": one.pair,
        "inst_type": "CCY_PAIR",
        "display_name": one.pair.replace("_", "/"),
        "base_ccy": base,
        "quote_ccy": quote,
        "quote_decimals": 2,
        "quantity_decimals": 5,
        "price_tick_size": "0.01",
        "qty_tick_size": "0.00001",
        "max_leverage": "50",
        "tradable": one.status == "TRADING",
        "expiry_timestamp_ms": 0,
    }
