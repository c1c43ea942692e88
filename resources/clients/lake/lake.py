"""The lake: partitions of tables as objects with a manifest, published last and replaced as a set.

A partition, most often a day, exists when its manifest does. Readers take exactly what it lists; the files of a
partition that was replaced go after the new manifest stands.
"""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from core.clock import Clock
from core.errors import DayMissing, LakeChanged, LakeDamaged
from core.layout import PARQUET, FileFormat
from core.manifest import LARGEST_MANIFEST, DataFile, Manifest, facts_of, sha256_of
from core.partitions import Partition, PartitionAddress
from core.plain import one_line
from core.scratch import ScratchDirectory, disk_trouble_told
from core.spool import SpooledDay, SpooledFile, SpooledTable
from core.tables import Table
from resources.clients.lake.object_store import ObjectStore, StoredObject
from resources.clients.lake.reading import LakeDay, LakeObject

# A data file without a manifest belongs to a killed run once it is older than any run may last.
ORPHAN_AFTER = timedelta(hours=24)
# Times that a partition is written anew because another export wrote into it meanwhile.
MOST_TURNS = 5


def _is(path: Path, listed: DataFile) -> bool:
    return path.stat().st_size == listed.bytes and sha256_of(path) == listed.sha256


class Lake:
    """Publishes and reads partitions of tables.

    format: ``parquet``, or the name of another format for the tables whose layout knows it.
    """

    def __init__(self, store: ObjectStore, format: str = PARQUET, clock: Clock | None = None):
        self.store, self.format, self._clock = store, format, clock or Clock()

    def publish(self, table: Table, spooled: SpooledTable, day: SpooledDay, run_id: str) -> Manifest:
        """Put one partition into the lake, in place of what was there. The spooled files are used up.

        Raises:
            LakeChanged: when other exports of the partition put their files in the place of these, again and again.
        """
        replaced = self._replaced(table, day.partition)
        format = table.lake.format(self.format)
        stem = table.name if format else f"{table.name}-{self._clock.now():%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"
        keep_names = bool(format or table.lake.file)
        for _ in range(MOST_TURNS if format else 1):  # Parquet files are used up when they are published
            manifest = self._put(table, spooled, day, run_id, stem)
            # Where files keep their names, another export's may have come between these and their manifest. Whoever
            # writes the last manifest sees it here, so that one of the two is left whole.
            if not keep_names or self._stands(manifest):
                break
        else:
            raise LakeChanged(
                f"Lake: another run exported {table.name} for {day.partition} at the same time, so that files of both "
                f"lie under {self.uri(table, day.partition)}. Run again."
            )
        self._sweep(table, manifest, replaced)
        return manifest

    def _put(self, table: Table, spooled: SpooledTable, day: SpooledDay, run_id: str, stem: str) -> Manifest:
        """Data files first, the manifest last."""
        format, proof = table.lake.format(self.format), day.telling.evidence
        files = [self._upload(table, day, file, format, stem) for file in day.files]
        evidence = f"{table.lake.prefix(day.partition)}{stem}.proof.json" if proof else None
        manifest = Manifest(
            dataset=table.name,
            day=day.day,
            dimensions=day.partition.dimensions,
            format=format.name if format else PARQUET,
            rows=day.rows,
            files=files,
            facts=facts_of(table, day.telling.facts),
            schema_version=table.schema_version,
            engine=spooled.engine,
            verify=spooled.verify,
            run_id=run_id,
            evidence=evidence,
            contents=day.contents,
        )
        if evidence:
            self.store.write(evidence, msgspec.json.format(msgspec.json.encode(proof)) + b"\n")
        self.store.write(table.lake.manifest_key(day.partition), manifest.encode())
        return manifest

    def _stands(self, manifest: Manifest) -> bool:
        """Whether the files are those that the manifest lists."""
        try:
            with ScratchDirectory("published") as scratch:
                return all(_is(self.store.fetch(file.key, Path(scratch)), file) for file in manifest.files)
        except LakeChanged:
            return False

    def _upload(
        self, table: Table, day: SpooledDay, file: SpooledFile, format: FileFormat | None, stem: str
    ) -> DataFile:
        """One data file. Each Parquet file of a folder has its own name, so that a reader of the old manifest keeps
        its file to the end."""
        with disk_trouble_told():
            path = format.write(table, file.path) if format else file.path
        suffix = format.suffix(table) if format else ".parquet"
        key = table.lake.file_key(day.partition, stem + suffix, file.part)
        listed = DataFile(key, file.rows, path.stat().st_size, sha256_of(path))
        self.store.upload(key, path)
        return listed

    def _replaced(self, table: Table, partition: Partition) -> set[str]:
        """The keys of what the partition consists of until now. A damaged manifest cannot tell: then it is all that
        was there before it was."""
        try:
            manifest = self.manifest(table, partition)
            return set(manifest.keys) if manifest else set()
        except LakeDamaged:
            present = self._present(table, partition)
            own = table.lake.manifest_key(partition)
            written = next((found.modified for found in present if found.key == own), None)
            return {found.key for found in present if written and found.modified <= written}

    def _present(self, table: Table, partition: Partition) -> list[StoredObject]:
        return self.store.list(table.lake.prefix(partition))

    def _sweep(self, table: Table, manifest: Manifest, replaced: set[str]) -> None:
        listed = {*manifest.keys, table.lake.manifest_key(manifest.partition)}
        oldest = self._clock.now() - ORPHAN_AFTER
        left = {found.key for found in self._present(table, manifest.partition) if found.modified < oldest}
        for key in sorted((left | replaced) - listed):
            self.store.delete(key)

    def manifest(self, table: Table, partition: Partition) -> Manifest | None:
        """The partition's manifest; None when the partition is not in the lake.

        Raises:
            LakeDamaged: when there is something else in its place.
        """
        key = table.lake.manifest_key(partition)
        raw = self.store.read(key, LARGEST_MANIFEST)
        if raw is None:
            return None
        try:
            manifest = Manifest.decode(raw)
            problem = manifest.problem(table, partition)
        except ValueError as error:
            problem = str(error)
        if problem:
            raise LakeDamaged(
                f"Lake: {self.store.uri(key)} is not the manifest of {table.name}, {PartitionAddress.of(partition)}: "
                f"{problem}. Materialize {'/'.join(table.lake_key)} for it again."
            )
        return manifest

    def open(self, table: Table, partitions: Sequence[Partition]) -> LakeObject:
        """The table's partitions.

        Raises:
            DayMissing: naming the partitions that are not in the lake.
            LakeDamaged: naming one whose manifest is damaged.
        """
        found = {PartitionAddress.of(partition): self.manifest(table, partition) for partition in partitions}
        missing = [str(partition) for partition, manifest in found.items() if manifest is None]
        if missing:
            raise DayMissing(
                f"Lake: {table.name} has no {', '.join(missing[:5])}{' and more' if len(missing) > 5 else ''} "
                f"under {self.store.uri('')}. Materialize {'/'.join(table.lake_key)} for it first."
            )
        return LakeObject(table, tuple(LakeDay(table, at, m, self.store) for at, m in found.items() if m))

    def evidence(self, manifest: Manifest) -> dict[str, Any] | None:
        """What was proved of a published partition; None when nothing is kept of it.

        Raises:
            LakeDamaged: when what is kept cannot be read.
        """
        raw = self.store.read(manifest.evidence, LARGEST_MANIFEST) if manifest.evidence else None
        try:
            return None if raw is None else msgspec.json.decode(raw, type=dict[str, Any])
        except (ValueError, RecursionError) as error:
            raise LakeDamaged(
                f"Lake: {self.store.uri(manifest.evidence or '')} is not the proof of {manifest.dataset}, "
                f"{manifest.partition}: {one_line(error, 200)}. Export it again."
            ) from error

    def uri(self, table: Table, partition: Partition) -> str:
        """The address of a partition's folder."""
        return self.store.uri(table.lake.prefix(partition))
