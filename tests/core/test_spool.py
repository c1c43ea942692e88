from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from core.progress import Progress
from core.spool import RowSpan, Spool
from core.tables import Column, ColumnType, Table

DAY = date(2024, 1, 2)
ROWS = Table(
    "test", "spooled", "one row", "Rows.", (Column("block_number", ColumnType.BIGINT, "N."),), ("block_number",),
    "block_number",
)  # fmt: skip


def _batch(*numbers):
    return pa.RecordBatch.from_pydict({"block_number": list(numbers)}, ROWS.arrow_schema)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 8)), max_size=25), st.integers(8, 20))
def test_taken_back_blocks_leave_no_trace(steps, hold_back):
    """Blocks arrive, some in one batch; sometimes the newest are taken back and others take their place."""
    spool = Spool((ROWS,), "test", "off")
    day, head, peak = spool.day(DAY, hold_back), 0, 0
    for size, back in steps:
        arrived = _batch(*range(head + 1, head + size + 1))
        for at in range(size):
            head += 1
            day.add(head, {"spooled": RowSpan(arrived, at, at + 1)})
        peak = max(peak, head)
        gone = min(back, head - max(0, peak - hold_back))  # what is still held back
        if gone:
            day.take_back(head - gone + 1)
            head -= gone
    spool.finish(day, None)
    (spooled,) = spool.tables()["spooled"].days
    assert pq.read_table(spooled.path).column("block_number").to_pylist() == list(range(1, head + 1))
    assert spooled.rows == head


def test_a_day_without_rows_is_a_file_with_the_schema():
    spool = Spool((ROWS,), "test", "off")
    spool.finish(spool.day(DAY), None)
    (spooled,) = spool.tables()["spooled"].days
    assert pq.read_table(spooled.path).schema.equals(ROWS.arrow_schema)


def test_progress_speaks_every_few_seconds(clock):
    said = []
    progress = Progress("blocks", said.append, clock.monotonic)
    progress.expect(100)
    for _ in range(20):
        clock.sleep(1)
        progress.advance(5)
    assert len(said) == 4
    assert said[0] == "25 of 100 blocks (25%), 5 blocks/s, about 15 s left"
