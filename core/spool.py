"""Rows on their way to the lake: written to local Parquet files in bounded memory, published later."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.contents import Contents
from core.memory import give_back
from core.partitions import Partition, PartitionAddress
from core.scratch import ScratchDirectory, disk_trouble_told
from core.tables import Table

# Rows are gathered to about this size before a row group is written.
ROW_GROUP_BYTES = 16 << 20
# From so many of a file's first rows it is seen which columns repeat themselves.
SAMPLED_ROWS = 2_000


@dataclass(frozen=True)
class SpooledFile:
    """A local Parquet file. ``part``: what it is the file of, where a partition of the table has many."""

    path: Path
    contents: Contents
    part: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return self.contents.rows


@dataclass(frozen=True)
class Telling:
    """What a room tells of a partition beside its rows.

    ``facts``: what its manifest keeps, by the names that the table's layout declares. ``shown``: what the UI shows of
    it. ``evidence``: what was proved of the rows.
    """

    facts: Mapping[str, Any] = field(default_factory=dict)
    shown: Mapping[str, Any] = field(default_factory=dict)
    evidence: Mapping[str, Any] | None = None


NOTHING_MORE = Telling()


@dataclass(frozen=True)
class SpooledDay:
    """One partition's rows as local files, not yet published."""

    partition: PartitionAddress
    files: Sequence[SpooledFile]
    telling: Telling = NOTHING_MORE

    @property
    def day(self) -> date:
        return self.partition.day

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def contents(self) -> Contents:
        """What the rows of all files hold."""
        return reduce(Contents.plus, (file.contents for file in self.files), Contents())


@dataclass(frozen=True)
class SpooledTable:
    """A table's partitions, ready to be published. ``directory`` keeps the files alive and removes them after use."""

    table: Table
    days: Sequence[SpooledDay]
    directory: ScratchDirectory
    engine: str
    verify: str

    @property
    def rows(self) -> int:
        return sum(day.rows for day in self.days)


class RowSpan(NamedTuple):
    """Some rows of a batch, from ``start`` up to before ``stop``."""

    batch: pa.RecordBatch
    start: int
    stop: int


BatchOrSpan: TypeAlias = pa.RecordBatch | RowSpan


def _repeating(sample: pa.Table) -> list[str]:
    """Columns of which half the values or more repeat others: in the others a dictionary only costs time."""
    return [name for name in sample.column_names if 2 * pc.count_distinct(sample[name]).as_py() <= sample.num_rows]


class DayWriter:
    """Writes one file of one table, row group by row group."""

    def __init__(self, table: Table, path: Path):
        self.contents = Contents()
        self.path = path
        self._table, self._schema = table, table.arrow_schema
        self._gathered: list[RowSpan] = []
        self._bytes, self._row_bytes = 0.0, 0.0
        self._file: pq.ParquetWriter | None = None

    def write(self, rows: BatchOrSpan) -> None:
        span = rows if isinstance(rows, RowSpan) else RowSpan(rows, 0, rows.num_rows)
        if span.stop == span.start:
            return
        last = self._gathered[-1] if self._gathered else None
        if last and last.batch is span.batch and last.stop == span.start:
            self._gathered[-1] = last._replace(stop=span.stop)  # neighbours cost no more than one of them
        else:
            self._gathered.append(span)
            self._row_bytes = span.batch.nbytes / span.batch.num_rows
        self._bytes += self._row_bytes * (span.stop - span.start)
        if self._bytes >= ROW_GROUP_BYTES:
            with disk_trouble_told():
                self._flush()

    def _flush(self) -> None:
        parts = [batch.slice(start, stop - start) for batch, start, stop in self._gathered]
        gathered = pa.Table.from_batches(parts, self._schema)
        if self._file is None:
            repeating = _repeating(gathered.slice(0, SAMPLED_ROWS).combine_chunks())
            # Least and greatest of a column of hashes or addresses help no reader, and their comparing takes time.
            ranged = [field.name for field in self._schema if not pa.types.is_string(field.type)]
            self._file = pq.ParquetWriter(
                self.path,
                self._schema,
                compression="zstd",
                use_dictionary=repeating,
                write_statistics=ranged,
                write_page_index=True,
            )
        self.contents.add(gathered, self._table)
        if gathered.num_rows:
            self._file.write_table(gathered, row_group_size=gathered.num_rows)
        self._gathered, self._bytes = [], 0.0

    def close(self) -> None:
        with disk_trouble_told():
            self._flush()
            if self._file:
                self._file.close()


class DaySpool:
    """One partition of several tables, filled batch by batch."""

    def __init__(self, tables: Sequence[Table], partition: PartitionAddress, directory: Path):
        self.partition = partition
        self._tables, self._directory = {table.name: table for table in tables}, directory
        self._files: dict[str, list[SpooledFile]] = {name: [] for name in self._tables}
        self._open: dict[str, tuple[Mapping[str, str], DayWriter]] = {}

    @property
    def day(self) -> date:
        return self.partition.day

    def add(self, tables: Mapping[str, BatchOrSpan], part: Mapping[str, str] | None = None) -> None:
        """Append rows of tables, by name; those that are not spooled are passed over.

        part: which of the partition's files the rows belong to, where the table has many. Files are written one after
        the other: all rows of a part come before those of the next.

        Raises:
            ValueError: when a part comes back, or is not what the table's layout has a file for.
        """
        for name, rows in tables.items():
            if name in self._tables:
                self._writer(name, part or {}).write(rows)

    def _writer(self, name: str, part: Mapping[str, str]) -> DayWriter:
        current = self._open.get(name)
        if current and current[0] == part:
            return current[1]
        table = self._tables[name]
        if set(part) != set(table.lake.parts):
            raise ValueError(f"{table.address}: a file is of {list(table.lake.parts)}, not of {sorted(part)}")
        self._close(name)
        if any(file.part == part for file in self._files[name]):
            raise ValueError(f"{table.address}, {self.partition}: rows of {dict(part)} came in two places")
        writer = DayWriter(table, self._directory / f"{name}-{self.day}-{uuid.uuid4().hex[:8]}.parquet")
        self._open[name] = part, writer
        return writer

    def _close(self, name: str) -> None:
        if current := self._open.pop(name, None):
            part, writer = current
            writer.close()
            self._files[name].append(SpooledFile(writer.path, writer.contents, part))

    def finish(self, telling: Telling = NOTHING_MORE) -> dict[str, SpooledDay]:
        """Close the files; one spooled partition per table. Without rows it is one empty file, or none of many."""
        for name, table in self._tables.items():
            if not table.lake.parts and name not in self._open:
                self._writer(name, {})
            self._close(name)
        return {name: SpooledDay(self.partition, files, telling) for name, files in self._files.items()}


class Spool:
    """A temporary directory of spooled partitions for one step of a run."""

    def __init__(self, tables: Sequence[Table], engine: str, verify: str):
        self._tables, self._engine, self._verify = tables, engine, verify
        self._directory = ScratchDirectory("spool")
        self._days: dict[str, list[SpooledDay]] = {table.name: [] for table in tables}

    def day(self, partition: Partition) -> DaySpool:
        return DaySpool(self._tables, PartitionAddress.of(partition), Path(self._directory.name))

    def finish(self, day: DaySpool, telling: Telling = NOTHING_MORE) -> None:
        for name, spooled in day.finish(telling).items():
            self._days[name].append(spooled)
        give_back()

    def tables(self) -> dict[str, SpooledTable]:
        """The finished partitions of each table."""
        return {
            table.name: SpooledTable(table, self._days[table.name], self._directory, self._engine, self._verify)
            for table in self._tables
        }
