"""Answers as Binance's spot and USD-M futures APIs give them, and its public dumps."""

import hashlib
import io
import re
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox.exchanges.world import HOUR_MS, MINUTE_MS, Listing, World

Reply = tuple[int, Any]
STEPS = {"1m": MINUTE_MS, "1h": HOUR_MS, "1d": 24 * HOUR_MS}
PARAMETERS = {"symbol", "interval", "startTime", "endTime", "limit"}
DEFAULT_ROWS, MOST_ROWS = 500, 1000
# Spot dumps count in microseconds since then.
MICROSECONDS_SINCE = datetime(2025, 1, 1, tzinfo=UTC)
DUMP = re.compile(
    r"data/(spot|futures/um)/(daily|monthly)/klines/(\w+)/1m/"
    r"\3-1m-(\d{4}-\d\d(?:-\d\d)?)\.zip(\.CHECKSUM)?"
)
HEADER = (
    "open_time,open,high,low,close,volume,close_time,"
    "quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n"
)


def answer(world: World, path: str, parameters: Mapping[str, str], *, short: int = 0) -> Reply:
    """Status and document for a path such as ``api/v3/klines``. short: how many rows fewer than asked for come."""
    futures, _, name = path.partition("/v1/" if path.startswith("fapi") else "/v3/")
    if name == "time":
        return 200, {"serverTime": world.now_ms}
    if name == "exchangeInfo":
        describe = _perpetual if futures == "fapi" else _spot
        symbols = [describe(one) for one in world.listings.values() if not one.gone]
        if futures == "fapi":
            symbols += [_dated(one) for one in list(world.listings.values())[:1] if not one.gone]
        limits = [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 1200}]
        return 200, {"timezone": "UTC", "serverTime": world.now_ms, "rateLimits": limits, "symbols": symbols}
    if name == "klines":
        return _klines(world, parameters, short)
    return 404, {"code": -1, "msg": "no such path"}


def weight(path: str, parameters: Mapping[str, str]) -> int:
    """What a request costs of the minute's 1,200, as Binance's documents had it when the limit was that."""
    if path.startswith("fapi") and path.endswith("klines"):
        limit = int(parameters.get("limit", DEFAULT_ROWS))
        return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10
    return 10 if path.endswith("exchangeInfo") else 1


def _klines(world: World, parameters: Mapping[str, str], short: int) -> Reply:
    unknown = sorted(set(parameters) - PARAMETERS)
    if unknown or parameters.get("interval") not in STEPS:
        return 400, {"code": -1104, "msg": f"Not all sent parameters were read: {unknown}"}
    listing = world.listing(parameters.get("symbol", ""))
    if listing is None:
        return 400, {"code": -1121, "msg": "Invalid symbol."}
    limit = min(int(parameters.get("limit", DEFAULT_ROWS)), MOST_ROWS)
    first, last = int(parameters.get("startTime", 0)), int(parameters.get("endTime", world.now_ms))
    step = STEPS[parameters["interval"]]
    first = max(first, listing.listed_ms)
    # One row more than the limit is all that is looked at, as far as there are any.
    last = min(last, first + (limit + 3_000) * step)
    return 200, world.rows(listing, first, last, step=step)[: max(0, limit - short)]


def _spot(one: Listing) -> dict[str, Any]:
    base, quote = one.pair.split("_")
    return {
        "symbol": one.id,
        "status": one.status,
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "MARKET"],
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.0", "stepSize": "0.00001"},
        ],
        "permissions": ["SPOT"],
    }


def _perpetual(one: Listing) -> dict[str, Any]:
    base, quote = one.pair.split("_")
    spot = _spot(one)
    return {
        "symbol": one.id,
        "pair": one.id,
        "contractType": "PERPETUAL",
        "deliveryDate": one.delisted_ms or 4_133_404_800_000,
        "onboardDate": one.listed_ms,
        "status": "SETTLING" if one.status != "TRADING" else "TRADING",
        "baseAsset": base,
        "quoteAsset": quote,
        "marginAsset": quote,
        "pricePrecision": 2,
        "quantityPrecision": 3,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "filters": spot["filters"],
        "orderTypes": spot["orderTypes"],
    }


def _dated(one: Listing) -> dict[str, Any]:
    return _perpetual(one) | {
        "symbol": f"{one.id}_240329",
        "contractType": "CURRENT_QUARTER",
        "deliveryDate": 1_711_699_200_000,
        "status": "TRADING",
    }


def dump(world: World, path: str) -> tuple[int, bytes]:
    """A zip of the dumps, or the line with its checksum."""
    match = DUMP.fullmatch(path)
    listing = world.listing(match[3]) if match else None
    if match is None or listing is None:
        return 404, b"<Error><Code>NoSuchKey</Code></Error>"
    market, span, _, label, checksum = match.groups()
    begin = datetime.fromisoformat(label if span == "daily" else f"{label}-01").replace(tzinfo=UTC)
    month = begin.replace(year=begin.year + begin.month // 12, month=begin.month % 12 + 1)
    first = int(begin.timestamp() * 1000)
    end = first + 24 * HOUR_MS if span == "daily" else int(month.timestamp() * 1000)
    rows = world.rows(listing, first, end - 1, api=False)
    if not rows or end > world.now_ms:
        return 404, b"<Error><Code>NoSuchKey</Code></Error>"
    name = path.rsplit("/", 1)[1].removesuffix(".CHECKSUM")
    data = packed(
        rows,
        name.replace(".zip", ".csv"),
        header=market != "spot",
        micro=market == "spot" and begin >= MICROSECONDS_SINCE,
    )
    return 200, f"{hashlib.sha256(data).hexdigest()}  {name}\n".encode() if checksum else data


def packed(rows: list[list], name: str, *, header: bool, micro: bool) -> bytes:
    """Rows as a dump's zip; the same bytes for the same rows."""
    times = [([row[0] * 1000, *row[1:6], row[6] * 1000 + 999, *row[7:]] if micro else row) for row in rows]
    text = (HEADER if header else "") + "".join(",".join(map(str, row)) + "\n" for row in times)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), text)
    return file.getvalue()
