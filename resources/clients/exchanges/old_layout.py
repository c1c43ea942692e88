"""Reads what the old system left: files of a symbol's month with any name, floats, and rows that repeat.

``.../currency_pair=BTC_USDT/year=2024/month=1/<uuid>.parquet`` or ``data.parquet``; the month with a zero or without.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import InvalidAnswer, LakeDamaged
from core.plain import one_line
from core.windows import end_of, start_of
from resources.clients.exchanges.bars import Bar, bar_of_row
from resources.clients.exchanges.objects import SymbolDay
from resources.clients.lake.object_store import ObjectStore

# Months were appended to at every run; a thousand runs of a month are more than any had.
MOST_BYTES, MOST_FILES, MOST_ROWS = 256 << 20, 1_000, 5_000_000
COLUMNS = ["timestamp", "open", "high", "low", "close", "volume", "knowledge_timestamp"]


def read_day(store: ObjectStore, dataset: str, exchange_id: str, pair: str, day: date) -> SymbolDay:
    """The bars of a day, each minute once: the value known last, of those the one with the greatest volume.

    dataset: the folder of its signature.

    Raises:
        LakeDamaged: when a file is no such file.
    """
    start, end = start_of(day) * 1000, end_of(day) * 1000
    best: dict[int, tuple[datetime, Bar]] = {}
    for key in sorted(_keys(store, dataset, pair, day)):
        for known, bar in _rows(store, key, start, end):
            found = best.get(bar.open_ms)
            if found is None or (known, bar.volume) > (found[0], found[1].volume):
                best[bar.open_ms] = (known, bar)
    ordered = [best[at] for at in sorted(best)]
    return SymbolDay(exchange_id, pair, day, [bar for _, bar in ordered], [known for known, _ in ordered])


def _keys(store: ObjectStore, dataset: str, pair: str, day: date) -> set[str]:
    months = {f"{day.month}", f"{day.month:02d}"}
    folders = [f"{dataset}/currency_pair={pair}/year={day.year}/month={month}/" for month in months]
    keys = {
        found.key
        for folder in folders
        for found in store.list(folder)
        if found.key.endswith(".parquet") and "/" not in found.key.removeprefix(folder)
    }
    if len(keys) > MOST_FILES:
        raise LakeDamaged(f"Lake: {store.uri(folders[0])} holds {len(keys):,} files, more than {MOST_FILES:,}.")
    return keys


def _rows(store: ObjectStore, key: str, start: int, end: int) -> Iterator[tuple[datetime, Bar]]:
    data = store.read(key, MOST_BYTES)
    if data is None:
        return
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        if file.metadata.num_rows > MOST_ROWS:
            raise ValueError(f"it has {file.metadata.num_rows:,} rows")
        found = [row for batch in file.iter_batches(columns=COLUMNS) for row in _of_day(batch, start, end)]
        yield from [(_known(row), bar_of_row([row[name] for name in COLUMNS[:6]], key)) for row in found]
    except (pa.ArrowException, ValueError, KeyError, TypeError, OSError, InvalidAnswer) as error:
        raise LakeDamaged(
            f"Lake: {store.uri(key)} is no file of the old layout ({one_line(error, 200)}). Move it away."
        ) from None


def _of_day(batch: pa.RecordBatch, start: int, end: int) -> list[dict[str, Any]]:
    if batch.num_columns != len(COLUMNS):
        raise ValueError(f"it lacks one of {', '.join(COLUMNS)}")
    rows: list[dict[str, Any]] = batch.to_pylist()
    return [row for row in rows if start <= row["timestamp"] < end]


def _known(row: dict[str, Any]) -> datetime:
    known = row["knowledge_timestamp"]
    if not isinstance(known, datetime):
        raise ValueError("a knowledge_timestamp is no time")
    return known.astimezone(UTC) if known.tzinfo else known.replace(tzinfo=UTC)
