"""Two lakes of one day, row by row: a second source for what no header proves."""

from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa

from assets.ethereum.audit.foreign import TABLES, ForeignDay
from core.tables import Table

# What identifies a row where others' tables have no better.
_KEYS = {
    "blocks": ("number",),
    "transactions": ("hash",),
    "receipts": ("transaction_hash",),
    "logs": ("block_number", "log_index"),
    "withdrawals": ("index",),
}


def differences(first: ForeignDay, second: ForeignDay, most: int) -> Iterator[dict[str, Any]]:
    """Rows and values that one has and the other has not; of each table at most ``most``.

    Columns that either lacks are not compared: ``unproved`` of the days names them.
    """
    for table in TABLES:
        held = [day.tables.get(table.name) for day in (first, second)]
        if held[0] is not None and held[1] is not None:
            yield from _of_table(table, held[0], held[1], most)


def _of_table(table: Table, first: pa.Table, second: pa.Table, most: int) -> Iterator[dict[str, Any]]:
    keys = _KEYS[table.name]
    shared = [name for name in first.column_names if name in second.column_names and name not in keys]
    shared = [name for name in shared if name != table.day_column]
    if not set(keys) <= set(first.column_names) & set(second.column_names):
        return
    with duckdb.connect(config={"memory_limit": "500MB"}) as database:
        database.register("first", first)
        database.register("second", second)
        for side in ("first", "second"):
            if repeated := _repeated(database, side, keys):
                yield {"table": table.name, "key": "", "column": f"rows that repeat a key in the {side}: {repeated}"}
        yield from _rows(database, table, keys, shared, most)


def _repeated(database: duckdb.DuckDBPyConnection, side: str, keys: tuple[str, ...]) -> int:
    named = ", ".join(f'"{key}"' for key in keys)
    (found,) = database.sql(f"SELECT count(*) - count(DISTINCT ({named})) FROM {side}").fetchall()[0]
    return int(found)


def _rows(
    database: duckdb.DuckDBPyConnection, table: Table, keys: tuple[str, ...], shared: list[str], most: int
) -> Iterator[dict[str, Any]]:
    joined = " AND ".join(f'a."{key}" IS NOT DISTINCT FROM b."{key}"' for key in keys)
    key = " || '/' || ".join(f'coalesce(a."{key}", b."{key}")::VARCHAR' for key in keys)
    there = f'a."{keys[0]}" IS NULL, b."{keys[0]}" IS NULL'
    values = [f'[a."{name}"::VARCHAR, b."{name}"::VARCHAR]' for name in shared]
    differ = [f'a."{name}" IS DISTINCT FROM b."{name}"' for name in shared]
    wanted = " OR ".join([f'a."{keys[0]}" IS NULL', f'b."{keys[0]}" IS NULL', *differ])
    query = f"SELECT {', '.join([key, there, *values])} FROM first a FULL JOIN second b ON {joined} WHERE {wanted}"
    for row in database.sql(f"{query} ORDER BY 1 LIMIT {most}").fetchall():
        told = {"table": table.name, "key": row[0]}
        if row[1] or row[2]:
            yield told | {"column": f"only in the {'second' if row[1] else 'first'}"}
            continue
        for name, (one, other) in zip(shared, row[3:], strict=True):
            if one != other:
                yield told | {"column": name, "first": one and one[:200], "second": other and other[:200]}
