"""From a job's stored symbol days to the rows of its tables, and back from rows of minutes to bars."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.exchanges.crosscheck import Finding
from assets.exchanges.minutes import DayAccount, Neighbours, SymbolFacts, account, floored, statuses_of
from assets.exchanges.resample import LongBar, resampled
from assets.exchanges.tables import OHLCV_1M, OHLCV_GAPS
from core.tables import Table
from core.windows import start_of
from resources.clients.exchanges.bars import MINUTE_MS, Bar
from resources.clients.exchanges.columns import NONE, VALUES, Bars
from resources.clients.exchanges.objects import SymbolDay
from resources.clients.exchanges.profiles import EmptyMinute


@dataclass(frozen=True)
class Stored:
    """A symbol's day as the lake has it. day: None where nothing is stored. revised: minutes that were changed.
    other_vendor: the minutes of which the second vendor has a bar."""

    pair: str
    day: SymbolDay | None
    revised: frozenset[int] = frozenset()
    other_vendor: frozenset[int] = frozenset()

    @property
    def bars(self) -> Bars:
        return self.day.bars if self.day else NONE

    @property
    def facts(self) -> SymbolFacts:
        told: Mapping[str, Any] = self.day.facts if self.day else {}
        return SymbolFacts(
            confirmed=bool(told.get("confirmed")),
            listed_ms=told.get("listed_ms"),
            delisted_ms=told.get("delisted_ms"),
            other_vendor=self.other_vendor,
            revised=self.revised,
        )


@dataclass(frozen=True)
class Explained:
    """A symbol's day with every minute explained. moved: bars that were moved to the minute."""

    pair: str
    bars: Bars
    account: DayAccount
    revised: frozenset[int]
    moved: int = 0


def explained(
    stored: Sequence[Stored], day: date, empty_minute: EmptyMinute, off_grid: Literal["leave", "floor"] = "leave"
) -> Iterator[Explained]:
    """Every symbol of a job. off_grid: whether bars off the minute are left out, or moved to it."""
    start_ms, neighbours = start_of(day) * 1000, Neighbours.of(one.bars for one in stored)
    for one in stored:
        bars, moved = floored(one.bars) if off_grid == "floor" else (one.bars, 0)
        counted = account(start_ms, bars, one.facts, empty_minute, neighbours)
        yield Explained(one.pair, bars, counted, one.revised, moved)


def minute_rows(job: str, day: date, days: Iterable[Explained]) -> pa.Table:
    """Rows of ``ohlcv_1m``: the bars on the minute."""
    return _stacked(OHLCV_1M, (_minutes(job, day, one) for one in days))


def _minutes(job: str, day: date, one: Explained) -> pa.Table:
    bars = one.bars.where(one.bars.on_grid).in_order()
    # Nothing is before the day's first minute.
    apart = np.diff(bars.times, prepend=start_of(day) * 1000 - MINUTE_MS) != MINUTE_MS
    columns = {
        **_of_day(job, day, one.pair, len(bars)),
        **{name: bars.rows.column(name) for name in ("timestamp", *VALUES, "knowledge_timestamp")},
        "status": statuses_of(bars, one.revised).tolist(),
        "after_gap": apart,
    }
    return _table(OHLCV_1M, columns)


def gap_rows(job: str, day: date, days: Iterable[Explained]) -> pa.Table:
    """Rows of ``ohlcv_gaps``."""

    def of(one: Explained) -> pa.Table:
        gaps = one.account.gaps
        columns = {
            **_of_day(job, day, one.pair, len(gaps)),
            "first_missing": [gap.first_ms for gap in gaps],
            "last_missing": [gap.last_ms for gap in gaps],
            **{name: [getattr(gap, name) for gap in gaps] for name in ("minutes", "gap_class", "status", "reason")},
        }
        return _table(OHLCV_GAPS, columns)

    return _stacked(OHLCV_GAPS, map(of, days))


def long_rows(table: Table, job: str, day: date, minutes: pa.Table, step_ms: int) -> pa.Table:
    """Rows of ``ohlcv_1h`` or ``ohlcv_1d``, of those of ``ohlcv_1m``."""

    def of(pair: str, bars: Sequence[Bar]) -> pa.Table:
        found = resampled(bars, step_ms)
        names = (*VALUES, "n_minutes", "is_complete", "vwap")
        columns = {
            **_of_day(job, day, pair, len(found)),
            "timestamp": [bar.open_ms for bar in found],
            **{name: [getattr(bar, name) for bar in found] for name in names},
        }
        return _table(table, columns)

    return _stacked(table, (of(pair, bars) for pair, bars in bars_by_pair(minutes)))


def finding_rows(table: Table, job: str, day: date, findings: Sequence[Finding]) -> pa.Table:
    """Rows of ``vendor_crosscheck`` or ``market_crosscheck``."""
    names = ("kind", "field", "severity", "ours", "theirs", "difference", "note")
    columns = {
        **_of_day(job, day, "", len(findings)),
        "currency_pair": [finding.pair for finding in findings],
        "timestamp": [finding.at_ms for finding in findings],
        **{name: [getattr(finding, name) for finding in findings] for name in names},
    }
    return _table(table, columns)


def bars_by_pair(minutes: pa.Table) -> Iterator[tuple[str, list[Bar]]]:
    """The bars of rows of minutes, pair by pair, so that only one's are held as objects."""
    for pair, rows in by_pair(minutes):
        columns = rows.select(["timestamp", *VALUES]).to_pydict().values()
        yield pair, [Bar(*row) for row in zip(*columns, strict=True)]


def by_pair(rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each pair in their order, pairs as they come first; found once for all pairs, not once for each."""
    encoded = pc.dictionary_encode(rows.column("currency_pair").combine_chunks())
    places = encoded.indices.to_numpy()
    if np.any(np.diff(places) < 0):  # rows of one pair lie together, as they are made
        rows = rows.take(pa.array(np.argsort(places, kind="stable")))
    start = 0
    for pair, number in zip(encoded.dictionary.to_pylist(), np.bincount(places).tolist(), strict=True):
        yield pair, rows.slice(start, number)
        start += number


def long_bars(rows: pa.Table, step_ms: int) -> dict[str, list[LongBar]]:
    """The bars of rows of ``ohlcv_1h`` or ``ohlcv_1d``, by pair."""
    found: dict[str, list[LongBar]] = {}
    for row in rows.to_pylist():
        bar = LongBar(step_ms=step_ms, open_ms=row["timestamp"], **{name: row[name] for name in (*VALUES, "n_minutes")})
        found.setdefault(row["currency_pair"], []).append(bar)
    return found


def _of_day(job: str, day: date, pair: str, rows: int) -> dict[str, list[Any]]:
    return {"job": [job] * rows, "day": [day] * rows, "currency_pair": [pair] * rows}


def _table(table: Table, columns: Mapping[str, Any]) -> pa.Table:
    schema = table.arrow_schema
    return pa.table([_array(columns[item.name], item.type) for item in schema], schema=schema)


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    return values.cast(kind) if isinstance(values, pa.Array) else pa.array(values, kind)


def _stacked(table: Table, parts: Iterable[pa.Table]) -> pa.Table:
    return pa.concat_tables([table.arrow_schema.empty_table(), *parts])
