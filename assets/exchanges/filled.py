"""A day's minutes for those who need all 1,440 of each pair: read from what is stored, which stays as it is.

Nothing is filled in without a mark. By default only minutes without a trade are, with the close before them. What was
not fetched, or lost by the exchange, stays null; and so do quiet minutes right after it: what the price was by then,
nobody knows.
"""

from collections.abc import Mapping, Set
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from assets.exchanges.download import Exchange
from assets.exchanges.minutes import GAP_CLASSES, GapClass
from assets.exchanges.names import JobName
from assets.exchanges.tables import OHLCV_1M, OHLCV_GAPS
from assets.exchanges.transform import by_pair
from core.partitions import PartitionAddress
from core.windows import start_of
from resources.clients.exchanges.bars import MINUTE_MS, MINUTES
from resources.clients.exchanges.columns import PRICES
from resources.clients.lake.lake import Lake

QUIET: Set[GapClass] = frozenset({"no_trade"})
AMOUNTS = ("volume", "quote_volume", "trades")
_STORED = OHLCV_1M.arrow_schema
# What every minute has, with a bar or without.
_ALWAYS = {"job", "day", "currency_pair", "timestamp"}
SCHEMA = pa.schema(
    [
        *(pa.field(one.name, one.type, nullable=one.name not in _ALWAYS) for one in _STORED),
        pa.field("gap_class", pa.string()),
        pa.field("filled", pa.bool_(), nullable=False),
    ]
)


def read_filled(
    exchange: Exchange,
    job: JobName,
    day: date,
    *,
    classes: Set[GapClass] = QUIET,
    last_closes: Mapping[str, Decimal] | None = None,
) -> pa.Table:
    """Every minute of a job's day, out of the lake; see ``filled``.

    Raises:
        DayMissing: when ``ohlcv_1m`` or ``ohlcv_gaps`` has no such day.
        LakeChanged, LakeDamaged: when it cannot be read.
        ValueError: as ``filled``.
    """
    lake, address = Lake(exchange.objects.store), PartitionAddress.of(day, {"job": job.key})
    minutes, gaps = (lake.open(table, [address]).table() for table in (OHLCV_1M, OHLCV_GAPS))
    return filled(minutes, gaps, job.key, day, classes=classes, last_closes=last_closes)


def filled(
    minutes: pa.Table,
    gaps: pa.Table,
    job: str,
    day: date,
    *,
    classes: Set[GapClass] = QUIET,
    last_closes: Mapping[str, Decimal] | None = None,
) -> pa.Table:
    """Every minute of a job's day: 1,440 rows for each pair, by pair and minute, as ``SCHEMA`` has them.

    The columns are those of ``ohlcv_1m`` in its units (timestamp in ms of Unix time, prices in the quote currency,
    volume in the base currency, all exact decimals), and two more:

    * ``filled``: whether the row was made here. Its open, high, low and close are the last close before it, its
      volume, quote_volume and trades are 0, its knowledge_timestamp and after_gap null.
    * ``gap_class``: of a minute without a stored bar, why there is none. Its ``status`` is that of the gap.

    A row with a stored bar is that bar, to the digit. One that is neither stored nor filled has nulls for a bar.

    minutes, gaps: rows of ``ohlcv_1m`` and ``ohlcv_gaps`` of the job's day. classes: of which gaps minutes are filled.
    last_closes: the last close of the day before, by pair; without one, nothing is filled before a pair's first bar.
    A minute that is left null ends what is known: from there on nothing is filled until the next bar.

    Raises:
        ValueError: naming a class that is none, or a last close that is no price above zero.
    """
    before = dict(last_closes or {})
    if unknown := sorted(set(classes) - set(GAP_CLASSES)):
        raise ValueError(f"gap classes {', '.join(unknown)[:200]}: expected some of {', '.join(GAP_CLASSES)}")
    for pair, close in before.items():
        if not isinstance(close, Decimal) or not close.is_finite() or close <= 0:
            raise ValueError(f"last close {close!r} of {pair}: expected a Decimal above zero")
    stored, missing = dict(by_pair(minutes)), dict(by_pair(gaps))
    parts = []
    for pair in sorted(stored.keys() | missing.keys()):
        mine, absent = stored.get(pair, minutes.slice(0, 0)), missing.get(pair, gaps.slice(0, 0))
        fixed = {"job": job, "day": day, "currency_pair": pair}
        parts.append(_day_of(mine.combine_chunks(), absent.to_pylist(), fixed, classes, before.get(pair)))
    return pa.concat_tables([SCHEMA.empty_table(), *parts])


def _day_of(
    stored: pa.Table,
    gaps: list[dict[str, Any]],
    fixed: Mapping[str, Any],
    classes: Set[GapClass],
    close: Decimal | None,
) -> pa.Table:
    """A pair's 1,440 rows. close: the last one before the day."""
    times = start_of(fixed["day"]) * 1000 + np.arange(MINUTES) * MINUTE_MS
    places = (stored.column("timestamp").to_numpy() - times[0]) // MINUTE_MS
    row_of = np.full(MINUTES, -1)
    row_of[places] = np.arange(len(places))
    rows = stored.take(pa.array(row_of, mask=row_of < 0))
    explained = {name: np.full(MINUTES, None, dtype=object) for name in ("gap_class", "status")}
    for gap in gaps:
        first, last = ((gap[name] - times[0]) // MINUTE_MS for name in ("first_missing", "last_missing"))
        for name, column in explained.items():
            column[first : last + 1] = gap[name]
    fills = np.isin(explained["gap_class"], list(classes)) & (row_of < 0)
    carried = _carried(rows.column("close").combine_chunks(), fills, close)
    is_filled = pc.and_(pa.array(fills), carried.is_valid())
    columns = {
        **{name: rows.column(name) for name in rows.column_names},
        **{name: pa.repeat(pa.scalar(fixed[name], _STORED.field(name).type), MINUTES) for name in fixed},
        "timestamp": pa.array(times),
        **{name: pc.if_else(is_filled, carried, rows.column(name)) for name in PRICES},
        **{name: pc.if_else(is_filled, pa.scalar(0, _STORED.field(name).type), rows.column(name)) for name in AMOUNTS},
        "status": pc.coalesce(rows.column("status"), pa.array(explained["status"], pa.string())),
        "gap_class": pa.array(explained["gap_class"], pa.string()),
        "filled": is_filled,
    }
    return pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def _carried(closes: pa.Array, fills: npt.NDArray[np.bool_], close: Decimal | None) -> pa.Array:
    """Of each minute, the close of the last one before it that is not to be filled; null where that has none."""
    known = pa.concat_arrays([closes, pa.array([close], closes.type)])
    last = np.maximum.accumulate(np.where(fills, -1, np.arange(MINUTES)))
    return known.take(pa.array(np.where(last < 0, MINUTES, last)))
