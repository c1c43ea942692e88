"""Small worlds for the two APIs, and the server that speaks for them: what a test sets up, one line each."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from core.clock import Clock
from sandbox.markets.world import Chain, Coin, Figures, World, block, block_hash

DAY = date(2024, 1, 2)
NOW = datetime(2024, 1, 3, 1, tzinfo=UTC)


class DayClock(Clock):
    """Stands at a moment; sleeping moves it."""

    def __init__(self, now=NOW):
        self.moment, self.slept = now, []

    def monotonic(self):
        return self.moment.timestamp()

    def sleep(self, seconds):
        if seconds > 0:
            self.slept.append(seconds)
            self.moment += timedelta(seconds=seconds)

    def now(self):
        return self.moment


def coin(name, prices, first=date(2023, 12, 30), symbol=None):
    """A coin with one price per midnight from ``first`` on; None where the API answers null."""
    points = {}
    for at, price in enumerate(prices):
        value = None if price is None else Decimal(str(price))
        points[first + timedelta(days=at)] = Figures(value, value and value * 10, value and value * 1000)
    return Coin(name, symbol or name[:3], name.title(), points)


def chain(name, per_day, *, first_height=1000, days=(DAY,), after=3, transactions=None):
    """A chain with a block before the days, ``per_day`` evenly spread on each, and some after the last."""
    blocks, height = [], first_height
    start = datetime(days[0].year, days[0].month, days[0].day, tzinfo=UTC)
    blocks.append(block(name, height, start - timedelta(seconds=1), 2))
    for day in days:
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        for at in range(per_day):
            height += 1
            blocks.append(block(name, height, midnight + timedelta(seconds=86_399 * at // max(per_day - 1, 1)), 2))
    for at in range(after):
        height += 1
        blocks.append(block(name, height, midnight + timedelta(days=1, seconds=at), 2))
    sums = {day: sums_of(per_day * 2) for day in days}
    return Chain(name, blocks, sums if transactions is None else {}, transactions or [])


def sums_of(count):
    return {
        "count()": count,
        "sum(fee)": str(count * 1000),
        "sum(fee_usd)": Decimal(count) / 10,
        "sum(output_total)": str(count * 10**9),
        "sum(output_total_usd)": Decimal(count) * 100,
        "sum(value)": str(count * 10**18),
        "sum(value_usd)": Decimal(count) * 100,
    }


def transactions(name, count, height=1001, day=DAY):
    """Transactions as the API serves them, evenly spread on a day; numbers leave gaps, as the API's do."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return [
        {
            "id": 5_000_000 + 3 * at,
            "block_id": height + at // 100,
            "hash": block_hash(name, at, "transaction"),
            "date": str(day),
            "time": f"{midnight + timedelta(seconds=86_399 * at // max(count - 1, 1)):%Y-%m-%d %H:%M:%S}",
            "size": 250,
            "is_coinbase": at % 100 == 0,
            "input_count": 1,
            "output_count": 2,
            "input_total": 10**8,
            "output_total": 10**8 - 1000,
            "output_total_usd": 42.5,
            "fee": 1000,
            "fee_usd": None if at % 7 == 0 else 0.01,
        }
        for at in range(count)
    ]


def world(chains=(), coins=None, now=NOW, total_cap=Decimal(10) ** 12):
    if coins is None:
        coins = [coin("bitcoin", [100, 110, 121, 133, 146]), coin("ethereum", [10, 10, 11, 11, 12])]
        coins.append(coin("dogecoin", [0.1, 0.1, 0.1, 0.1, 0.2]))
    return World(now, {entry.id: entry for entry in coins}, {entry.name: entry for entry in chains}, total_cap)
