"""Opening a DuckDB file for a moment, many times in a process.

To start DuckDB, with its threads and its catalog of functions, takes 25 ms; to attach a file to it takes 4. So a
process starts it once for a file, in memory, and attaches the file for as long as it is used.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from core.errors import PermanentError, WarehouseBusy
from core.plain import one_line
from core.sql.names import literal, quoted
from resources.clients.duckdb.disk import is_of_the_disk

# How DuckDB tells of another process that holds the file, and how much is shown of what it says.
HELD, SHOWN = "Could not set lock on file", 500
# The file that was opened last, and the instance for it, by process: a forked one has none of its parent's threads.
_instances: dict[int, tuple[Path, duckdb.DuckDBPyConnection]] = {}


@contextmanager
def opened(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the database in a file, which is let go at the end, for other processes to open.

    path: absolute; the database's name. One connection at a time: who asks sees to it that threads take turns.

    Raises:
        duckdb.ResourceInUseException: when this process holds the file already.
        duckdb.Error: when another process holds it, the disk refuses it, or it is no database.
    """
    instance, name = _instance(path), quoted(str(path))
    is_free = False
    try:
        with instance.cursor() as connection:
            connection.execute(f"ATTACH {literal(str(path))} AS {name}; USE {name}")
            yield connection
        # What was committed is in the file or in its log by now, and the next use finds it there.
        with suppress(duckdb.Error):
            instance.execute(f"DETACH {name}")
            is_free = True
    finally:
        if not is_free:  # and perhaps the instance is invalid
            _end(path, instance)


def why_not_opened(path: Path, error: duckdb.Error) -> Exception:
    """An error of ``opened`` as ours: a lock passes by itself, a damaged file does not; the disk's stays as it is."""
    if is_of_the_disk(error):
        return error
    told = f"DuckDB: cannot open {path}: {one_line(error, SHOWN).rstrip('.!')}."
    if isinstance(error, duckdb.ResourceInUseException) or HELD in str(error):
        return WarehouseBusy(f"{told} Close the program that holds it, then run again.")
    return PermanentError(
        f"{told} Give this user the right to read and write it; where it is damaged, move it away with its .wal, and "
        "load its days again."
    )


def _end(path: Path, instance: duckdb.DuckDBPyConnection) -> None:
    if _instances.get(os.getpid()) == (path, instance):
        del _instances[os.getpid()]
    with suppress(duckdb.Error):
        instance.close()


def _instance(path: Path) -> duckdb.DuckDBPyConnection:
    kept = _instances.get(os.getpid())
    if kept is None or kept[0] != path:
        # What does not fit into memory goes beside the file, as when DuckDB opens that itself.
        kept = path, duckdb.connect(config={"temp_directory": f"{path}.tmp"})
        _instances[os.getpid()] = kept
    return kept[1]
