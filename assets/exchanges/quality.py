"""What is wrong with a job's day of rows, as sentences; nothing for a sound one."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from assets.exchanges.minutes import KNOWN
from assets.exchanges.tables import OHLCV_1M
from core.windows import end_of, start_of
from resources.clients.exchanges.bars import MINUTE_MS, MINUTES

# What a jump is seen by.
OF_JUMPS = ["currency_pair", "timestamp", "close"]
# A logarithm of 20%, up or down.
HIGHEST, LOWEST = Decimal("1.2214"), Decimal("0.8187")


def unsound(rows: pa.Table, day: date) -> Iterator[str]:
    """Of minutes: other columns, repeated, off the minute or the day, impossible prices, known too early."""
    if not rows.schema.equals(OHLCV_1M.arrow_schema):
        yield "its columns are others than the table's"
        return
    times, start, end = rows.column("timestamp"), start_of(day) * 1000, end_of(day) * 1000
    pairs = rows.select(["currency_pair", "timestamp"])
    if (repeated := rows.num_rows - pairs.group_by(["currency_pair", "timestamp"]).aggregate([]).num_rows) > 0:
        yield f"{repeated} minutes stand in it twice"
    numbers = times.to_numpy()
    if wrong := int(((numbers % MINUTE_MS != 0) | (numbers < start) | (numbers >= end)).sum()):
        yield f"{wrong} bars do not open on a minute of the day"
    highs, lows = rows.column("high"), rows.column("low")
    tests = {
        "a price that is not above zero": pc.less_equal(lows, _zero(lows)),
        "a high below its open or close": pc.less(
            highs, pc.max_element_wise(rows.column("open"), rows.column("close"))
        ),
        "a low above its open or close": pc.greater(
            lows, pc.min_element_wise(rows.column("open"), rows.column("close"))
        ),
        "a negative volume": pc.less(rows.column("volume"), _zero(rows.column("volume"))),
    }
    for what, wrongs in tests.items():
        if count := pc.sum(wrongs).as_py():
            yield f"{count} bars have {what}"
    over = pc.cast(pc.multiply(pc.add(times, MINUTE_MS), 1000), pa.timestamp("us", tz="UTC"))
    if early := pc.sum(pc.less(rows.column("knowledge_timestamp"), over)).as_py():
        yield f"{early} bars were known before they were over"


def _zero(column: pa.ChunkedArray) -> pa.Scalar:
    return pa.scalar(Decimal(0), column.type)


def jumps(rows: pa.Table, day: date) -> Iterator[str]:
    """Closes of the day far from the minute's before, of the same pair. rows: the day before's as well, if there is."""
    last: dict[str, tuple[int, Decimal]] = {}
    columns = rows.filter(pc.field("timestamp") >= start_of(day) * 1000 - MINUTE_MS).select(OF_JUMPS).to_pydict()
    for pair, at, close in sorted(zip(*columns.values(), strict=True)):
        before, price = last.get(pair, (0, close))
        last[pair] = (at, close)
        if at - before == MINUTE_MS and not price * LOWEST <= close <= price * HIGHEST:
            yield f"{pair} went from {price.normalize():f} to {close.normalize():f} in the minute {at}"


def unexplained(minutes: pa.Table, gaps: pa.Table, pairs: Sequence[str], day: date) -> Iterator[str]:
    """Pairs of which minutes and gaps do not make up the day."""
    start, expected = start_of(day) * 1000, set(range(MINUTES))
    found: dict[str, list[int]] = {pair: [] for pair in pairs}
    for pair, at in zip(*minutes.select(["currency_pair", "timestamp"]).to_pydict().values(), strict=True):
        found.setdefault(pair, []).append((at - start) // MINUTE_MS)
    for gap in gaps.select(["currency_pair", "first_missing", "minutes"]).to_pylist():
        first = (gap["first_missing"] - start) // MINUTE_MS
        found.setdefault(gap["currency_pair"], []).extend(range(first, first + gap["minutes"]))
    for pair, told in found.items():
        if len(told) != MINUTES or set(told) != expected:
            yield f"{pair} has {len(set(told) & expected)} minutes explained, {len(told)} in all"


def incomplete(gaps: pa.Table, min_completeness: float) -> Iterator[str]:
    """Pairs with more minutes missing for no known reason than may be."""
    lost: dict[str, int] = {}
    for gap in gaps.select(["currency_pair", "minutes", "gap_class"]).to_pylist():
        if gap["gap_class"] not in KNOWN:
            lost[gap["currency_pair"]] = lost.get(gap["currency_pair"], 0) + gap["minutes"]
    for pair, minutes in lost.items():
        if 1 - minutes / MINUTES < min_completeness:
            yield f"{pair} lacks {minutes} minutes that were not fetched"


def disagreements(rows: pa.Table) -> Iterator[str]:
    """Comparisons that alarm, or warn."""
    for row in rows.filter(pc.is_in(rows.column("severity"), pa.array(["error", "warn"]))).to_pylist():
        at = timedelta(milliseconds=row["timestamp"] % 86_400_000)
        values = f"{row['ours']} beside {row['theirs']}" if row["ours"] is not None else row["note"]
        yield f"{row['kind']} {row['currency_pair']} at {at}: {row['field']} {values}"
