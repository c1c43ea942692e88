"""Directories for files on their way; those that a killed process left are removed by the next one to make its own."""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from core.errors import DiskRefused
from core.plain import one_line

# What a machine says of a disk that is full, of a quota, and of a file or a disk that takes no more.
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS))
_PREFIX = "headwater-"
_LOCK = ".in-use"


@contextmanager
def disk_trouble_told() -> Iterator[None]:
    """Says of a local file that could not be written which disk it is, and what to do.

    Raises:
        DiskRefused: in place of the machine's own error.
    """
    try:
        yield
    except OSError as error:
        place = tempfile.gettempdir() if tempfile.tempdir else os.environ.get("TMPDIR", "/tmp")  # noqa: S108
        free = f"; {shutil.disk_usage(place).free:,} bytes are free there" if Path(place).is_dir() else ""
        raise DiskRefused(
            f"Disk: cannot write below {place}: {one_line(error, 200)}{free}. Make room, or set "
            "TMPDIR to a directory on a larger disk, then run again."
        ) from error


class ScratchDirectory(tempfile.TemporaryDirectory):
    """A temporary directory, locked for as long as its process lives. kind: what for, as a part of its name.

    A disk that is full meanwhile, whatever was written, ends as ``DiskRefused``.
    """

    def __init__(self, kind: str) -> None:
        with disk_trouble_told():
            _remove_abandoned()
            super().__init__(prefix=f"{_PREFIX}{kind}-")
            # Locked before it has the name by which others find it.
            unnamed = Path(self.name, ".locking")
            self._lock = unnamed.open("wb")
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            unnamed.rename(unnamed.with_name(_LOCK))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if isinstance(error, OSError) and error.errno in _FULL:
                with disk_trouble_told():
                    raise error
        finally:
            self.cleanup()

    def cleanup(self) -> None:
        """Remove the directory."""
        super().cleanup()
        self._lock.close()


def _remove_abandoned() -> None:
    """Asked for each directory that is made, beside many that others use: what is cheap to ask comes first."""
    with os.scandir(tempfile.gettempdir()) as entries:
        found = [entry for entry in entries if entry.name.startswith(_PREFIX)]
    for entry in found:
        with suppress(OSError):  # in use, another's, or removed meanwhile
            # Of another's making it might be a pipe, whose opening would wait for ever.
            lock = os.open(f"{entry.path}/{_LOCK}", os.O_RDONLY | os.O_NONBLOCK)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if entry.stat(follow_symlinks=False).st_uid == os.getuid():
                    shutil.rmtree(entry.path)
            finally:
                os.close(lock)
