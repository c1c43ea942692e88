"""From a job's stored symbol days to the rows of its tables, and back from rows of minutes to bars."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from assets.exchanges.crosscheck import Finding
from assets.exchanges.minutes import DayAccount, Neighbours, SymbolFacts, account, floored, status_of
from assets.exchanges.resample import LongBar, resampled
from assets.exchanges.tables import OHLCV_1M, OHLCV_GAPS
from core.tables import Table
from core.windows import start_of
from resources.clients.exchanges.bars import MINUTE_MS, Bar
from resources.clients.exchanges.objects import SymbolDay
from resources.clients.exchanges.profiles import EmptyMinute

_BAR = ("open", "high", "low", "close", "volume", "quote_volume", "trades")


@dataclass(frozen=True)
class Stored:
    """A symbol's day as the lake has it. day: None where nothing is stored. revised: minutes that were changed.
    other_vendor: the minutes of which the second vendor has a bar."""

    pair: str
    day: SymbolDay | None
    revised: frozenset[int] = frozenset()
    other_vendor: frozenset[int] = frozenset()

    @property
    def bars(self) -> list[Bar]:
        return self.day.bars if self.day else []

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
    bars: Sequence[Bar]
    known: Mapping[int, Any]
    account: DayAccount
    revised: frozenset[int]
    moved: int = 0


def explained(
    stored: Sequence[Stored], day: date, empty_minute: EmptyMinute, off_grid: Literal["leave", "floor"] = "leave"
) -> Iterator[Explained]:
    """Every symbol of a job. off_grid: whether bars off the minute are left out, or moved to it."""
    start_ms, neighbours = start_of(day) * 1000, Neighbours.of(one.bars for one in stored)
    for one in stored:
        known = dict(zip((bar.open_ms for bar in one.bars), one.day.known, strict=True)) if one.day else {}
        bars, moved = floored(one.bars) if off_grid == "floor" else (one.bars, 0)
        known |= {bar.minute_ms: at for bar in one.bars if (at := known[bar.open_ms]) and bar.minute_ms not in known}
        counted = account(start_ms, bars, one.facts, empty_minute, neighbours)
        yield Explained(one.pair, bars, known, counted, one.revised, moved)


def minute_rows(job: str, day: date, days: Iterable[Explained]) -> pa.Table:
    """Rows of ``ohlcv_1m``: the bars on the minute."""
    return _stacked(OHLCV_1M, (_minutes(job, day, one) for one in days))


def _minutes(job: str, day: date, one: Explained) -> pa.Table:
    bars = [bar for bar in one.bars if bar.on_grid]
    before = [bar.open_ms - MINUTE_MS for bar in bars]
    there = {bar.open_ms for bar in bars} | {start_of(day) * 1000 - MINUTE_MS}
    columns = {
        **_of_day(job, day, one.pair, len(bars)),
        "timestamp": [bar.open_ms for bar in bars],
        **{name: [getattr(bar, name) for bar in bars] for name in _BAR},
        "knowledge_timestamp": [one.known[bar.open_ms] for bar in bars],
        "status": [status_of(bar, revised=bar.open_ms in one.revised) for bar in bars],
        "after_gap": [minute not in there for minute in before],
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
        names = (*_BAR, "n_minutes", "is_complete", "vwap")
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
    for pair in pc.unique(minutes.column("currency_pair")).to_pylist():
        rows = minutes.filter(pc.equal(minutes.column("currency_pair"), pair)).select(["timestamp", *_BAR])
        yield pair, [Bar(*row) for row in zip(*rows.to_pydict().values(), strict=True)]


def long_bars(rows: pa.Table, step_ms: int) -> dict[str, list[LongBar]]:
    """The bars of rows of ``ohlcv_1h`` or ``ohlcv_1d``, by pair."""
    found: dict[str, list[LongBar]] = {}
    for row in rows.to_pylist():
        bar = LongBar(step_ms=step_ms, open_ms=row["timestamp"], **{name: row[name] for name in (*_BAR, "n_minutes")})
        found.setdefault(row["currency_pair"], []).append(bar)
    return found


def _of_day(job: str, day: date, pair: str, rows: int) -> dict[str, list[Any]]:
    return {"job": [job] * rows, "day": [day] * rows, "currency_pair": [pair] * rows}


def _table(table: Table, columns: Mapping[str, list[Any]]) -> pa.Table:
    schema = table.arrow_schema
    return pa.table([pa.array(columns[item.name], item.type) for item in schema], schema=schema)


def _stacked(table: Table, parts: Iterable[pa.Table]) -> pa.Table:
    return pa.concat_tables([table.arrow_schema.empty_table(), *parts])
