"""Reads what the old system left: files of a symbol's month with any name, floats, and rows that repeat.

``.../currency_pair=BTC_USDT/year=2024/month=1/<uuid>.parquet`` or ``data.parquet``; the month with a zero or without.
"""

import functools
import logging
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.errors import InvalidAnswer, LakeDamaged
from core.plain import one_line
from core.windows import end_of, start_of
from resources.clients.exchanges.columns import KNOWN, NONE, Bars, bars_of_rows
from resources.clients.exchanges.objects import SymbolDay
from resources.clients.lake.object_store import ObjectStore

# Months were appended to at every run; a thousand runs of a month are more than any had.
MOST_BYTES, MOST_FILES, MOST_ROWS = 256 << 20, 1_000, 5_000_000
NUMBERS = ["open", "high", "low", "close", "volume"]
COLUMNS = ["timestamp", *NUMBERS, "knowledge_timestamp"]
log = logging.getLogger("headwater.exchanges")


def read_day(store: ObjectStore, dataset: str, exchange_id: str, pair: str, day: date) -> SymbolDay:
    """The bars of a day, each minute once: the value known last, of those the one with the greatest volume.

    dataset: the folder of its signature.

    Raises:
        LakeDamaged: when a file is no such file.
    """
    start, end = start_of(day) * 1000, end_of(day) * 1000
    found = Bars.joined(_bars(store, key, start, end) for key in sorted(_keys(store, dataset, pair, day)))
    known, volumes = found.known.cast(pa.int64()).to_numpy(), found.rows.column("volume").cast(pa.float64()).to_numpy()
    # Of each minute, the last of its rows in this order.
    ordered = found.at(np.lexsort((volumes, known, found.times)))
    last = np.append(np.diff(ordered.times) != 0, True)[: len(ordered)]
    return SymbolDay(exchange_id, pair, day, ordered.where(last))


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


def _bars(store: ObjectStore, key: str, start: int, end: int) -> Bars:
    data = store.read(key, MOST_BYTES)
    if data is None:
        return NONE
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        if file.metadata.num_rows > MOST_ROWS:
            raise ValueError(f"it has {file.metadata.num_rows:,} rows")
        return Bars.joined([_of_day(batch, key, start, end) for batch in file.iter_batches(columns=COLUMNS)])
    except (pa.ArrowException, ValueError, KeyError, TypeError, OSError, InvalidAnswer) as error:
        raise LakeDamaged(
            f"Lake: {store.uri(key)} is no file of the old layout ({one_line(error, 200)}). Move it away."
        ) from None


def _of_day(batch: pa.RecordBatch, key: str, start: int, end: int) -> Bars:
    if batch.num_columns != len(COLUMNS):
        raise ValueError(f"it lacks one of {', '.join(COLUMNS)}")
    times = batch.column("timestamp").cast(pa.int64())
    held = pc.and_(pc.greater_equal(times, start), pc.less(times, end))
    rows = batch.filter(held).select(COLUMNS)
    numbers = [pc.fill_null(pc.is_finite(rows.column(name)), False) for name in NUMBERS]
    whole = rows.filter(functools.reduce(pc.and_, numbers))
    if lost := rows.num_rows - whole.num_rows:
        log.warning("%s: %d rows of %d hold no number somewhere, and are no bars", key, lost, start)
    *values, known = (whole.column(name) for name in COLUMNS)
    bars = bars_of_rows([[at, *map(str, of)] for at, *of in zip(*map(pa.Array.to_pylist, values), strict=True)], key)
    return bars.known_as(_known(known))


def _known(column: pa.Array) -> pa.Array:
    if not pa.types.is_timestamp(column.type) or column.null_count:
        raise ValueError("a knowledge_timestamp is no time")
    return column.cast(KNOWN if column.type.tz else pa.timestamp("us"), safe=False).cast(KNOWN)
