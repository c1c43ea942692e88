"""A symbol's day as one Parquet object: rows by open time, when each value was first known, and what a fetch found.

The object is replaced as a whole by one write, which the store makes atomic, and only when a row or a fact in it
changed. A bar that was stored stays until another one of the same minute comes; then it moves to the revisions.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import LakeDamaged
from core.plain import one_line
from resources.clients.exchanges.bars import DECIMALS, MINUTES, Bar
from resources.clients.lake.object_store import ObjectStore

# A day with all its minutes takes some 60 KB; bars off the minute make it a little more.
MOST_BYTES, MOST_ROWS = 16 << 20, 4 * MINUTES
# Former rows come with every fetch that changes some: of a day that was rewritten whole 60 times, the newest are kept.
MOST_FORMER = 60 * MINUTES
PRICE = pa.decimal128(38, DECIMALS)
KNOWN = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        pa.field("timestamp", pa.int64(), nullable=False),
        *(pa.field(name, PRICE, nullable=False) for name in ("open", "high", "low", "close", "volume")),
        pa.field("quote_volume", PRICE),
        pa.field("trades", pa.int64()),
        pa.field("close_time", pa.int64()),
        pa.field("currency_pair", pa.string(), nullable=False),
        pa.field("exchange_id", pa.string(), nullable=False),
        pa.field("knowledge_timestamp", KNOWN, nullable=False),
        *(pa.field(name, pa.int32(), nullable=False) for name in ("year", "month", "day")),
    ]
)
COLUMNS = {
    "timestamp": "Open time in ms of Unix time, UTC; off the minute as well.",
    "open": "Price of the first trade, in the quote currency.",
    "high": "Highest price, in the quote currency.",
    "low": "Lowest price, in the quote currency.",
    "close": "Price of the last trade, in the quote currency.",
    "volume": "Amount traded, in the base currency.",
    "quote_volume": "Amount traded, in the quote currency; null where the vendor does not tell.",
    "trades": "Number of trades; null where the vendor does not tell.",
    "close_time": "Last millisecond of the bar; null where the vendor does not tell.",
    "currency_pair": "The pair, as BTC_USDT.",
    "exchange_id": "ccxt's name of the exchange.",
    "knowledge_timestamp": "When these values were first known, UTC.",
    "year": "Year of the UTC day.",
    "month": "Month of the UTC day.",
    "day": "Day of the month of the UTC day.",
}
REVISIONS = "revisions/"
_VALUES = [field.name for field in SCHEMA][:9]
_FACTS = b"headwater"
log = logging.getLogger("headwater.exchanges")


@dataclass
class SymbolDay:
    """One symbol's day as it is stored. known: when each bar's values were first known, in the order of the bars.

    facts: what the fetch found, as JSON holds it: its outcome, source, times.
    """

    exchange_id: str
    pair: str
    day: date
    bars: list[Bar] = field(default_factory=list)
    known: list[datetime] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """Of the rows in canonical form: it depends on no library, and on nothing but the bars."""
        return hashlib.sha256("".join(map(canonical, self.bars)).encode()).hexdigest()


@dataclass(frozen=True)
class Written:
    """What became of a day's object. changed: bars with other values than before. added: bars that are new.
    withdrawn: stored bars that the source did not send again, which stay."""

    key: str
    written: bool
    sha256: str
    rows: int
    changed: int = 0
    added: int = 0
    withdrawn: int = 0


def canonical(bar: Bar) -> str:
    """A bar as a line of text, numbers without trailing zeros, nothing for what is not told."""
    quote = "" if bar.quote_volume is None else _plain(bar.quote_volume)
    trades = "" if bar.trades is None else bar.trades
    prices = f"{_plain(bar.open)},{_plain(bar.high)},{_plain(bar.low)},{_plain(bar.close)}"
    return f"{bar.open_ms},{prices},{_plain(bar.volume)},{quote},{trades}\n"


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def merged(old: SymbolDay | None, new: SymbolDay, now: datetime) -> tuple[SymbolDay, SymbolDay, Written]:
    """What to store, the rows it replaces, and the counts. Unchanged bars keep the time they were known at."""
    before = {bar.open_ms: (bar, known) for bar, known in zip(old.bars, old.known, strict=True)} if old else {}
    rows, former = dict(before), []
    changed = added = 0
    for bar in new.bars:
        known = before.get(bar.open_ms)
        if known and known[0].values == bar.values:
            continue
        rows[bar.open_ms] = (bar, now)
        changed, added = changed + (known is not None), added + (known is None)
        former += [known] if known else []
    ordered = [rows[at] for at in sorted(rows)]
    day = SymbolDay(
        new.exchange_id, new.pair, new.day, [bar for bar, _ in ordered], [at for _, at in ordered], new.facts
    )
    replaced = SymbolDay(new.exchange_id, new.pair, new.day, [bar for bar, _ in former], [at for _, at in former])
    withdrawn = len(before.keys() - {bar.open_ms for bar in new.bars})
    return day, replaced, Written("", True, day.sha256, len(ordered), changed, added, withdrawn)


def encode(day: SymbolDay, sha256: str | None = None) -> bytes:
    """The object's bytes. Its metadata holds the facts, the number of rows and the hash of the canonical rows.

    sha256: that hash, where it is known already.
    """
    bars, rows = day.bars, len(day.bars)
    columns: list[Any] = [[bar.open_ms for bar in bars]]
    columns += [[getattr(bar, name) for bar in bars] for name in _VALUES[1:8]]
    columns += [[bar.close_ms for bar in bars], [day.pair] * rows, [day.exchange_id] * rows, day.known]
    columns += [[part] * rows for part in (day.day.year, day.day.month, day.day.day)]
    facts = day.facts | {
        "rows": rows,
        "sha256": sha256 or day.sha256,
        "pair": day.pair,
        "exchange_id": day.exchange_id,
        "day": f"{day.day}",
    }
    schema = SCHEMA.with_metadata({_FACTS: json.dumps(facts, sort_keys=True).encode()})
    table = pa.table([pa.array(column, item.type) for column, item in zip(columns, schema, strict=True)], schema=schema)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", row_group_size=MOST_ROWS)
    return sink.getvalue().to_pybytes()


def decode(data: bytes, uri: str, most: int = MOST_ROWS) -> SymbolDay:
    """The day that an object's bytes hold. most: rows that it may have.

    Raises:
        LakeDamaged: when they are no such object, or its rows are not what its hash says.
    """
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        if not file.schema_arrow.equals(SCHEMA) or not 0 <= file.metadata.num_rows <= most:
            raise ValueError("its columns or number of rows are others")
        facts = json.loads(file.schema_arrow.metadata[_FACTS])
        columns = file.read().to_pydict()
        values = zip(*(columns[name] for name in _VALUES), strict=True)
        bars = [Bar(*row) for row in values]
        day = date.fromisoformat(facts["day"])
        found = SymbolDay(facts["exchange_id"], facts["pair"], day, bars, columns["knowledge_timestamp"], facts)
        if found.sha256 != facts["sha256"]:
            raise ValueError("its rows are not those that its hash is of")
    except (pa.ArrowException, ValueError, KeyError, TypeError, OSError, AttributeError, RecursionError) as error:
        raise LakeDamaged(
            f"Lake: {uri} is no day of bars ({one_line(error, 200)}). Materialize the day again."
        ) from None
    return found


class BarObjects:
    """Symbol days in an object store, under keys that their callers know."""

    def __init__(self, store: ObjectStore):
        self.store = store

    def read(self, key: str) -> SymbolDay | None:
        """A day; None when it is not there.

        Raises:
            LakeDamaged: when it is something else.
        """
        data = self.store.read(key, MOST_BYTES)
        most = MOST_FORMER if key.startswith(REVISIONS) else MOST_ROWS
        return None if data is None else decode(data, self.store.uri(key), most)

    def put(self, key: str, new: SymbolDay, now: datetime) -> Written:
        """Bring a day up to date. Replaced rows are kept first, so that a kill between the two writes loses none."""
        old, kept = self._whole(key), self._whole(revisions_key(key))
        if old and old.bars and not new.bars and not new.facts.get("confirmed"):
            # A fetch that found nothing, and did not make sure of it, takes nothing back of what an earlier one found.
            return Written(key, False, old.sha256, len(old.bars), withdrawn=len(old.bars))
        day, replaced, written = merged(old, new, now)
        if old and not (written.changed or written.added) and _lasting(old.facts) == _lasting(new.facts):
            return Written(key, False, written.sha256, written.rows, withdrawn=written.withdrawn)
        if replaced.bars:
            self._keep(revisions_key(key), kept, replaced)
        self.store.write(key, encode(day, written.sha256))
        return Written(key, True, written.sha256, written.rows, written.changed, written.added, written.withdrawn)

    def _whole(self, key: str) -> SymbolDay | None:
        """A day to go on from. A damaged one is moved out of the way, so that what is written next mends it."""
        try:
            return self.read(key)
        except LakeDamaged as error:
            log.warning("%s Until then it lies at %s.", error, self.store.uri(damaged_key(key)))
            with suppress(LakeDamaged):  # nobody needs an object that is far too large
                self.store.write(damaged_key(key), self.store.read(key, MOST_BYTES) or b"")
            self.store.delete(key)
            return None

    def _keep(self, key: str, earlier: SymbolDay | None, replaced: SymbolDay) -> None:
        rows = {} if earlier is None else dict(_by_time(earlier))
        rows |= dict(_by_time(replaced))
        known = sorted(sorted(rows, key=lambda at: at[1])[-MOST_FORMER:])
        whole = SymbolDay(
            replaced.exchange_id, replaced.pair, replaced.day, [rows[at] for at in known], [at for _, at in known]
        )
        self.store.write(key, encode(whole))

    def revised(self, key: str, day: SymbolDay) -> set[int]:
        """The open times of a day's bars that had other values once. day: what is stored of it now.

        A run that was killed kept rows which it then did not replace: those are still the day's own.
        """
        kept = self.read(revisions_key(key))
        own = {at for at, _ in _by_time(day)}
        return {bar.open_ms for at, bar in _by_time(kept) if at not in own} if kept else set()


def revisions_key(key: str) -> str:
    """Where the former rows of an object are kept: outside the dataset, whose readers take every file in it."""
    return f"{REVISIONS}{key}"


def damaged_key(key: str) -> str:
    """Where an object is moved to that cannot be read."""
    return f"damaged/{key}"


def utc(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


def _by_time(day: SymbolDay) -> list[tuple[tuple[int, datetime], Bar]]:
    return [((bar.open_ms, known), bar) for bar, known in zip(day.bars, day.known, strict=True)]


def _lasting(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts that are the same whenever the same is fetched again."""
    passing = {"fetch_started", "fetch_ended", "rows", "sha256", "pair", "exchange_id", "day", "requests", "run_id"}
    return {name: value for name, value in facts.items() if name not in passing}
