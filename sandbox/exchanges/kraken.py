"""Answers as Kraken gives them: its newest 720 bars whatever is asked, also the unfinished one.

A minute without a trade has no bar.
"""

from collections.abc import Mapping
from typing import Any

from sandbox.exchanges.world import MINUTE_MS, Listing, World

Reply = tuple[int, Any]
MOST_ROWS = 720
PARAMETERS = {"pair", "interval", "since"}
# Its own names of what everybody else calls otherwise.
NAMES = {"BTC": "XXBT", "ETH": "XETH"}


def answer(world: World, path: str, parameters: Mapping[str, str]) -> Reply:
    """Status and document for a path below ``0/public/``."""
    if path == "Time":
        return 200, _result({"unixtime": world.now_ms // 1000})
    if path == "AssetPairs":
        return 200, _result({_id(one): _pair(one) for one in world.listings.values() if not one.gone})
    if path == "OHLC":
        return _bars(world, parameters)
    return 404, {"error": ["EGeneral:Unknown method"]}


def _result(found: Any) -> dict[str, Any]:
    return {"error": [], "result": found}


def _bars(world: World, parameters: Mapping[str, str]) -> Reply:
    listing = next((one for one in world.listings.values() if _id(one) == parameters.get("pair")), None)
    if listing is None or set(parameters) - PARAMETERS or parameters.get("interval") != "1":
        return 200, {"error": ["EGeneral:Invalid arguments"]}
    since = int(parameters.get("since", 0)) * 1000
    newest = world.rows(listing, world.now_ms - MOST_ROWS * MINUTE_MS, world.now_ms)
    rows = [_row(row) for row in newest if row[0] > since and row[8]]
    return 200, _result({_id(listing): rows, "last": world.now_ms // MINUTE_MS * 60 - 60})


def _row(row: list) -> list:
    return [row[0] // 1000, *row[1:5], row[4], row[5], row[8]]


def _id(one: Listing) -> str:
    return "".join(NAMES.get(part, part) for part in one.pair.split("_"))


def _pair(one: Listing) -> dict[str, Any]:
    base, quote = one.pair.split("_")
    return {
        "altname": one.id,
        "wsname": one.pair.replace("_", "/"),
        "base": NAMES.get(base, base),
        "quote": NAMES.get(quote, quote),
        "pair_decimals": 2,
        "lot_decimals": 8,
        "cost_decimals": 5,
        "leverage_buy": [],
        "leverage_sell": [],
        "fees": [[0, 0.26]],
        "fees_maker": [[0, 0.16]],
        "ordermin": "0.0001",
        "status": "online" if one.status == "TRADING" else "cancel_only",
    }
