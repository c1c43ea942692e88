"""What happened at the sample exchange: bars by a function of symbol and minute, and a short story of faults.

Nothing is from outside and nothing is random: a price is made of whole numbers by mixing bits, so that every machine
makes the same ones. The story is what ``make run ROOM=exchanges`` shows; tests write their own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property, lru_cache

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
TICK = Decimal("0.01")
# 2024-01-01, 00:00 UTC, the first of the sample's three days; its present is 2024-01-04, 01:20 UTC.
SAMPLE_START_MS = 1_704_067_200_000
SAMPLE_NOW_MS = SAMPLE_START_MS + 3 * 24 * HOUR_MS + 80 * MINUTE_MS
# Of universe v7, with the prices that some begin at, in ticks; the others have prices of their own making.
STARTS = {"BTC_USDT": 4_300_000, "ETH_USDT": 230_000, "BNB_USDT": 31_000, "SOL_USDT": 10_400}
_BASES = (
    *("BTC", "ETH", "APE", "AVAX", "AXS", "BAKE", "BNB", "CRV", "CTK", "DOGE", "DOT", "DYDX", "FTM", "GMT", "LINK"),
    *("MATIC", "NEAR", "OGN", "RUNE", "SAND", "SOL", "STORJ", "UNFI", "WAVES", "XRP"),
)
SAMPLE_PAIRS = ("BTC_BUSD", "ETH_BUSD", *(f"{base}_USDT" for base in _BASES))


def mixed(*numbers: int) -> int:
    """Sixty-four bits that look like chance, the same ones for the same numbers."""
    state = 0x9E3779B97F4A7C15
    for number in numbers:
        state = ((state ^ (number & 0xFFFFFFFFFFFFFFFF)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        state ^= state >> 29
        state = (state * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        state ^= state >> 32
    return state


@dataclass(frozen=True)
class Listing:
    """A symbol of the exchange. start: its price in ticks. listed_ms, delisted_ms: it trades from and until then.
    gone: it stands in no list any more.
    """

    pair: str
    start: int
    status: str = "TRADING"
    listed_ms: int = 1_567_965_420_000
    delisted_ms: int | None = None
    gone: bool = False

    @cached_property
    def seed(self) -> int:
        return int.from_bytes(self.pair.encode()[:8].ljust(8, b"."), "big")

    @property
    def id(self) -> str:
        return self.pair.replace("_", "")


@dataclass
class World:
    """An exchange. missing: minutes, as open times, that nobody has bars of. hidden: those that only the API lacks.
    absent: minutes without a trade have no bar. moved: milliseconds that a bar opens late.
    changed: factors on the close of minutes that were revised.
    """

    listings: Mapping[str, Listing]
    now_ms: int = SAMPLE_NOW_MS
    missing: dict[str, set[int]] = field(default_factory=dict)
    hidden: dict[str, set[int]] = field(default_factory=dict)
    moved: dict[str, dict[int, int]] = field(default_factory=dict)
    changed: dict[str, dict[int, Decimal]] = field(default_factory=dict)
    absent: bool = False

    def listing(self, id: str) -> Listing | None:
        return next((one for one in self.listings.values() if one.id == id and not one.gone), None)

    def rows(
        self, listing: Listing, first_ms: int, last_ms: int, *, step: int = MINUTE_MS, api: bool = True
    ) -> list[list]:
        """Bars that open from ``first_ms`` to ``last_ms``, both included, as Binance's. api: without what it lost."""
        if step > MINUTE_MS:
            return self._longer(listing, first_ms, last_ms, step)
        begin = max(-(-first_ms // MINUTE_MS) * MINUTE_MS - MINUTE_MS, listing.listed_ms)
        end = min(last_ms, self.now_ms, (listing.delisted_ms or self.now_ms + 1) - 1)
        found = (self._row(listing, at, api) for at in range(-(-begin // MINUTE_MS) * MINUTE_MS, end + 1, MINUTE_MS))
        return [row for row in found if row and first_ms <= row[0] <= last_ms]

    def _row(self, listing: Listing, at: int, api: bool) -> list | None:
        if at in self.missing.get(listing.pair, ()) or (api and at in self.hidden.get(listing.pair, ())):
            return None
        row = kline(listing, at)
        if self.absent and row[8] == 0:
            return None
        row[0] += self.moved.get(listing.pair, {}).get(at, 0)
        if factor := self.changed.get(listing.pair, {}).get(at):
            close = (Decimal(row[4]) * factor).quantize(TICK)
            row[4], row[2], row[3] = str(close), str(max(close, Decimal(row[2]))), str(min(close, Decimal(row[3])))
        return row

    def _longer(self, listing: Listing, first_ms: int, last_ms: int, step: int) -> list[list]:
        found = []
        for at in range(-(-first_ms // step) * step, last_ms + 1, step):
            rows = self.rows(listing, at, at + step - 1, api=False)
            if rows:
                found.append(joined(rows, at, step))
        return found


@lru_cache(maxsize=1 << 16)
def _close(seed: int, start: int, minute: int) -> int:
    """The close in ticks: slow waves around the start, and a little of chance."""
    wave = 0
    for period, height in ((10_080, 60), (1_440, 25), (97, 4)):
        phase = (minute + seed % period) % period * 4
        wave += height * (phase - period if phase < 2 * period else 3 * period - phase) // period
    return max(1, start + start * wave // 2_000 + start * (mixed(seed, minute) % 9 - 4) // 10_000)


def kline(listing: Listing, at: int) -> list:
    """The bar of a minute as Binance sends it: prices and amounts as text."""
    minute = at // MINUTE_MS
    open_, close = (_close(listing.seed, listing.start, one) for one in (minute - 1, minute))
    chance = mixed(listing.seed, minute, 1)
    trades = 0 if chance % 97 == 0 else chance % 900 + 1
    if not trades:
        close_text = str(open_ * TICK)
        return [
            at,
            *[close_text] * 4,
            "0.00000000",
            at + MINUTE_MS - 1,
            "0.00000000",
            0,
            "0.00000000",
            "0.00000000",
            "0",
        ]
    high = max(open_, close) + open_ * (chance >> 12) % 7 // 10_000 * 1 + (chance >> 20) % 3
    low = max(1, min(open_, close) - (chance >> 24) % 3)
    volume = Decimal(chance % 9_999_991 + 1).scaleb(-5)
    quote = (volume * (open_ + close) / 2 * TICK).quantize(Decimal("0.00000001"))
    prices = [str(price * TICK) for price in (open_, high, low, close)]
    return [
        at,
        *prices,
        f"{volume:.8f}",
        at + MINUTE_MS - 1,
        str(quote),
        trades,
        f"{volume / 2:.8f}",
        str(quote / 2),
        "0",
    ]


def joined(rows: list[list], at: int, step: int) -> list:
    """One longer bar of the bars inside it."""
    sums = [sum(Decimal(row[column]) for row in rows) for column in (5, 7, 9, 10)]
    high, low = max(Decimal(row[2]) for row in rows), min(Decimal(row[3]) for row in rows)
    trades = sum(row[8] for row in rows)
    prices = [rows[0][1], str(high), str(low), rows[-1][4]]
    return [at, *prices, str(sums[0]), at + step - 1, str(sums[1]), trades, str(sums[2]), str(sums[3]), "0"]


def listings(pairs: Iterable[str]) -> dict[str, Listing]:
    """Listings with some start price each."""
    return {pair: Listing(pair, STARTS.get(pair) or 1_000 + mixed(*pair.encode()) % 90_000) for pair in pairs}


def sample_world(pairs: Iterable[str] = SAMPLE_PAIRS) -> World:
    """The sample's exchange: three days with an outage of ten minutes for all, minutes that only the API lost, and a
    symbol that is delisted at noon of the last day."""
    known = listings(pairs)
    second, third = SAMPLE_START_MS + 24 * HOUR_MS, SAMPLE_START_MS + 48 * HOUR_MS
    outage = {second + 10 * HOUR_MS + minute * MINUTE_MS for minute in range(10)}
    lost = {third + 3 * HOUR_MS + minute * MINUTE_MS for minute in range(4)}
    last = list(known)[-1]
    known[last] = Listing(last, known[last].start, "BREAK", delisted_ms=third + 12 * HOUR_MS)
    return World(known, missing=dict.fromkeys(known, outage), hidden={"BTC_USDT": lost})
