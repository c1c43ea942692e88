"""Where the lake's objects lie: a local directory, S3, or memory. Keys are ``/``-separated, relative to a root.

Writing an object is atomic everywhere: a reader finds the old bytes or the new ones.
"""

import os
import shutil
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from core.clock import Clock
from core.errors import LakeChanged


@dataclass(frozen=True)
class StoredObject:
    """An object in a listing."""

    key: str
    modified: datetime


class ObjectStore(Protocol):
    """What the lake needs of a store."""

    def uri(self, key: str) -> str: ...

    def read(self, key: str) -> bytes | None:
        """The object's bytes; None when there is none."""
        ...

    def fetch(self, key: str, scratch: Path) -> Path:
        """A local file with the object's bytes, in ``scratch`` unless it lies on this machine already.

        Raises:
            LakeChanged: when there is no such object (any more).
        """
        ...

    def write(self, key: str, data: bytes) -> None: ...

    def upload(self, key: str, path: Path) -> None:
        """Store a local file, which may be moved away by it."""
        ...

    def list(self, prefix: str) -> list[StoredObject]: ...

    def delete(self, key: str) -> None:
        """Remove an object; it may be gone already."""
        ...


def gone(uri: str) -> LakeChanged:
    """The error for an object that a manifest lists and that is not there."""
    return LakeChanged(f"Lake: {uri} is listed in a manifest but not there; the day is being replaced. Run again.")


class LocalObjectStore:
    """Objects as files below a directory."""

    def __init__(self, root: Path):
        self._root = root.absolute()

    def _path(self, key: str) -> Path:
        return self._root / key

    def uri(self, key: str) -> str:
        return self._path(key).as_uri()

    def read(self, key: str) -> bytes | None:
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            return None

    def fetch(self, key: str, scratch: Path) -> Path:
        path = self._path(key)
        if not path.exists():
            raise gone(self.uri(key))
        return path

    def write(self, key: str, data: bytes) -> None:
        part = self._part()
        part.write_bytes(data)
        self._put(part, key)

    def upload(self, key: str, path: Path) -> None:
        part = self._part()
        shutil.move(path, part)
        self._put(part, key)

    def _part(self) -> Path:
        """A new name on the same file system, outside every dataset's folder."""
        folder = self._root / ".incoming"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / uuid.uuid4().hex

    def _put(self, part: Path, key: str) -> None:
        target = self._path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(target)

    def list(self, prefix: str) -> list[StoredObject]:
        folder = self._path(prefix)
        if not folder.is_dir():
            return []
        return [
            StoredObject(path.relative_to(self._root).as_posix(), datetime.fromtimestamp(path.stat().st_mtime, tz=UTC))
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        ]

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)


class MemoryObjectStore:
    """Objects in this process, for pytest."""

    def __init__(self, clock: Clock | None = None):
        self._objects: dict[str, tuple[bytes, datetime]] = {}
        self._clock = clock or Clock()

    def uri(self, key: str) -> str:
        return f"memory://{key}"

    def read(self, key: str) -> bytes | None:
        return self._objects.get(key, (None, None))[0]

    def fetch(self, key: str, scratch: Path) -> Path:
        data = self.read(key)
        if data is None:
            raise gone(self.uri(key))
        path = scratch / uuid.uuid4().hex
        path.write_bytes(data)
        return path

    def write(self, key: str, data: bytes) -> None:
        self._objects[key] = (bytes(data), self._clock.now())

    def upload(self, key: str, path: Path) -> None:
        self.write(key, path.read_bytes())

    def list(self, prefix: str) -> list[StoredObject]:
        found = ((key, modified) for key, (_, modified) in sorted(self._objects.items()))
        return [StoredObject(key, modified) for key, modified in found if key.startswith(prefix)]

    def delete(self, key: str) -> None:
        self._objects.pop(key, None)
