"""Small lakes for tests: a table of three columns, and a store that dies at the n-th write."""

from datetime import date

import pyarrow as pa

from assets.ethereum.spans import BlockSpan, telling
from assets.ethereum.tables import LAYOUT
from core.spool import Spool, SpooledTable
from core.tables import Column, ColumnType, Table

ITEMS = Table(
    system="test",
    name="items",
    grain="one row per item",
    description="Items.",
    columns=(
        Column("block_number", ColumnType.BIGINT, "Block.", nullable=False),
        Column("amount", ColumnType.DECIMAL, "Amount."),
        Column("note", ColumnType.TEXT, "Note.", unbounded=True),
        Column("block_date", ColumnType.DATE, "Day.", nullable=False, extension=True),
    ),
    key=("block_number",),
    sort_key="block_number",
    day_column="block_date",
    layout=LAYOUT,
)


def items(day: date, *numbers: int, note: str = "x") -> pa.Table:
    columns = {
        "block_number": list(numbers),
        "amount": [number * 10**30 for number in numbers],
        "note": [note] * len(numbers),
        "block_date": [day] * len(numbers),
    }
    return pa.table(columns, schema=ITEMS.arrow_schema)


def spooled_items(day: date, *numbers: int, note: str = "x") -> SpooledTable:
    spool = Spool((ITEMS,), "test", "off")
    writer = spool.day(day)
    for batch in items(day, *numbers, note=note).to_batches():
        writer.add({"items": batch})
    span = BlockSpan(min(numbers), max(numbers), "0xfirst", "0xlast", "0xparent") if numbers else None
    spool.finish(writer, telling(span))
    return spool.tables()["items"]


class KilledError(BaseException):
    """Stands for a process that ends: nothing catches it."""


class DyingStore:
    """A store whose n-th write or delete never happens, nor anything after it."""

    def __init__(self, store, dies_at):
        self._store, self._left = store, dies_at

    def __getattr__(self, name):
        action = getattr(self._store, name)
        if name not in ("write", "upload", "delete"):
            return action

        def counted(*arguments, **named):
            if self._left == 0:
                raise KilledError
            self._left -= 1
            return action(*arguments, **named)

        return counted
