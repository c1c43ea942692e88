"""Answers as OKX gives them: newest first, both ends left out, at most 300 rows, everything in an envelope."""

from collections.abc import Mapping
from typing import Any

from sandbox.exchanges.world import HOUR_MS, MINUTE_MS, Listing, World

Reply = tuple[int, Any]
MOST_ROWS = 300
# Its days begin at midnight in Hong Kong, unless UTC is asked for.
STEPS = {"1m": MINUTE_MS, "1H": HOUR_MS, "1Dutc": 24 * HOUR_MS}
CANDLES = ("market/candles", "market/history-candles")


def answer(world: World, path: str, parameters: Mapping[str, str]) -> Reply:
    """Status and document for a path below ``api/v5/``."""
    if path == "public/time":
        return 200, _envelope([{"ts": str(world.now_ms)}])
    if path == "public/instruments":
        return 200, _envelope([_instrument(one) for one in world.listings.values() if not one.gone])
    if path in CANDLES:
        return _candles(world, parameters)
    return 404, {"code": "404", "msg": "no such path", "data": []}


def _envelope(data: list[Any]) -> dict[str, Any]:
    return {"code": "0", "msg": "", "data": data}


def _candles(world: World, parameters: Mapping[str, str]) -> Reply:
    listing = next((one for one in world.listings.values() if _id(one) == parameters.get("instId")), None)
    step = STEPS.get(parameters.get("bar", ""))
    if listing is None or step is None:
        return 200, {"code": "51001", "msg": "Instrument ID or bar does not exist", "data": []}
    older_than = int(parameters.get("after", world.now_ms + 1))
    newer_than = int(parameters.get("before", older_than - 2 * MOST_ROWS * step))
    rows = world.rows(listing, newer_than + 1, older_than - 1, step=step)
    newest = rows[::-1][: min(int(parameters.get("limit", 100)), MOST_ROWS)]
    over = [str(int(row[0] + step <= world.now_ms)) for row in newest]
    return 200, _envelope(
        [[str(row[0]), *row[1:6], row[7], row[7], state] for row, state in zip(newest, over, strict=True)]
    )


def _id(one: Listing) -> str:
    return one.pair.replace("_", "-")


def _instrument(one: Listing) -> dict[str, Any]:
    base, quote = one.pair.split("_")
    return {
        "instType": "SPOT",
        "instId": _id(one),
        "baseCcy": base,
        "quoteCcy": quote,
        "state": "live" if one.status == "TRADING" else "suspend",
        "listTime": str(one.listed_ms),
        "tickSz": "0.01",
        "lotSz": "0.00001",
        "minSz": "0.00001",
        "ctType": "",
        "ctVal": "",
        "expTime": "",
        "lever": "",
        "settleCcy": "",
        "uly": "",
        "instFamily": "",
        "category": "1",
    }
