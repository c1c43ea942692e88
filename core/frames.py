"""Rows in the form an asset asks for, and back: pyarrow, pandas, polars."""

from datetime import date
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from core.spool import Spool, SpooledTable
from core.tables import Table

FRAME_TYPES = (pa.Table, pd.DataFrame, pl.DataFrame)


def to_arrow(table: Table, frame: Any) -> pa.Table:
    """A frame's rows in the table's schema.

    Raises:
        ValueError: when a column is missing or a value does not fit.
    """
    if isinstance(frame, pd.DataFrame):
        frame = pa.Table.from_pandas(frame, preserve_index=False)
    elif isinstance(frame, pl.DataFrame):
        frame = frame.to_arrow()
    missing = set(table.arrow_schema.names) - set(frame.column_names)
    if missing:
        raise ValueError(f"{table.address}: the frame lacks columns {sorted(missing)}")
    return frame.select(table.arrow_schema.names).cast(table.arrow_schema)


def from_arrow(rows: pa.Table, wanted: type) -> Any:
    """Arrow rows as the frame type wanted.

    Raises:
        ValueError: when a number has more digits than polars knows, 20 before the point and 18 after it.
    """
    if wanted is pd.DataFrame:
        return rows.to_pandas()
    return pl.from_arrow(rows.cast(_for_polars(rows.schema))) if wanted is pl.DataFrame else rows


def _for_polars(schema: pa.Schema) -> pa.Schema:
    """The schema with decimals no wider than polars knows; the cast refuses what does not fit."""
    return pa.schema(
        [field.with_type(pa.decimal128(38, 18)) if pa.types.is_decimal256(field.type) else field for field in schema]
    )


def spooled(table: Table, frame: Any, days: list[date], engine: str = "frame") -> SpooledTable:
    """A frame split into the days it is to be published as.

    Raises:
        ValueError: when a row belongs to none of the days.
    """
    rows = to_arrow(table, frame)
    spool = Spool((table,), engine, verify="off")
    for day in days:
        day_rows = rows.filter(pc.equal(rows.column("block_date"), pa.scalar(day)))
        writer = spool.day(day)
        for batch in day_rows.to_batches():
            writer.add(0, {table.name: batch})
        spool.finish(writer, None)
    result = spool.tables()[table.name]
    if result.rows != rows.num_rows:
        raise ValueError(f"{table.address}: {rows.num_rows - result.rows} rows belong to none of the days {days}")
    return result
