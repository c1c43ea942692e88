"""The lake: days of tables as objects with a manifest, published last and replaced as a set.

A day exists when its manifest does. Readers take exactly what it lists; the files of a day that was replaced
go after the new manifest stands.
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from core.clock import Clock
from core.errors import DayMissing, LakeChanged
from core.manifest import DataFile, Manifest, sha256_of
from core.paths import day_prefix, manifest_path, object_path
from core.scratch import ScratchDirectory
from core.spool import SpooledDay, SpooledTable
from core.tables import Table
from resources.clients.ethereum_etl import files as etl_files
from resources.clients.lake.object_store import ObjectStore, gone

PARQUET, CSV = "parquet", "csv"

# A data file without a manifest belongs to a killed run once it is older than any run may last.
ORPHAN_AFTER = timedelta(hours=24)

BATCH_ROWS = 8_192


class Lake:
    """Publishes and reads days of tables.

    format: ``parquet``, or ``csv`` for the files and names of the old export.
    """

    def __init__(self, store: ObjectStore, format: str = PARQUET, clock: Clock | None = None):
        self.store, self.format, self._clock = store, format, clock or Clock()

    def publish(self, table: Table, spooled: SpooledTable, day: SpooledDay, run_id: str) -> Manifest:
        """Put one day into the lake, in place of what was there. The spooled file is used up."""
        superseded = self.manifest(table, day.day)
        path = day.path
        if self.format == CSV:
            path = etl_files.write(table, day.path)
        stem, suffix = self._file_name(table)
        key = object_path(table.name, day.day, stem + suffix)
        evidence = object_path(table.name, day.day, f"{stem}.proof.json") if day.evidence else None
        file = DataFile(key, day.rows, path.stat().st_size, sha256_of(path))
        manifest = Manifest(
            dataset=table.name,
            day=day.day,
            format=self.format,
            rows=day.rows,
            files=[file],
            blocks=day.blocks,
            schema_version=table.schema_version,
            engine=spooled.engine,
            verify=spooled.verify,
            run_id=run_id,
            evidence=evidence,
        )
        self.store.upload(key, path)
        if evidence:
            self.store.write(evidence, msgspec.json.format(msgspec.json.encode(day.evidence)) + b"\n")
        self.store.write(manifest_path(table.name, day.day), manifest.encode())
        self._sweep(manifest, superseded)
        return manifest

    def _file_name(self, table: Table) -> tuple[str, str]:
        """Stem and suffix; each export has its own, so that a reader of the old manifest keeps its file to the end."""
        if self.format == CSV:
            return table.name, f".{table.csv_layout}"
        return f"{table.name}-{self._clock.now():%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}", ".parquet"

    def _sweep(self, manifest: Manifest, superseded: Manifest | None) -> None:
        listed = {*manifest.keys, manifest_path(manifest.dataset, manifest.day)}
        replaced = set(superseded.keys) if superseded else set()
        oldest = self._clock.now() - ORPHAN_AFTER
        for stored in self.store.list(day_prefix(manifest.dataset, manifest.day)):
            if stored.key not in listed and (stored.key in replaced or stored.modified < oldest):
                self.store.delete(stored.key)

    def manifest(self, table: Table, day: date) -> Manifest | None:
        """The day's manifest; None when the day is not in the lake."""
        raw = self.store.read(manifest_path(table.name, day))
        return None if raw is None else Manifest.decode(raw)

    def open(self, table: Table, days: Sequence[date]) -> "LakeObject":
        """The table's days.

        Raises:
            DayMissing: naming the days that are not in the lake.
        """
        found = {day: self.manifest(table, day) for day in days}
        missing = [day.isoformat() for day, manifest in found.items() if manifest is None]
        if missing:
            raise DayMissing(
                f"Lake: {table.name} has no {', '.join(missing[:5])}{' and more' if len(missing) > 5 else ''} "
                f"under {self.store.uri('')}. Materialize lake/{table.system}/{table.name} for it first."
            )
        return LakeObject(table, tuple(LakeDay(table, day, m, self.store) for day, m in found.items() if m))

    def evidence(self, manifest: Manifest) -> dict[str, Any] | None:
        """What was proved of a published day; None when nothing is kept of it."""
        raw = self.store.read(manifest.evidence) if manifest.evidence else None
        return None if raw is None else msgspec.json.decode(raw)

    def uri(self, manifest: Manifest) -> str:
        """The address of a published day's folder."""
        return self.store.uri(day_prefix(manifest.dataset, manifest.day))


@contextmanager
def _there(uri: str) -> Iterator[None]:
    """Says of a file that went meanwhile, since its day was exported anew, what a missing object is said."""
    try:
        yield
    except FileNotFoundError as error:
        raise gone(uri) from error


@dataclass(frozen=True)
class LakeDay:
    """One day of a table, as its manifest describes it."""

    table_: Table
    day: date
    manifest: Manifest
    store: ObjectStore

    def originals(self, scratch: Path) -> list[Path]:
        """The day's files on this machine, in the format of the lake, checked against the manifest.

        Raises:
            LakeChanged: when a file is gone or not the one the manifest lists.
        """
        paths = []
        for file in self.manifest.files:
            path = self.store.fetch(file.key, scratch)
            with _there(self.store.uri(file.key)):
                intact = path.stat().st_size == file.bytes and sha256_of(path) == file.sha256
            if not intact:
                raise LakeChanged(
                    f"Lake: {self.store.uri(file.key)} is not the file its manifest lists. Its export was interrupted "
                    f"or is under way: materialize lake/{self.table_.system}/{self.table_.name} for {self.day} again."
                )
            paths.append(path)
        return paths

    def ensure_present(self) -> None:
        """For who reads the files past this program, and failed.

        Raises:
            LakeChanged: when a file that the manifest lists is gone.
        """
        present = {found.key for found in self.store.list(day_prefix(self.table_.name, self.day))}
        for file in self.manifest.files:
            if file.key not in present:
                raise gone(self.store.uri(file.key))

    def local_files(self, scratch: Path) -> list[Path]:
        """The day's Parquet files on this machine, checked against the manifest; csv days are converted.

        Raises:
            LakeChanged: when a file is gone or not the one the manifest lists.
        """
        paths = self.originals(scratch)
        if self.manifest.format == CSV:
            return [etl_files.to_parquet(self.table_, self.day, path, scratch) for path in paths]
        return paths

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows in order, in bounded memory. A day without rows gives one empty batch."""
        names = list(columns or self.table_.arrow_schema.names)
        with ScratchDirectory("read") as scratch:
            yield pa.RecordBatch.from_pylist([], pa.schema([self.table_.arrow_schema.field(name) for name in names]))
            for path in self.local_files(Path(scratch)):
                with _there(str(path)):
                    opened = pq.ParquetFile(path, pre_buffer=False)  # else the whole file is held
                with opened as file:
                    yield from file.iter_batches(BATCH_ROWS, columns=names, use_threads=False)

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows as one Arrow table."""
        return pa.Table.from_batches(self.batches(columns)).combine_chunks()


@dataclass(frozen=True)
class LakeObject:
    """One or more days of a table in the lake: what loaders and downstream assets receive."""

    table_: Table
    days: tuple[LakeDay, ...]

    @property
    def rows(self) -> int:
        return sum(day.manifest.rows for day in self.days)

    def on(self, day: date) -> LakeDay:
        return next(lake_day for lake_day in self.days if lake_day.day == day)

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All days' rows as one Arrow table."""
        return pa.concat_tables(day.table(columns) for day in self.days)
