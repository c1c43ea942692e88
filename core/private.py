"""Folders of the product's own, which nobody else on the machine may look into."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import DiskRefused

OURS_ONLY = 0o700


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for this user only; what is there stays as it is.

    Raises:
        DiskRefused: when it cannot be made.
    """
    with folder_trouble_told(folder):
        for _ in made_private(folder):
            pass


def made_private(folder: Path) -> Iterator[Path]:
    """The same, one folder after the other: each that was made, from the top."""
    if folder.is_dir():
        return
    yield from made_private(folder.parent)
    try:
        folder.mkdir(OURS_ONLY)
    except FileExistsError:
        if not folder.is_dir():  # else another process was first
            raise
    yield folder


@contextmanager
def folder_trouble_told(folder: Path) -> Iterator[None]:
    """Says of a folder that cannot be made, or written into, which it is and what names it.

    Raises:
        DiskRefused: in place of the machine's own error.
    """
    try:
        yield
    except OSError as error:
        raise DiskRefused(
            f"Disk: cannot write {error.filename or folder}: {error.strerror or error}. {folder} has to be a directory "
            "with room, where this user may write: make it so, or set HEADWATER_HOME where that names it, then run "
            "again."
        ) from error
