"""Single objects of the lake: written whole, read back and compared, their second key last."""

import gzip
import io
import json
import shutil
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import DayMissing, LakeChanged, LakeDamaged
from core.manifest import sha256_of
from core.objects import PublishedObject
from core.partitions import PartitionAddress
from core.plain import one_line
from core.scratch import ScratchDirectory
from resources.clients.lake.object_store import ObjectHeaders, ObjectStore

# Bytes, text, a local file, or a value that is written as JSON.
Content = bytes | str | Path | Mapping[str, Any] | list[Any]
# An object is read into memory to be handed to an asset; larger ones are handed over as files.
LARGEST_IN_MEMORY = 256 << 20


@dataclass(frozen=True)
class WrittenObject:
    """What was written: its key, bytes and SHA-256 (hex). ``latest``: the second key, if that was written too."""

    key: str
    bytes: int
    sha256: str
    latest: str | None


class PublishedObjects:
    """Writes and reads declared objects in a store.

    acls: whether the store is told the declared ACLs; a bucket may take none.
    """

    def __init__(self, store: ObjectStore, acls: bool = True):
        self.store, self._acls = store, acls

    def write(self, declared: PublishedObject, partition: PartitionAddress | None, content: Content) -> WrittenObject:
        """Put an object in place of what was there, then under its second key unless a later day's is there.

        Text and JSON are compressed when the key ends in ``.gz``, always to the same bytes.

        Raises:
            LakeChanged: when what was written is not what is there afterwards.
            ValueError: when a JSON value holds a number that JSON does not have.
        """
        key = declared.key_of(partition)
        with ScratchDirectory("object") as scratch:
            path = Path(scratch, "content")
            if isinstance(content, Path):
                shutil.copyfile(content, path)
            else:
                path.write_bytes(encoded(content, compressed=key.endswith(".gz")))
            written = WrittenObject(key, path.stat().st_size, sha256_of(path), None)
            self._put(key, path, self._told(declared, declared.acl))
            if declared.latest and self._newest(declared, partition) == partition:
                self._put_latest(declared, declared.latest, partition, path)
                written = replace(written, latest=declared.latest)
        return written

    def _told(self, declared: PublishedObject, acl: str | None) -> ObjectHeaders:
        return ObjectHeaders(declared.content_type, declared.cache_control, acl if self._acls else None)

    def _newest(self, declared: PublishedObject, partition: PartitionAddress | None) -> PartitionAddress | None:
        """The partition of the latest day whose object is there, beside the partition that was just written."""
        if partition is None:
            return None
        listed = self.store.list(declared.listed_under(partition))
        days = [day for found in listed if (day := declared.day_of(found.key, partition))]
        return PartitionAddress(max([partition.day, *days]), partition.others)

    def _put_latest(self, declared: PublishedObject, latest: str, newest: PartitionAddress | None, path: Path) -> None:
        """Write the second key, again while runs of later days come in between: it ends as the newest's."""
        told = self._told(declared, declared.latest_acl)
        self._put(latest, path, told)
        while (now := self._newest(declared, newest)) != newest:
            newest = now
            with ScratchDirectory("object") as scratch:
                self._put(latest, self.store.fetch(declared.key_of(newest), Path(scratch)), told)

    def _put(self, key: str, path: Path, headers: ObjectHeaders) -> None:
        """Write a local file, which stays, and compare what is there afterwards."""
        with ScratchDirectory("object") as scratch:
            outgoing = Path(shutil.copyfile(path, Path(scratch, "outgoing")))
            sha256 = sha256_of(outgoing)
            self.store.upload(key, outgoing, headers)
            if sha256_of(self.store.fetch(key, Path(scratch))) != sha256:
                raise LakeChanged(
                    f"Lake: {self.store.uri(key)} is not what was written to it; another run writes it too. Run again."
                )

    def read(self, declared: PublishedObject, partition: PartitionAddress | None) -> bytes:
        """An object's bytes; decompressed when its key ends in ``.gz``.

        Raises:
            DayMissing: when it is not there.
            LakeDamaged: when it is too large for memory, or cannot be decompressed.
        """
        key = declared.key_of(partition)
        data = self.store.read(key, LARGEST_IN_MEMORY)
        if data is None:
            raise DayMissing(
                f"Lake: {self.store.uri(key)} is not there. Materialize {'/'.join(declared.asset_key)} first."
            )
        return decompressed(data, self.store.uri(key)) if key.endswith(".gz") else data

    def read_json(self, declared: PublishedObject, partition: PartitionAddress | None) -> Any:
        """An object's value, of JSON.

        Raises:
            DayMissing, LakeDamaged: as ``read``; also when it is no JSON.
        """
        try:
            return json.loads(self.read(declared, partition))
        except (ValueError, RecursionError) as error:
            raise LakeDamaged(
                f"Lake: {self.store.uri(declared.key_of(partition))} is no JSON: {one_line(error, 200)}. Materialize "
                f"{'/'.join(declared.asset_key)} again."
            ) from error


def encoded(content: bytes | str | Mapping[str, Any] | list[Any], *, compressed: bool) -> bytes:
    """The bytes of a content. JSON: ASCII, with a space after ``,`` and ``:``; bytes are as they are."""
    if isinstance(content, bytes):
        return content
    text = content if isinstance(content, str) else json.dumps(content, allow_nan=False)
    return gzip.compress(text.encode(), mtime=0) if compressed else text.encode()


def decompressed(data: bytes, uri: str) -> bytes:
    """What a gzip file holds.

    Raises:
        LakeDamaged: when it is none, is cut, or unfolds to more than memory has room for.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            found = file.read(LARGEST_IN_MEMORY + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise LakeDamaged(f"Lake: {uri} cannot be decompressed: {error}. Write it again.") from error
    if len(found) > LARGEST_IN_MEMORY:
        raise LakeDamaged(f"Lake: {uri} unfolds to more than {LARGEST_IN_MEMORY:,} bytes. Read it as a file.")
    return found
