"""Blocks held back can be taken back, and leave no trace."""

from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.ethereum.extract.held_back import HeldBack
from core.spool import RowSpan, Spool
from core.tables import Column, ColumnType, Table

DAY = date(2024, 1, 2)
ROWS = Table(
    "test", "held", "one row", "Rows.", (Column("block_number", ColumnType.BIGINT, "N."),), ("block_number",),
    "block_number",
)  # fmt: skip


def _batch(*numbers):
    return pa.RecordBatch.from_pydict({"block_number": list(numbers)}, ROWS.arrow_schema)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 8)), max_size=25), st.integers(8, 20))
def test_taken_back_blocks_leave_no_trace(steps, hold_back):
    """Blocks arrive, some in one batch; sometimes the newest are taken back and others take their place."""
    spool = Spool((ROWS,), "test", "off")
    day, head, peak = spool.day(DAY), 0, 0
    held = HeldBack(day, hold_back)
    for size, back in steps:
        arrived = _batch(*range(head + 1, head + size + 1))
        for at in range(size):
            head += 1
            held.add(head, {"held": RowSpan(arrived, at, at + 1)})
        peak = max(peak, head)
        gone = min(back, head - max(0, peak - hold_back))  # what is still held back
        if gone:
            held.take_back(head - gone + 1)
            head -= gone
    held.release()
    spool.finish(day)
    (spooled,) = spool.tables()["held"].days
    assert pq.read_table(spooled.files[0].path).column("block_number").to_pylist() == list(range(1, head + 1))
    assert spooled.rows == head
