"""Partitions of a table in the lake, as their manifests describe them: what loaders and downstream assets receive."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import LakeChanged, LakeDamaged
from core.layout import PARQUET
from core.manifest import LARGEST_MANIFEST, Manifest, sha256_of
from core.partitions import Partition, PartitionAddress
from core.plain import one_line
from core.scratch import ScratchDirectory, disk_trouble_told
from core.tables import Table
from resources.clients.lake.local_store import disk_read
from resources.clients.lake.object_store import ObjectStore, gone

# What reading a file ends with when it holds something else than it should.
_OTHER_SHAPE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    csv.Error,
    pa.ArrowException,
)
BATCH_ROWS = 8_192
QUOTED = 200


@contextmanager
def _there(uri: str, path: Path) -> Iterator[None]:
    """Says of a file that went meanwhile, since its day was exported anew, what a missing object is said."""
    try:
        with disk_read(path):
            yield
    except FileNotFoundError as error:
        raise gone(uri) from error


@dataclass(frozen=True)
class LakeDay:
    """One partition of a table, most often a day, as its manifest describes it."""

    table_: Table
    partition: PartitionAddress
    manifest: Manifest
    store: ObjectStore

    @property
    def day(self) -> date:
        return self.partition.day

    @property
    def is_parquet(self) -> bool:
        """Whether its files are Parquet with today's columns as they lie there."""
        return self.manifest.format == PARQUET and self.manifest.schema_version == self.table_.schema_version

    def originals(self, scratch: Path) -> list[Path]:
        """The partition's files on this machine, in the format of the lake, checked against the manifest.

        Raises:
            LakeChanged: when a file is gone or not the one the manifest lists.
        """
        paths = []
        for file in self.manifest.files:
            path = self.store.fetch(file.key, scratch)
            with _there(self.store.uri(file.key), path):
                intact = path.stat().st_size == file.bytes and sha256_of(path) == file.sha256
            if not intact:
                raise LakeChanged(
                    f"Lake: {self.store.uri(file.key)} is not the file its manifest lists. Its export was interrupted "
                    f"or is under way: materialize {'/'.join(self.table_.lake_key)} for {self.partition} again."
                )
            paths.append(path)
        return paths

    def ensure_present(self) -> None:
        """For who reads the files past this program, and failed.

        Raises:
            LakeChanged: when a file that the manifest lists is gone.
        """
        present = {found.key for found in self.store.list(self.table_.lake.prefix(self.partition))}
        for file in self.manifest.files:
            if file.key not in present and not self.store.list(file.key):
                raise gone(self.store.uri(file.key))

    def ensure_current(self) -> None:
        """For who waited since the partition was opened: a lock may be held for minutes.

        Raises:
            LakeChanged: when it was exported anew meanwhile, or is gone.
        """
        key = self.table_.lake.manifest_key(self.partition)
        try:
            found = Manifest.decode(self.store.read(key, LARGEST_MANIFEST) or b"")
        except ValueError:
            found = None
        if found is None or _files_of(found) != _files_of(self.manifest):
            raise LakeChanged(
                f"Lake: {self.table_.name} of {self.partition} was exported anew while it waited to be loaded: "
                f"{self.store.uri(key)} lists other files now. Run again."
            )

    def local_files(self, scratch: Path) -> list[Path]:
        """The partition's Parquet files on this machine, checked against the manifest; others are converted.

        A file of an older version of the table has nulls in the columns that came since.

        Raises:
            LakeChanged: when a file is gone or not the one the manifest lists.
            LakeDamaged: when it cannot be read as the table's rows.
        """
        paths, format = self.originals(scratch), self.table_.lake.format(self.manifest.format)
        if self.is_parquet:
            return paths
        with self._readable():
            if format:
                return [format.to_parquet(self.table_, self.partition, path, scratch) for path in paths]
            return [_of_today(self.table_, path, scratch) for path in paths]

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows in order, in bounded memory. A partition without rows gives one empty batch."""
        names = list(columns or self.table_.arrow_schema.names)
        with ScratchDirectory("read") as scratch:
            yield pa.RecordBatch.from_pylist([], pa.schema([self.table_.arrow_schema.field(name) for name in names]))
            for path in self.local_files(Path(scratch)):
                with self._readable(), _there(str(path), path):
                    opened = pq.ParquetFile(path, pre_buffer=False)  # else the whole file is held
                with self._readable(), opened as file:
                    _require_columns(self.table_, file.schema_arrow, names)
                    yield from file.iter_batches(BATCH_ROWS, columns=names, use_threads=False)

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Says of files that are listed, but hold something else than the table's rows, that the lake is damaged."""
        try:
            yield
        except _OTHER_SHAPE as error:
            if isinstance(error, OSError) and error.errno:  # the machine's trouble, not the file's
                with disk_trouble_told():
                    raise
            folder, told = (
                self.store.uri(self.table_.lake.prefix(self.partition)),
                one_line(error, QUOTED),
            )
            raise LakeDamaged(
                f"Lake: the files of {self.table_.address} of {self.partition} under {folder} cannot be read as its "
                f"rows: {told or type(error).__name__}. Materialize {'/'.join(self.table_.lake_key)} for it again."
            ) from error

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows as one Arrow table."""
        return pa.Table.from_batches(self.batches(columns)).combine_chunks()


def _files_of(manifest: Manifest) -> list[tuple[str, str]]:
    return [(file.key, file.sha256) for file in manifest.files]


def _require_columns(table: Table, found: pa.Schema, names: Sequence[str]) -> None:
    for name in names:
        wanted = table.arrow_schema.field(name).type
        if name not in found.names or found.field(name).type != wanted:
            there = found.field(name).type if name in found.names else "nothing"
            raise ValueError(f"there is {there} where {name} of {wanted} should be")


def _of_today(table: Table, path: Path, scratch: Path) -> Path:
    """A copy of a file of an older version of the table, with nulls in the columns that came since."""
    target = scratch / f"{path.name}.v{table.schema_version}"
    with (
        pq.ParquetFile(path, pre_buffer=False) as file,
        pq.ParquetWriter(target, table.arrow_schema, compression="zstd") as writer,
    ):
        there = [field.name for field in table.arrow_schema if field.name in file.schema_arrow.names]
        _require_columns(table, file.schema_arrow, there + [c.name for c in table.columns if not c.nullable])
        for batch in file.iter_batches(BATCH_ROWS, columns=there, use_threads=False):
            arrays = [
                batch.column(field.name) if field.name in there else pa.nulls(batch.num_rows, field.type)
                for field in table.arrow_schema
            ]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=table.arrow_schema))
    return target


@dataclass(frozen=True)
class LakeObject:
    """One or more partitions of a table in the lake: what loaders and downstream assets receive."""

    table_: Table
    days: tuple[LakeDay, ...]

    @property
    def rows(self) -> int:
        return sum(day.manifest.rows for day in self.days)

    def on(self, partition: Partition) -> LakeDay:
        return next(lake_day for lake_day in self.days if lake_day.partition == PartitionAddress.of(partition))

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All partitions' rows as one Arrow table."""
        return pa.concat_tables(day.table(columns) for day in self.days)
