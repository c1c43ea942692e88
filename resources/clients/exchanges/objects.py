"""A symbol's day as one Parquet object: rows by open time, when each value was first known, and what a fetch found.

The object is replaced as a whole by one write, which the store makes atomic, and only when a row or a fact in it
changed. A bar that was stored stays until another one of the same minute comes; then it moves to the revisions.
"""

import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import LakeDamaged
from core.plain import one_line
from resources.clients.exchanges.bars import MINUTES
from resources.clients.exchanges.columns import FIELDS, KNOWN, NONE, Bars, Mask
from resources.clients.lake.object_store import ObjectStore

# A day with all its minutes takes some 60 KB; bars off the minute make it a little more.
MOST_BYTES, MOST_ROWS = 16 << 20, 4 * MINUTES
# Former rows come with every fetch that changes some: of a day that was rewritten whole 60 times, the newest are kept.
MOST_FORMER = 60 * MINUTES
SCHEMA = pa.schema(
    [
        *list(FIELDS)[:-2],
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
# What repeats from row to row; numbers that do not are smaller, and written faster, as they are.
_REPEATED = ["currency_pair", "exchange_id", "knowledge_timestamp", "year", "month", "day"]
_FACTS = b"headwater"
log = logging.getLogger("headwater.exchanges")


@dataclass
class SymbolDay:
    """One symbol's day as it is stored. facts: what the fetch found, as JSON holds it: its outcome, source, times."""

    exchange_id: str
    pair: str
    day: date
    bars: Bars = NONE
    facts: dict[str, Any] = field(default_factory=dict)

    def holding(self, bars: Bars, facts: Mapping[str, Any] | None = None) -> "SymbolDay":
        """The same day with other bars."""
        return SymbolDay(self.exchange_id, self.pair, self.day, bars, dict(facts or {}))


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


def merged(old: SymbolDay | None, new: SymbolDay, now: datetime) -> tuple[SymbolDay, SymbolDay, Written]:
    """What to store, the rows it replaces, and the counts. Unchanged bars keep the time they were known at."""
    before = old.bars if old else NONE
    _, mine, theirs = np.intersect1d(before.times, new.bars.times, assume_unique=True, return_indices=True)
    differs = before.at(mine).differing(new.bars.at(theirs))
    stays, comes = np.ones(len(before), dtype=np.bool_), np.ones(len(new.bars), dtype=np.bool_)
    stays[mine[differs]] = comes[theirs[~differs]] = False
    bars = Bars.joined([before.where(stays), new.bars.where(comes).known_at(now)]).in_order()
    changed, sent_again = int(differs.sum()), len(mine)
    written = Written(
        "", True, bars.sha256, len(bars), changed, int(comes.sum()) - changed, withdrawn=len(before) - sent_again
    )
    return new.holding(bars, new.facts), new.holding(before.where(~stays)), written


def encode(day: SymbolDay, sha256: str | None = None) -> bytes:
    """The object's bytes. Its metadata holds the facts, the number of rows and the hash of the canonical rows.

    sha256: that hash, where it is known already.
    """
    rows, (*values, known, _) = len(day.bars), day.bars.rows.columns
    constant = (day.pair, day.exchange_id, known, day.day.year, day.day.month, day.day.day)
    kinds = [kind.type for kind in SCHEMA][len(values) :]
    more = [
        one if one is known else pa.repeat(pa.scalar(one, kind), rows)
        for one, kind in zip(constant, kinds, strict=True)
    ]
    facts = day.facts | {
        "rows": rows,
        "sha256": sha256 or day.bars.sha256,
        "pair": day.pair,
        "exchange_id": day.exchange_id,
        "day": f"{day.day}",
    }
    schema = SCHEMA.with_metadata({_FACTS: json.dumps(facts, sort_keys=True).encode()})
    table = pa.table([*values, *more], schema=schema)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", row_group_size=MOST_ROWS, use_dictionary=_REPEATED)
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
        bars = Bars.read(file.read())
        day = date.fromisoformat(facts["day"])
        found = SymbolDay(facts["exchange_id"], facts["pair"], day, bars, facts)
        if bars.sha256 != facts["sha256"]:
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

    def put(self, key: str, new: SymbolDay, now: datetime, elsewhere: Callable[[], Bars] = lambda: NONE) -> Written:
        """Bring a day up to date. Replaced rows are kept first, so that a kill between the two writes loses none.

        elsewhere: bars of a day without an object, which its object is going to hide; asked for when minutes are
        missing, and those that the new ones lack are kept.
        """
        old, kept = self._whole(key), self._whole(revisions_key(key))
        if old is None and new.bars.on_grid.sum() < MINUTES:
            found = elsewhere()
            old = new.holding(found.where(~np.isin(found.times, new.bars.times))) if len(found) else None
        if old and len(old.bars) and not len(new.bars) and not new.facts.get("confirmed"):
            # A fetch that found nothing, and did not make sure of it, takes nothing back of what an earlier one found.
            return Written(key, False, old.bars.sha256, len(old.bars), withdrawn=len(old.bars))
        day, replaced, written = merged(old, new, now)
        if old and not (written.changed or written.added) and _lasting(old.facts) == _lasting(new.facts):
            return Written(key, False, written.sha256, written.rows, withdrawn=written.withdrawn)
        if len(replaced.bars):
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
        kept = replaced.bars
        if earlier:
            kept = Bars.joined([earlier.bars.where(~_among(earlier.bars, kept)), kept])
        kept = kept.at(np.argsort(_known(kept), kind="stable")[-MOST_FORMER:])
        by_time = np.lexsort((_known(kept), kept.times))
        self.store.write(key, encode(replaced.holding(kept.at(by_time))))

    def revised(self, key: str, day: SymbolDay) -> set[int]:
        """The open times of a day's bars that had other values once. day: what is stored of it now.

        A run that was killed kept rows which it then did not replace: those are still the day's own.
        """
        kept = self.read(revisions_key(key))
        return set(kept.bars.times[~_among(kept.bars, day.bars)].tolist()) if kept else set()


def _known(bars: Bars) -> npt.NDArray[np.int64]:
    return bars.known.cast(pa.int64()).to_numpy(zero_copy_only=False)


def _among(some: Bars, others: Bars) -> Mask:
    """Which of some are among the others, by the time they open and the time they were known at."""
    there = set(zip(others.times.tolist(), _known(others).tolist(), strict=True))
    mine = zip(some.times.tolist(), _known(some).tolist(), strict=True)
    return np.fromiter((one in there for one in mine), np.bool_, len(some))


def revisions_key(key: str) -> str:
    """Where the former rows of an object are kept: outside the dataset, whose readers take every file in it."""
    return f"{REVISIONS}{key}"


def damaged_key(key: str) -> str:
    """Where an object is moved to that cannot be read."""
    return f"damaged/{key}"


def _lasting(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts that are the same whenever the same is fetched again."""
    passing = {"fetch_started", "fetch_ended", "rows", "sha256", "pair", "exchange_id", "day", "requests", "run_id"}
    return {name: value for name, value in facts.items() if name not in passing}
