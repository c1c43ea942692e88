"""Rows in the form an asset asks for, and back: pyarrow, pandas, polars."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from core.partitions import Partition, PartitionAddress
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


def spooled(table: Table, frame: Any, partitions: Sequence[Partition], engine: str = "frame") -> SpooledTable:
    """A frame split into the partitions it is to be published as, by the columns that have their dimensions' names.

    Raises:
        ValueError: when a row belongs to none of the partitions, or what it belongs to cannot be told.
    """
    rows, addresses = to_arrow(table, frame), [PartitionAddress.of(partition) for partition in partitions]
    dimensions = {name for address in addresses for name, _ in address.others}
    for name in sorted(dimensions - set(rows.column_names)):
        if len({address.dimensions.get(name) for address in addresses}) > 1:
            raise ValueError(f"{table.address}: rows of several values of {name} need a column of that name")
    spool = Spool((table,), engine, verify="off")
    for address in addresses:
        writer, chosen = spool.day(address), rows.filter(pc.equal(rows.column(table.day_column), address.day))
        for name, value in address.others:
            chosen = chosen.filter(pc.equal(chosen.column(name), value)) if name in chosen.column_names else chosen
        for part, part_rows in _in_parts(table, chosen):
            for batch in part_rows.to_batches():
                writer.add({table.name: batch}, part)
        spool.finish(writer)
    result = spool.tables()[table.name]
    if result.rows != rows.num_rows:
        asked = f"{'partitions' if dimensions else 'days'} {list(map(str, addresses))}"
        raise ValueError(f"{table.address}: {rows.num_rows - result.rows} rows belong to none of the {asked}")
    return result


def _in_parts(table: Table, rows: pa.Table) -> Iterator[tuple[dict[str, str], pa.Table]]:
    """The rows of each of a partition's files, where the table has many of them."""
    names = list(table.lake.parts)
    if not names:
        yield {}, rows
        return
    for part in (
        rows.select(names).group_by(names).aggregate([]).sort_by([(name, "ascending") for name in names]).to_pylist()
    ):
        chosen = rows
        for name in names:
            chosen = chosen.filter(pc.equal(chosen.column(name), part[name]))
        yield part, chosen
