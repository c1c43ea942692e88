"""Partitions of a table in the lake, as their manifests describe them: what loaders and downstream assets receive."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import LakeChanged
from core.layout import PARQUET
from core.manifest import Manifest, sha256_of
from core.partitions import Partition, PartitionAddress
from core.scratch import ScratchDirectory
from core.tables import Table
from resources.clients.lake.local_store import disk_read
from resources.clients.lake.object_store import ObjectStore, gone

BATCH_ROWS = 8_192


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
        """Whether its files are Parquet as they lie there."""
        return self.manifest.format == PARQUET

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

    def local_files(self, scratch: Path) -> list[Path]:
        """The partition's Parquet files on this machine, checked against the manifest; others are converted.

        Raises:
            LakeChanged: when a file is gone or not the one the manifest lists.
        """
        paths, format = self.originals(scratch), self.table_.lake.format(self.manifest.format)
        if format:
            return [format.to_parquet(self.table_, self.partition, path, scratch) for path in paths]
        return paths

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows in order, in bounded memory. A partition without rows gives one empty batch."""
        names = list(columns or self.table_.arrow_schema.names)
        with ScratchDirectory("read") as scratch:
            yield pa.RecordBatch.from_pylist([], pa.schema([self.table_.arrow_schema.field(name) for name in names]))
            for path in self.local_files(Path(scratch)):
                with _there(str(path), path):
                    opened = pq.ParquetFile(path, pre_buffer=False)  # else the whole file is held
                with opened as file:
                    yield from file.iter_batches(BATCH_ROWS, columns=names, use_threads=False)

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows as one Arrow table."""
        return pa.Table.from_batches(self.batches(columns)).combine_chunks()


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
