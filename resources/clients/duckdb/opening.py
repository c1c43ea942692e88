"""Opening a DuckDB file for a moment, many times in a process.

To start DuckDB, with its threads and its catalog of functions, takes 25 ms; to attach a file to it takes 4. So a
process starts it once, in memory, and attaches each file for as long as it is used.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from core.sql.names import literal, quoted

# By process: a forked one has none of the threads of its parent's.
_instances: dict[int, duckdb.DuckDBPyConnection] = {}


@contextmanager
def opened(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the database in a file, which is let go at the end, for other processes to open.

    path: absolute; the database's name. One connection at a time: who asks sees to it that threads take turns.

    Raises:
        duckdb.IOException: when another process holds the file, or the disk refuses it.
        duckdb.ResourceInUseException: when this process holds it already.
    """
    process, name = os.getpid(), quoted(str(path))
    instance = _instances.get(process) or _instances.setdefault(process, duckdb.connect())
    try:
        with instance.cursor() as connection:
            connection.execute(f"ATTACH {literal(str(path))} AS {name}; USE {name}")
            yield connection
        instance.execute(f"DETACH {name}")
    except BaseException:
        # What failed may have left the instance invalid, or the file attached.
        if _instances.get(process) is instance:
            del _instances[process]
        with suppress(duckdb.Error):
            instance.close()
        raise
