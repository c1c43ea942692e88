"""ethereum-etl's own files: csv and JSON lines, byte for byte, and back to Parquet for loading.

CSV: a header, CRLF line ends, empty for null, True and False, comma-joined lists. JSON: one object per line in
column order, lists as arrays. A day without rows is an empty file. Columns of our own are not in these files;
read back, the day column is the partition's day and the others are null.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.partitions import PartitionAddress
from core.tables import LARGEST_DECIMAL, Column, ColumnType, Table

ROWS_AT_ONCE = 10_000
Row = dict[str, Any]

_INTEGERS = (ColumnType.BIGINT, ColumnType.DECIMAL)


def write(table: Table, parquet: Path) -> Path:
    """The file of a table's own layout, from a local Parquet file, beside it."""
    path = parquet.with_suffix(f".{table.csv_layout}")
    names = [column.name for column in table.contract]
    beside = [column.wider for column in table.contract if column.wider]
    with path.open("w", encoding="utf-8", newline="") as out, pq.ParquetFile(parquet) as source:
        lines = csv.writer(out, lineterminator="\n" if table.csv_layout == "txt" else "\r\n")
        if table.csv_layout == "csv" and source.metadata.num_rows:
            lines.writerow(names)
        for batch in source.iter_batches(ROWS_AT_ONCE, columns=[*names, *beside]):
            for row in map(partial(_as_one, table), batch.to_pylist()):
                if table.csv_layout == "json":
                    out.write(json.dumps({c.name: _json(c, row[c.name]) for c in table.contract}) + "\n")
                else:
                    lines.writerow([row[name] for name in names])
    return path


def _as_one(table: Table, row: Row) -> Row:
    """The row with its numbers in one column, however many digits they have."""
    return row | {c.name: row[c.wider] for c in table.contract if c.wider and row[c.wider] is not None}


def _apart(table: Table, row: Row) -> Row:
    """The row with the numbers that do not fit in the columns beside."""
    for column in table.contract:
        value = row[column.name] if column.wider else None
        if column.wider and value is not None and value > LARGEST_DECIMAL:
            row = row | {column.name: None, column.wider: str(value)}
    return row


def _json(column: Column, value: Any) -> Any:
    if value is None:
        return None
    if column.joined:
        return value.split(",") if value else []
    # JSON integers stand unquoted, however long.
    return int(value) if column.type in (*_INTEGERS, ColumnType.UINT256) else value


def to_parquet(table: Table, day: date, path: Path, scratch: Path) -> Path:
    """The Parquet file, in ``scratch``, of a file in the table's own layout."""
    target = scratch / f"{path.name}.{day}.parquet"
    with pq.ParquetWriter(target, table.arrow_schema, compression="zstd") as writer:
        rows: list[Row] = []
        for row in _rows(table, path):
            rows.append(_apart(table, row) | {table.day_column: day})
            if len(rows) == ROWS_AT_ONCE:
                writer.write_batch(pa.RecordBatch.from_pylist(rows, table.arrow_schema))
                rows = []
        writer.write_batch(pa.RecordBatch.from_pylist(rows, table.arrow_schema))
    return target


def _rows(table: Table, path: Path) -> Iterator[Row]:
    csv.field_size_limit(1 << 30)  # inputs of hundreds of thousands of characters exist
    with path.open(encoding="utf-8", newline="") as source:
        if table.csv_layout == "json":
            for text in source:
                found = json.loads(text)
                yield {c.name: _from_json(c, found.get(c.name)) for c in table.contract}
        elif table.csv_layout == "csv":
            for cells in csv.DictReader(source):
                yield {c.name: _from_cell(c, cells[c.name]) for c in table.contract}
        else:
            for line in csv.reader(source):
                yield {c.name: _from_cell(c, cell) for c, cell in zip(table.contract, line, strict=True)}


def _from_json(column: Column, value: Any) -> Any:
    if column.joined and value is not None:
        return ",".join(value)
    return str(value) if column.type is ColumnType.UINT256 and value is not None else value


def _from_cell(column: Column, cell: str) -> Any:
    if cell == "":
        # The files do not tell null from empty: required text is empty, everything else is null.
        return "" if column.type is ColumnType.TEXT and not column.nullable else None
    if column.type in _INTEGERS:
        return int(cell)
    if column.type is ColumnType.DOUBLE:
        return float(cell)
    return cell == "True" if column.type is ColumnType.BOOLEAN else cell


@dataclass(frozen=True)
class EthereumEtlFiles:
    """These files as a format of the lake: ``LAKE_FORMAT=csv``, whichever of its layouts a table has."""

    name: str = "csv"

    def suffix(self, table: Table) -> str:
        """How the names of the table's files end."""
        return f".{table.csv_layout}"

    def write(self, table: Table, parquet: Path) -> Path:
        """The file of a table's own layout, from a local Parquet file, beside it."""
        return write(table, parquet)

    def to_parquet(self, table: Table, partition: PartitionAddress, path: Path, scratch: Path) -> Path:
        """The Parquet file, in ``scratch``, of a file in the table's own layout."""
        return to_parquet(table, partition.day, path, scratch)


ETHEREUM_ETL_FILES = EthereumEtlFiles()
