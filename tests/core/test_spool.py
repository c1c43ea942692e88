"""Rows are spooled partition by partition, file by file."""

from datetime import date

import pyarrow.parquet as pq

from core.progress import Progress
from core.spool import Spool
from core.tables import Column, ColumnType, Table

DAY = date(2024, 1, 2)
ROWS = Table(
    "test", "spooled", "one row", "Rows.", (Column("block_number", ColumnType.BIGINT, "N."),), ("block_number",),
    "block_number",
)  # fmt: skip


def test_a_day_without_rows_is_a_file_with_the_schema():
    spool = Spool((ROWS,), "test", "off")
    spool.finish(spool.day(DAY))
    (spooled,) = spool.tables()["spooled"].days
    assert pq.read_table(spooled.files[0].path).schema.equals(ROWS.arrow_schema)


def test_progress_speaks_every_few_seconds(clock):
    said = []
    progress = Progress("blocks", said.append, clock.monotonic)
    progress.expect(100)
    for _ in range(20):
        clock.sleep(1)
        progress.advance(5)
    assert len(said) == 4
    assert said[0] == "25 of 100 blocks (25%), 5 blocks/s, about 15 s left"
