"""The committed sample, and the generator that made it: nothing in it is from outside, nothing is random.

``python -m sandbox.markets.sample`` makes ``sample.json.gz`` again, byte for byte. A hundred days of three coins up
to 2024-01-05, and every block of three chains from 2024-01-01 23:00 to 2024-01-05 01:00, as wide apart as real ones.
"""

import gzip
import hashlib
import json
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sandbox.markets.world import Chain, Coin, Figures, World, block

SAMPLE = Path(__file__).with_name("sample.json.gz")
NOW = datetime(2024, 1, 5, 1, 0, tzinfo=UTC)
FIRST_POINT = date(2023, 9, 28)
FIRST_BLOCK = datetime(2024, 1, 1, 23, 0, tzinfo=UTC)

# Price at the beginning, daily drift and spread, coins in existence.
COINS: dict[str, tuple[str, str, float, float, float, int]] = {
    "bitcoin": ("btc", "Bitcoin", 26_800.0, 0.0045, 0.021, 19_590_000),
    "ethereum": ("eth", "Ethereum", 1_650.0, 0.0030, 0.025, 120_190_000),
    "dogecoin": ("doge", "Dogecoin", 0.0612, 0.0025, 0.032, 142_300_000_000),
}
# Height at the beginning, seconds between blocks, transactions a block, bytes a transaction, fee in smallest units.
CHAINS: dict[str, tuple[int, float, int, int, int]] = {
    "bitcoin": (823_700, 600.0, 3_100, 480, 9_000),
    "dogecoin": (5_031_000, 61.0, 55, 620, 110_000_000),
    "ethereum": (18_912_000, 12.05, 160, 700, 1_300_000_000_000_000),
}
UNITS = {"bitcoin": 10**8, "dogecoin": 10**8, "ethereum": 10**18}
# Coins that a transaction moves, on average.
MOVED = {"bitcoin": 2, "dogecoin": 6_000, "ethereum": 1}
# All coins' capitalisation is this multiple of the three coins'.
TOTAL = Decimal("1.43")


def share(name: str, at: int) -> float:
    """An evenly spread number in (0, 1), always the same for the same name and place."""
    digest = hashlib.sha256(f"{name}/{at}".encode()).digest()
    return (int.from_bytes(digest[:7], "big") + 0.5) / 2**56


def bell(name: str, at: int) -> float:
    """A normally spread number, by Box and Muller's formula."""
    return math.sqrt(-2 * math.log(share(name, 2 * at))) * math.cos(2 * math.pi * share(name, 2 * at + 1))


def make() -> dict[str, Any]:
    """The sample in the form it is committed in: prices by coin, and columns of blocks by chain."""
    days = (NOW.date() - FIRST_POINT).days + 1
    coins = {}
    for name, (_, _, price, drift, spread, _) in COINS.items():
        level, levels = price, []
        for at in range(days):
            levels.append(float(f"{level:.6g}"))
            level *= math.exp(drift + spread * bell(name, at))
        coins[name] = levels
    return {"coins": coins, "chains": {name: _columns(name) for name in CHAINS}}


def _columns(name: str) -> dict[str, list[int]]:
    _, seconds, transactions, _, _ = CHAINS[name]
    proof_of_work = name != "ethereum"
    gaps: list[int] = []
    counts: list[int] = []
    at = passed = 0
    until = int((NOW - FIRST_BLOCK).total_seconds())
    while True:
        # Proof of work finds blocks like rain falls; proof of stake keeps slots of 12 s and misses some.
        gap = -seconds * math.log(share(f"{name}/gap", at)) if proof_of_work else 12 * (1 + (share(name, at) < 0.004))
        gap = max(1, round(gap))
        passed += gap
        if passed > until:
            return {"gaps": gaps, "counts": counts}
        gaps.append(gap)
        counts.append(max(1, round(transactions * (0.4 + 1.2 * share(f"{name}/count", at)))))
        at += 1


def sample() -> World:
    """The committed sample."""
    with gzip.open(SAMPLE, "rt") as file:
        made = json.load(file)
    coins = {name: _coin(name, levels) for name, levels in made["coins"].items()}
    tracked = sum((_cap(coin, NOW.date()) for coin in coins.values()), Decimal(0))
    chains = {}
    for name, columns in made["chains"].items():
        blocks = list(_blocks(name, columns))
        chains[name] = Chain(name, blocks, sums={day: _sums(name, day, blocks, coins[name]) for day in _days(blocks)})
    return World(NOW, coins, chains, tracked * TOTAL)


def _coin(name: str, levels: list[float]) -> Coin:
    symbol, title, _, _, _, supply = COINS[name]
    points = {}
    for at, level in enumerate(levels):
        price = Decimal(str(level))
        volume = round(price * supply * Decimal(0.02 + 0.03 * share(f"{name}/volume", at)), 2)
        points[FIRST_POINT + timedelta(days=at)] = Figures(price, volume, price * supply)
    return Coin(name, symbol, title, points)


def _cap(coin: Coin, midnight: date) -> Decimal:
    return coin.points[midnight].cap or Decimal(0)


def _blocks(name: str, columns: dict[str, list[int]]) -> Iterator[dict[str, Any]]:
    height, _, _, size, fee = CHAINS[name]
    when = FIRST_BLOCK
    for at, (gap, count) in enumerate(zip(columns["gaps"], columns["counts"], strict=True)):
        when += timedelta(seconds=gap)
        yield block(name, height + at, when, count, size=300 + count * size, fee=count * fee)


def _days(blocks: list[dict[str, Any]]) -> list[date]:
    return [date.fromisoformat(day) for day in sorted({row["date"] for row in blocks})]


def _sums(name: str, day: date, blocks: list[dict[str, Any]], coin: Coin) -> dict[str, Any]:
    price = coin.points[day].price or Decimal(0)
    of_day = [row for row in blocks if row["date"] == str(day)]
    fees = sum(int(row["fee_total"]) for row in of_day)
    moved = sum(int(row["transaction_count"]) for row in of_day) * UNITS[name] * MOVED[name]
    fees_usd, moved_usd = (round(Decimal(amount) / UNITS[name] * price, 2) for amount in (fees, moved))
    return {
        "count()": sum(row["transaction_count"] for row in of_day),
        "sum(fee)": str(fees),
        "sum(fee_usd)": fees_usd,
        "sum(output_total)": str(moved),
        "sum(output_total_usd)": moved_usd,
        "sum(value)": str(moved),
        "sum(value_usd)": moved_usd,
    }


def write(path: Path = SAMPLE) -> None:
    """Write the sample, the same bytes each time: no time and no name in gzip's header."""
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
        file.write(json.dumps(make(), separators=(",", ":")).encode())


if __name__ == "__main__":
    write()
