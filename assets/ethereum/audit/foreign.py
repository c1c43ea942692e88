"""A day of others' Parquet as our tables: in the layout of ethereum-etl, of the AWS public dataset, or our own.

What a column cannot be taken for is told, not guessed: a floating point number has lost digits of wei, and a column
that is not there proves nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assets.ethereum.tables import BLOCKS, LAYOUT, LOGS, RECEIPTS, TRANSACTIONS, WITHDRAWALS
from core.errors import DayMissing, LakeDamaged
from core.manifest import Manifest
from core.plain import one_line
from core.scratch import ScratchDirectory
from core.tables import Column, ColumnType, Table
from resources.clients.lake.object_store import ObjectStore

TABLES = (BLOCKS, TRANSACTIONS, RECEIPTS, LOGS, WITHDRAWALS)
# Where a day of a table may lie: in the AWS public dataset, in ethereum-etl's exports and in the lake.
FOLDERS = ("{dataset}/date={day}/", LAYOUT.folder.removeprefix("export/"), LAYOUT.folder)
LARGEST_MANIFEST = 16 << 20
# In the AWS public dataset a transaction's receipt stands in columns of its row.
_OF_RECEIPT = "receipt_"
_ITS_OWN = {"transaction_hash": "hash"} | {
    name: name for name in ("transaction_index", "block_hash", "block_number", "block_timestamp")
}


@dataclass
class ForeignDay:
    """A day's tables, with the columns that they have; ``unproved`` says what is missing or has lost its value."""

    day: date
    tables: dict[str, pa.Table] = field(default_factory=dict)
    unproved: list[str] = field(default_factory=list)

    def has(self, table: Table, *columns: str) -> bool:
        """Whether a table is there with all of these columns."""
        return table.name in self.tables and set(columns) <= set(self.tables[table.name].column_names)


def foreign_day(store: ObjectStore, day: date) -> ForeignDay:
    """What a store holds of a day.

    Raises:
        DayMissing: when it holds no blocks of it.
        LakeDamaged: when a file is no Parquet file.
    """
    found, raw = ForeignDay(day), {table.name: _rows(store, table.name, day) for table in TABLES}
    if raw[BLOCKS.name] is None:
        looked = ", ".join(folder.format(dataset=BLOCKS.name, day=day) for folder in FOLDERS)
        raise DayMissing(
            f"{store.uri('')}: no Parquet of {BLOCKS.name} of {day} under {looked}. Name the folder above."
        )
    if raw[RECEIPTS.name] is None and raw[TRANSACTIONS.name] is not None:
        raw[RECEIPTS.name] = _receipts_of(raw[TRANSACTIONS.name])
    if raw[WITHDRAWALS.name] is None:
        raw[WITHDRAWALS.name] = _withdrawals_of(raw[BLOCKS.name])
    for table in TABLES:
        rows = raw[table.name]
        if rows is None:
            found.unproved.append(f"{table.name}: no files of the day")
        else:
            found.tables[table.name] = _conformed(table, rows, found.unproved)
    return found


def _rows(store: ObjectStore, name: str, day: date) -> pa.Table | None:
    """All rows of a table's files, as they are; None without any file."""
    for folder in FOLDERS:
        if keys := _files(store, folder.format(dataset=name, day=day)):
            with ScratchDirectory("verify") as scratch:
                parts = [_read(store, key, Path(scratch)) for key in keys]
            return pa.concat_tables(parts, promote_options="permissive")
    return None


def _files(store: ObjectStore, folder: str) -> list[str]:
    """The Parquet files of a folder: those of its manifest if it has one, else all."""
    manifest = store.read(f"{folder}_manifest.json", LARGEST_MANIFEST)
    if manifest:
        try:
            keys = [file.key for file in Manifest.decode(manifest).files]
        except ValueError as error:
            raise LakeDamaged(
                f"{store.uri(folder)}_manifest.json is no manifest: {one_line(error, 200)}. Export the day again."
            ) from None
    else:
        keys = [found.key for found in store.list(folder)]
    return sorted(key for key in keys if key.endswith(".parquet"))


def _read(store: ObjectStore, key: str, scratch: Path) -> pa.Table:
    path = store.fetch(key, scratch)
    try:
        with pq.ParquetFile(path) as file:
            return file.read()
    except (pa.ArrowException, OSError) as error:
        told = one_line(error, 200)
        raise LakeDamaged(f"{store.uri(key)} is no Parquet file that can be read: {told}. Fetch it again.") from error


def _receipts_of(transactions: pa.Table) -> pa.Table | None:
    names = {own: name for own, name in _ITS_OWN.items() if name in transactions.column_names}
    names |= {
        name.removeprefix(_OF_RECEIPT): name for name in transactions.column_names if name.startswith(_OF_RECEIPT)
    }
    if len(names) <= len(_ITS_OWN):
        return None
    return pa.table({own: transactions.column(name) for own, name in names.items()})


def _withdrawals_of(blocks: pa.Table) -> pa.Table | None:
    """Rows of the blocks' own column: a list of structures, or ethereum-etl's joined JSON objects."""
    if not {"withdrawals", "number"} <= set(blocks.column_names):
        return None
    rows = []
    for number, cell in zip(blocks.column("number").to_pylist(), blocks.column("withdrawals").to_pylist(), strict=True):
        entries = json.loads(f"[{cell}]") if isinstance(cell, str) else cell or []
        rows += [{**entry, "block_number": number} for entry in entries]
    return pa.Table.from_pylist(rows, _WITHDRAWAL)


_WITHDRAWAL = pa.schema([
    *((name, pa.int64()) for name in ("index", "validator_index", "amount", "block_number")),
    ("address", pa.string()),
])  # fmt: skip


def _conformed(table: Table, rows: pa.Table, unproved: list[str]) -> pa.Table:
    columns: dict[str, Any] = {}
    for column in table.columns:
        if column.name not in rows.column_names:
            if column.name != table.day_column:
                unproved.append(f"{table.name}.{column.name}: missing")
            continue
        values = rows.column(column.name)
        if table is BLOCKS and column.name == "withdrawals" and pa.types.is_list(values.type):
            continue  # read as a table of its own
        try:
            columns[column.name] = _as_declared(column, values)
        except (pa.ArrowException, ValueError, TypeError) as error:
            unproved.append(f"{table.name}.{column.name}: {values.type} {one_line(error, 150)}")
    found = pa.table(columns).combine_chunks()
    order = [(name, "ascending") for name in _ORDER[table.name] if name in columns]
    return found.sort_by(order) if order else found


_ORDER: Mapping[str, tuple[str, ...]] = {
    BLOCKS.name: ("number",),
    TRANSACTIONS.name: ("block_number", "transaction_index"),
    RECEIPTS.name: ("block_number", "transaction_index"),
    LOGS.name: ("block_number", "log_index"),
    WITHDRAWALS.name: ("block_number", "index"),
}


def _as_declared(column: Column, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values as our column holds them.

    Raises:
        ValueError: when they have another meaning, or have lost digits.
    """
    kind, wanted = values.type, column.arrow_field.type
    if column.type in (ColumnType.BIGINT, ColumnType.DECIMAL) and pa.types.is_floating(kind):
        raise ValueError("is a floating point number, which has lost digits: no root can be worked out from it")
    if pa.types.is_timestamp(kind):
        return values.cast(pa.timestamp("s", kind.tz)).cast(pa.int64())
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        if pa.types.is_struct(kind.value_type):
            raise ValueError("is a list of structures, which is not read")
        return pc.binary_join(values.combine_chunks().cast(pa.list_(pa.string())), ",")
    found = values.cast(wanted)
    return pc.ascii_lower(found) if column.lower_case else found
