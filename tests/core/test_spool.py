"""Rows are spooled partition by partition, file by file."""

from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.layout import LakeLayout
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


PAIRS = Table(
    "test",
    "pairs",
    "one row",
    "Rows.",
    (Column("n", ColumnType.BIGINT, "N."),),
    ("n",),
    "n",
    layout=LakeLayout("pairs/{day}/", "pairs/{pair}/{day}.parquet"),
)


def _pair(*numbers):
    return {"pairs": pa.RecordBatch.from_pydict({"n": list(numbers)}, PAIRS.arrow_schema)}


def test_a_partition_is_spooled_file_by_file():
    spool = Spool((PAIRS, ROWS), "test", "off")
    day = spool.day(DAY)
    day.add(_pair(1), {"pair": "A"})
    day.add(_pair(2, 3), {"pair": "A"})
    day.add(_pair(4), {"pair": "B"})
    with pytest.raises(ValueError, match=r"test\.pairs, 2024-01-02: rows of {'pair': 'A'} came in two places"):
        day.add(_pair(5), {"pair": "A"})
    with pytest.raises(ValueError, match=r"a file is of \['pair'\], not of \[\]"):
        day.add(_pair(5))
    spool.finish(day)
    (spooled,) = spool.tables()["pairs"].days
    found = [(file.part["pair"], file.rows, pq.read_table(file.path)["n"].to_pylist()) for file in spooled.files]
    assert found == [("A", 3, [1, 2, 3]), ("B", 1, [4])]
    assert spooled.rows == 4


def test_without_rows_a_partition_of_many_files_has_none():
    spool = Spool((PAIRS,), "test", "off")
    spool.finish(spool.day(DAY))
    assert spool.tables()["pairs"].days[0].files == []


def test_progress_speaks_every_few_seconds(clock):
    said = []
    progress = Progress("blocks", said.append, clock.monotonic)
    progress.expect(100)
    for _ in range(20):
        clock.sleep(1)
        progress.advance(5)
    assert len(said) == 4
    assert said[0] == "25 of 100 blocks (25%), 5 blocks/s, about 15 s left"
