"""A directory as the lake's store: what is written is on the disk as a whole or not at all, power cuts included."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.clock import Clock
from core.errors import DiskRefused, LakeDamaged
from core.private import made_private
from resources.clients.lake.object_store import NO_HEADERS, ObjectHeaders, StoredObject, ensure_small, gone

# Where files are made, on the same file system as the objects and outside every table's folder.
INCOMING = ".incoming"
# What is older was left by a run that was killed: no run lasts as long.
LEFT_OVER_AFTER = timedelta(hours=24)


class LocalObjectStore:
    """Objects as files below a directory, which are for this user only."""

    def __init__(self, root: Path, clock: Clock | None = None):
        self._root, self._clock = root.absolute(), clock or Clock()

    def _path(self, key: str) -> Path:
        """The file of a key.

        Raises:
            LakeDamaged: when it would lie outside the root, by its name or by a symbolic link.
        """
        path = self._root / key
        inside = not key.startswith("/") and ".." not in key.split("/")
        if not inside or not path.resolve().is_relative_to(self._root.resolve()):
            raise LakeDamaged(f"Lake: {key!r} leads out of {self._root}. Remove what names it, or the link in its way.")
        return path

    def uri(self, key: str) -> str:
        return self._path(key).as_uri()

    def read(self, key: str, largest: int | None = None) -> bytes | None:
        path = self._path(key)
        try:
            with disk_read(path):
                ensure_small(path.as_uri(), path.stat().st_size, largest)
                return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except IsADirectoryError as error:
            raise LakeDamaged(f"Lake: {path} is a directory, not a file. Remove it.") from error

    def fetch(self, key: str, scratch: Path) -> Path:
        path = self._path(key)
        with disk_read(path):
            if not path.is_file():
                raise gone(self.uri(key))
        return path

    def write(self, key: str, data: bytes, headers: ObjectHeaders = NO_HEADERS) -> None:
        self._put(key, lambda part: part.write_bytes(data))

    def upload(self, key: str, path: Path, headers: ObjectHeaders = NO_HEADERS) -> None:
        self._put(key, lambda part: shutil.move(path, part))

    def _put(self, key: str, fill: Callable[[Path], object]) -> None:
        """Make a file beside the objects, and give it its name when it is on the disk."""
        target, incoming = self._path(key), self._root / INCOMING
        part = incoming / uuid.uuid4().hex
        with self._disk_trouble_told(target):
            try:
                self._make_folder(incoming)
                self._sweep(incoming)
                fill(part)
                os.utime(part)  # a moved file keeps its time, and would be taken for a left-over
                _sync(part)
                self._make_folder(target.parent)
                if target.is_dir():
                    target.rmdir()  # what nobody put there; with something in it, it is told
                part.replace(target)
                _sync(target.parent)
            except BaseException:
                part.unlink(missing_ok=True)
                raise

    def _make_folder(self, folder: Path) -> None:
        for made in made_private(folder):
            _sync(made.parent)

    def _sweep(self, incoming: Path) -> None:
        oldest = self._clock.now() - LEFT_OVER_AFTER
        for left in _files(incoming, incoming):
            if left.modified < oldest:
                (incoming / left.key).unlink(missing_ok=True)

    @contextmanager
    def _disk_trouble_told(self, target: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            existing = next(path for path in (self._root, *self._root.parents) if path.exists())
            free = shutil.disk_usage(existing).free
            raise DiskRefused(
                f"Lake: cannot write {target}: {error.strerror or error}; {free:,} bytes are free there. Nothing of it "
                "is left. Make room or give this user the right to write there (LAKE_URI names the place), then run "
                "again."
            ) from error

    def list(self, prefix: str) -> list[StoredObject]:
        folder = self._path(prefix)
        with disk_read(folder):
            if folder.is_file():
                return [found for found in _files(folder.parent, self._root) if found.key == prefix]
            return [found for found in _files(folder, self._root) if not found.key.startswith(f"{INCOMING}/")]

    def delete(self, key: str) -> None:
        path = self._path(key)
        with self._disk_trouble_told(path):
            path.unlink(missing_ok=True)


@contextmanager
def disk_read(path: Path) -> Iterator[None]:
    """Says of a disk that does not let a file be read what it is about; that there is none is passed on.

    Raises:
        DiskRefused: naming the file.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise
    except OSError as error:
        if not error.errno:
            raise  # Arrow says so of what a file holds
        raise DiskRefused(
            f"Lake: cannot read {path}: {error.strerror or error}. Give this user the right to read there, or mend the "
            "disk (LAKE_URI names the place), then run again."
        ) from error


def _files(folder: Path, root: Path) -> Iterator[StoredObject]:
    """The files below a folder; none of those that go while they are looked at."""
    for path in sorted(folder.rglob("*")):
        with suppress(FileNotFoundError):
            if path.is_file():
                modified = datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
                yield StoredObject(path.relative_to(root).as_posix(), modified)


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
