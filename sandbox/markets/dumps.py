"""Blockchair's daily dumps of a world: gzip files of tab-separated text, there once the chain has gone past the day."""

import gzip
import re
from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import Any

from sandbox.markets.world import World

ADDRESS = re.compile(r"(\w+)/(blocks|transactions)/blockchair_\1_\2_(\d{8})\.tsv\.gz")
# Fields of the API that the dumps leave out.
ONLY_IN_THE_API = {"blocks": {"date"}, "transactions": {"date", "id"}}


def answer(world: World, path: str) -> tuple[int, Any]:
    """Status, and the file or what is said instead of it."""
    match = ADDRESS.fullmatch(path)
    chain = world.chains.get(match[1]) if match else None
    if match is None or chain is None:
        return 404, "no such file"
    day = str(date.fromisoformat(match[3]))
    rows = chain.blocks if match[2] == "blocks" else chain.transactions
    of_day = [row for row in rows if row["time"].startswith(day)]
    over = any(row["time"][:10] > day for row in chain.blocks)
    return (200, packed(of_day, ONLY_IN_THE_API[match[2]])) if of_day and over else (404, "not published")


def packed(rows: list[dict[str, Any]], but: Collection[str] = ()) -> bytes:
    """Rows as a dump."""
    columns = [name for name in rows[0] if name not in but]
    lines = [columns, *([_cell(name, row.get(name)) for name in columns] for row in rows)]
    return gzip.compress("".join("\t".join(line) + "\n" for line in lines).encode(), mtime=0)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "" if len(name) % 2 else "\\N"  # both are seen
    if isinstance(value, bool):
        return str(int(value))
    return format(value, "f") if isinstance(value, Decimal) else str(value)
