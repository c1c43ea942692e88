"""What Redshift loads for one window of days: the lake's own files, or copies of those it could not take.

COPY reads Parquet as it lies in the lake. Two kinds of files are copied first, into the lake's staging prefix:
Parquet files with what a column does not hold (a text too long or with NUL characters, numbers of another width) or
without the columns that came since, and the csv and JSON files of the old layout, which lack the day. Texts from
outside are those declared unbounded; only these are looked through.
"""

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.clock import Clock
from core.errors import HeadwaterError
from core.layout import PARQUET as STORED_AS_PARQUET
from core.scratch import ScratchDirectory
from core.sql.copying import PARQUET
from core.sql.dialects import REDSHIFT
from core.sql.storing import has_nul, is_narrowed, stored
from core.tables import Table
from resources.clients.lake.object_store import ObjectStore
from resources.clients.lake.reading import LakeDay
from resources.clients.redshift.copy_text import TextCopy, shortener

# What is older belongs to a load that was killed.
LEFT_OVER_AFTER = timedelta(hours=24)


@dataclass
class CopyFiles:
    """The files of one load, and the manifests that COPY is given: one for each format, so nearly always one.

    longest: the most bytes of a text. marker: what stands for a longer text, followed by its length, and alone for
    null in files that have no other way to say it; no text can hold it, since it is made up for this load.
    """

    store: ObjectStore
    table: Table
    longest: int
    load: str = field(default_factory=lambda: uuid.uuid4().hex)
    shortened: dict[date, Counter[str]] = field(default_factory=dict)
    _entries: dict[str, list[dict]] = field(default_factory=dict)
    _made: list[str] = field(default_factory=list)

    @property
    def marker(self) -> str:
        return f"{self.load}:"

    def add_day(self, day: LakeDay, scratch: Path) -> None:
        """The day's files; nothing is downloaded of tables whose texts all fit."""
        is_text = day.manifest.format != STORED_AS_PARQUET
        if day.is_parquet and not self._unbounded() and not is_narrowed(self.table, REDSHIFT):
            for listed in day.manifest.files:
                if listed.rows:
                    self._list(PARQUET, day.store.uri(listed.key), listed.bytes)
            return
        paths = day.originals(scratch) if is_text else day.local_files(scratch)
        for at, (listed, path) in enumerate(zip(day.manifest.files, paths, strict=True)):
            if not listed.rows:
                continue
            if is_text:
                self._add_text(day.day, at, path, scratch)
            elif (copied := self._mended(day.day, path, scratch)) is not None or not day.is_parquet:
                self._upload(PARQUET, f"{day.day}-{at}.parquet", copied or path)
            else:
                self._list(PARQUET, day.store.uri(listed.key), listed.bytes)

    def add_rows(self, rows: pa.Table, scratch: Path) -> None:
        """Rows in memory, day by day."""
        for day in rows.column(self.table.day_column).unique().to_pylist():
            path = scratch / f"rows-{day}.parquet"
            pq.write_table(rows.filter(pc.equal(rows.column(self.table.day_column), day)), path, compression="zstd")
            self._upload(PARQUET, f"{day}.parquet", self._mended(day, path, scratch) or path)

    def manifests(self) -> Iterator[tuple[str, str]]:
        """Format and address of each manifest; none when there is no row to load."""
        for at, (format, entries) in enumerate(self._entries.items()):
            key = self.table.lake.staging_key(self.load, f"{at}.manifest")
            self._made.append(key)
            self.store.write(key, msgspec.json.encode({"entries": entries}))
            yield format, self.store.uri(key)

    def remove(self) -> None:
        """Remove what was made for the load."""
        for key in self._made:
            self.store.delete(key)

    def _unbounded(self) -> list[str]:
        return [column.name for column in self.table.columns if column.unbounded]

    def _list(self, format: str, uri: str, size: int) -> None:
        # Redshift wants the length of Parquet files told.
        entry = {"url": uri, "mandatory": True, "meta": {"content_length": size}}
        self._entries.setdefault(format, []).append(entry)

    def _upload(self, format: str, name: str, path: Path) -> None:
        key, size = self.table.lake.staging_key(self.load, name), path.stat().st_size
        self._made.append(key)
        self.store.upload(key, path)
        self._list(format, self.store.uri(key), size)

    def _add_text(self, day: date, at: int, path: Path, scratch: Path) -> None:
        name = f"{day}-{at}.{self.table.csv_layout}.gz"
        shorten = shortener(self.marker, self.longest, self.shortened.setdefault(day, Counter()))
        copy = TextCopy(self.table, day, self.marker, shorten)
        copy.write(path, scratch / name)
        self._upload(copy.format, name, scratch / name)

    def _mended(self, day: date, path: Path, scratch: Path) -> Path | None:
        """A copy of a Parquet file as Redshift holds it, with markers for the texts that are too long; None when the
        file is so already."""
        names = self._unbounded()
        with pq.ParquetFile(path, pre_buffer=False) as file:
            groups = range(file.num_row_groups)
            if not is_narrowed(self.table, REDSHIFT) and not any(
                self._takes_mending(file.read_row_group(group, [name])) for group in groups for name in names
            ):
                return None
            target = scratch / f"{path.name}.mended"
            counts = self.shortened.setdefault(day, Counter())
            held = (stored(file.read_row_group(group).to_batches(), self.table, REDSHIFT) for group in groups)
            first, *_ = stored([pa.RecordBatch.from_pylist([], file.schema_arrow)], self.table, REDSHIFT)
            with pq.ParquetWriter(target, first.schema, compression="zstd") as writer:
                for batches in held:
                    rows = pa.Table.from_batches(batches, first.schema)
                    writer.write_table(self._shortened(rows, names, counts))
        return target

    def _takes_mending(self, rows: pa.Table) -> bool:
        longest = pc.max(pc.binary_length(rows.column(0))).as_py()
        return (longest is not None and longest > self.longest) or has_nul(rows.column(0))

    def _shortened(self, rows: pa.Table, names: list[str], counts: Counter[str]) -> pa.Table:
        for name in names:
            lengths = pc.binary_length(rows.column(name))
            is_long = pc.fill_null(pc.greater(lengths, self.longest), False)
            if count := pc.sum(is_long).as_py():
                counts[name] += count
                marked = pc.binary_join_element_wise(self.marker, lengths.cast(pa.string()), "")
                at = rows.schema.get_field_index(name)
                rows = rows.set_column(at, rows.schema.field(at), pc.if_else(is_long, marked, rows.column(name)))
        return rows


@contextmanager
def copy_files(
    store: ObjectStore, table: Table, longest: int, days: Sequence[LakeDay] = (), rows: pa.Table | None = None
) -> Iterator[CopyFiles]:
    """The files of a load, removed from the staging prefix afterwards."""
    _sweep(store, table, Clock())
    files = CopyFiles(store, table, longest)
    try:
        for day in days:
            with ScratchDirectory("copy") as scratch:
                files.add_day(day, Path(scratch))
        if rows is not None:
            with ScratchDirectory("copy") as scratch:
                files.add_rows(rows, Path(scratch))
        yield files
    finally:
        with suppress(HeadwaterError):  # what cannot be removed now must not hide what failed; a later load sweeps it
            files.remove()


def _sweep(store: ObjectStore, table: Table, clock: Clock) -> None:
    oldest = clock.now() - LEFT_OVER_AFTER
    for found in store.list(table.lake.staging):
        if found.modified < oldest:
            store.delete(found.key)
