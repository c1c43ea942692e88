"""Folders of the product's own, which nobody else on the machine may look into."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

OURS_ONLY = 0o700


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for this user only; what is there stays as it is."""
    for _ in made_private(folder):
        pass


def made_private(folder: Path) -> Iterator[Path]:
    """The same, one folder after the other: each that was made, from the top."""
    if folder.is_dir():
        return
    yield from made_private(folder.parent)
    with suppress(FileExistsError):  # another process was first
        folder.mkdir(OURS_ONLY)
    yield folder
