"""Rows on their way to the lake: written to local Parquet files in bounded memory, published later.

The newest blocks are held back in memory, so that a reorganisation met while fetching can be undone.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.manifest import BlockSpan
from core.memory import give_back
from core.scratch import ScratchDirectory
from core.tables import Table

# Rows are gathered to about this size before a row group is written.
ROW_GROUP_BYTES = 16 << 20
# From so many of a file's first rows it is seen which columns repeat themselves.
SAMPLED_ROWS = 2_000


@dataclass(frozen=True)
class SpooledDay:
    """One day's rows as a local Parquet file, not yet published. ``evidence``: what was proved of them."""

    day: date
    path: Path
    rows: int
    blocks: BlockSpan | None
    evidence: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class SpooledTable:
    """A table's days, ready to be published. ``directory`` keeps the files alive and removes them after use."""

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
    """Writes one day of one table, row group by row group."""

    def __init__(self, table: Table, path: Path):
        self.rows = 0
        self.path = path
        self._schema = table.arrow_schema
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
        self.rows += span.stop - span.start
        self._bytes += self._row_bytes * (span.stop - span.start)
        if self._bytes >= ROW_GROUP_BYTES:
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
        if gathered.num_rows:
            self._file.write_table(gathered, row_group_size=gathered.num_rows)
        self._gathered, self._bytes = [], 0.0

    def close(self) -> None:
        self._flush()
        if self._file:
            self._file.close()


class DaySpool:
    """One day of several tables, filled block by block.

    hold_back: how many of the newest blocks stay in memory and can still be taken back.
    """

    def __init__(self, tables: Sequence[Table], day: date, directory: Path, hold_back: int = 0):
        self.day = day
        self._writers = {table.name: DayWriter(table, directory / f"{table.name}-{day}.parquet") for table in tables}
        self._held: deque[tuple[int, Mapping[str, BatchOrSpan]]] = deque()
        self._hold_back = hold_back

    def add(self, block: int, tables: Mapping[str, BatchOrSpan]) -> None:
        """Append the rows of a block, above all added before."""
        self._held.append((block, tables))
        while self._held and self._held[0][0] <= block - self._hold_back:
            self._write(self._held.popleft()[1])

    def take_back(self, from_block: int) -> None:
        """Forget the rows of ``from_block`` and above; they must still be held back."""
        while self._held and self._held[-1][0] >= from_block:
            self._held.pop()

    def _write(self, tables: Mapping[str, BatchOrSpan]) -> None:
        for name, rows in tables.items():
            if name in self._writers:
                self._writers[name].write(rows)

    def finish(self, blocks: BlockSpan | None, evidence: Mapping[str, Any] | None = None) -> dict[str, SpooledDay]:
        """Write what is held and close the files; one spooled day per table."""
        for _, tables in self._held:
            self._write(tables)
        self._held.clear()
        for writer in self._writers.values():
            writer.close()
        return {name: SpooledDay(self.day, w.path, w.rows, blocks, evidence) for name, w in self._writers.items()}


class Spool:
    """A temporary directory of spooled days for one step of a run."""

    def __init__(self, tables: Sequence[Table], engine: str, verify: str):
        self._tables, self._engine, self._verify = tables, engine, verify
        self._directory = ScratchDirectory("spool")
        self._days: dict[str, list[SpooledDay]] = {table.name: [] for table in tables}

    def day(self, day: date, hold_back: int = 0) -> DaySpool:
        return DaySpool(self._tables, day, Path(self._directory.name), hold_back)

    def finish(self, day: DaySpool, blocks: BlockSpan | None, evidence: Mapping[str, Any] | None = None) -> None:
        for name, spooled in day.finish(blocks, evidence).items():
            self._days[name].append(spooled)
        give_back()

    def tables(self) -> dict[str, SpooledTable]:
        """The finished days of each table."""
        return {
            table.name: SpooledTable(table, self._days[table.name], self._directory, self._engine, self._verify)
            for table in self._tables
        }
