"""What the lake needs of a store. Keys are ``/``-separated, relative to a root.

Writing an object is atomic everywhere: a reader finds the old bytes or the new ones.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from core.clock import Clock
from core.errors import LakeChanged, LakeDamaged


@dataclass(frozen=True)
class StoredObject:
    """An object in a listing."""

    key: str
    modified: datetime


@dataclass(frozen=True)
class ObjectHeaders:
    """What is told of an object to those who fetch it, and who may; a directory keeps nothing of it.

    acl: a canned one of S3, such as ``public-read``; the bucket's own rules without one.
    """

    content_type: str | None = None
    cache_control: str | None = None
    acl: str | None = None


NO_HEADERS = ObjectHeaders()


class ObjectStore(Protocol):
    """Where the lake's objects lie: a local directory, S3, or memory."""

    def uri(self, key: str) -> str: ...

    def read(self, key: str, largest: int | None = None) -> bytes | None:
        """The object's bytes; None when there is none.

        Raises:
            LakeDamaged: when it has more bytes than ``largest``.
        """
        ...

    def fetch(self, key: str, scratch: Path) -> Path:
        """A local file with the object's bytes, in ``scratch`` unless it lies on this machine already.

        Raises:
            LakeChanged: when there is no such object (any more).
        """
        ...

    def write(self, key: str, data: bytes, headers: ObjectHeaders = NO_HEADERS) -> None: ...

    def upload(self, key: str, path: Path, headers: ObjectHeaders = NO_HEADERS) -> None:
        """Store a local file, which may be moved away by it."""
        ...

    def list(self, prefix: str) -> list[StoredObject]: ...

    def delete(self, key: str) -> None:
        """Remove an object; it may be gone already."""
        ...


def gone(uri: str) -> LakeChanged:
    """The error for an object that a manifest lists and that is not there."""
    return LakeChanged(f"Lake: {uri} is listed in a manifest but not there; the day is being replaced. Run again.")


def ensure_small(uri: str, size: int, largest: int | None) -> None:
    """Refuse to read an object into memory that is larger than what was expected.

    Raises:
        LakeDamaged: when it is.
    """
    if largest is not None and size > largest:
        raise LakeDamaged(f"Lake: {uri} has {size:,} bytes, more than {largest:,}. Write it again.")


class MemoryObjectStore:
    """Objects in this process, for pytest. ``headers``: what was told of each, by key."""

    def __init__(self, clock: Clock | None = None):
        self._objects: dict[str, tuple[bytes, datetime]] = {}
        self._clock = clock or Clock()
        self.headers: dict[str, ObjectHeaders] = {}

    def uri(self, key: str) -> str:
        return f"memory://{key}"

    def read(self, key: str, largest: int | None = None) -> bytes | None:
        data = self._objects.get(key, (None, None))[0]
        ensure_small(self.uri(key), len(data or b""), largest)
        return data

    def fetch(self, key: str, scratch: Path) -> Path:
        data = self.read(key)
        if data is None:
            raise gone(self.uri(key))
        path = scratch / uuid.uuid4().hex
        path.write_bytes(data)
        return path

    def write(self, key: str, data: bytes, headers: ObjectHeaders = NO_HEADERS) -> None:
        self._objects[key], self.headers[key] = (bytes(data), self._clock.now()), headers

    def upload(self, key: str, path: Path, headers: ObjectHeaders = NO_HEADERS) -> None:
        self.write(key, path.read_bytes(), headers)

    def list(self, prefix: str) -> list[StoredObject]:
        found = ((key, modified) for key, (_, modified) in sorted(self._objects.items()))
        return [StoredObject(key, modified) for key, modified in found if key.startswith(prefix)]

    def delete(self, key: str) -> None:
        self._objects.pop(key, None)
