"""What a full disk does to a DuckDB file, told as such, and what it may leave behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from core.errors import DiskRefused

# What DuckDB says of the machine, not of what it reads.
_OF_THE_DISK = ("no space left", "could not write", "cannot write", "file too large", "failed to write", "disk quota")
# A database begins with three pages of 4,096 bytes, and holds no table before these are whole.
_HEADERS = 3 * 4096


def is_of_the_disk(error: duckdb.Error) -> bool:
    """Whether an error is about the disk that the database lies on."""
    return any(words in str(error).lower() for words in _OF_THE_DISK)


@contextmanager
def disk_trouble_told(path: str) -> Iterator[None]:
    """Says of a database that cannot be written that the disk refused it.

    Raises:
        DiskRefused: in place of DuckDB's own error.
    """
    try:
        yield
    except duckdb.Error as error:
        if not is_of_the_disk(error):
            raise
        raise DiskRefused(
            f"DuckDB: cannot write {path}: {str(error).splitlines()[0]} Its tables are unchanged; make room, then run "
            "again."
        ) from error


def remove_cut_off(path: Path) -> None:
    """Remove a file that was cut off while it was made, by a full disk or a kill: DuckDB could never open it again."""
    if path.is_file() and path.stat().st_size < _HEADERS:
        path.unlink()
