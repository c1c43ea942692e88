"""Rows that changed, merged by key into the rows that an earlier run staged, so that the whole table is there again.

Records are moved as the bytes that they are. What changed lies in a file of SQLite's beside, found by key: the memory
that is needed grows with neither side. A changed record takes the place of the one before, and new ones follow in the
order in which they were read: where nothing changed, the merged file is the staged one to the byte.
"""

import csv
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from core.errors import LoadRejected
from core.plain import one_line
from resources.clients.databridge.records import RecordWriter
from resources.clients.databridge.schema import TableSchema
from resources.clients.databridge.source import Since, SinceSource, in_pieces, read_into
from resources.clients.databridge.watermarks import Mark, Watermark, higher

END = b"\r\n"


class WrongKey(LoadRejected):
    """Rows cannot be told apart by the key that the table's file names."""

    check = "key"


class KeyedRecords:
    """Records by key, in a file of its own. Raises WrongKey for a key that is there, or lacks a value."""

    def __init__(self, path: Path, key: Sequence[str]):
        self._key = tuple(key)
        self._base = sqlite3.connect(path)
        # Nobody reads the file after this run: nothing is kept for a power cut, nor committed.
        self._base.execute("PRAGMA journal_mode = OFF")
        self._base.execute("PRAGMA synchronous = OFF")
        self._base.execute("CREATE TABLE records (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, record BLOB)")

    def add(self, key: Sequence[str], record: bytes) -> None:
        if "" in key:
            raise WrongKey(f"A row has no {self._key[key.index('')]}, which incremental.key names. Name other columns.")
        try:
            self._base.execute("INSERT INTO records (key, record) VALUES (?, ?)", (json.dumps(key), record))
        except sqlite3.IntegrityError:
            said = ", ".join(f"{name} {one_line(value, 80)!r}" for name, value in zip(self._key, key, strict=True))
            raise WrongKey(f"Two rows have {said}. Name a key in incremental.key that is each row's own.") from None

    def pop(self, key: Sequence[str]) -> bytes | None:
        """The record of a key, which is then gone; None when there is none."""
        found = self._base.execute("SELECT id, record FROM records WHERE key = ?", (json.dumps(key),)).fetchone()
        if found is None:
            return None
        self._base.execute("DELETE FROM records WHERE id = ?", found[:1])
        return found[1]

    def rest(self) -> Iterator[bytes]:
        """The records that are there, in the order in which they came."""
        return (record for (record,) in self._base.execute("SELECT record FROM records ORDER BY id"))

    def close(self) -> None:
        self._base.close()


@dataclass
class Merged:
    """A table as a source: the rows staged by an earlier run, and those since of the source in their place.

    staged: a file as ``RecordWriter`` writes it, by the same schema. path: for what is read, removed in the end. rows
    and highest: how many were read since, and their highest watermark, once the lines were given.
    """

    source: SinceSource
    since: Since
    key: Sequence[str]
    watermark: Watermark
    staged: Path
    path: Path
    rows: int = 0
    highest: Mark | None = None

    def __str__(self) -> str:
        return str(self.source)

    def schema(self) -> TableSchema:
        return self.source.schema()

    def count(self) -> int | None:
        return self.source.count()

    def lines(self, schema: TableSchema) -> Iterator[list[bytes]]:
        """Raises WrongKey, and the errors of the source."""
        with self.path.open("wb") as file:
            writer = RecordWriter(file, schema)
            read_into(writer, self.source.since(self.since))
        self.rows = writer.rows
        index = self.path.with_name(f"{self.path.name}.keys")
        with closing(KeyedRecords(index, self.key)) as changed:
            self.highest = _indexed(self.path, schema, self.key, self.watermark, changed, keep=True)
            yield from in_pieces(self._replaced(schema, changed))
            yield from in_pieces(changed.rest())
        self.path.unlink()
        index.unlink()

    def _replaced(self, schema: TableSchema, changed: KeyedRecords) -> Iterator[bytes]:
        places = [schema.names.index(name) for name in self.key]
        for cells, record in records(self.staged):
            yield changed.pop([cells[place] for place in places]) or record


def highest_of(path: Path, schema: TableSchema, key: Sequence[str], watermark: Watermark, index: Path) -> Mark | None:
    """The highest watermark of a file, each of whose rows has a key of its own. index: for the keys, then removed.

    Raises:
        WrongKey: when one has not.
    """
    with closing(KeyedRecords(index, key)) as seen:
        found = _indexed(path, schema, key, watermark, seen, keep=False)
    index.unlink()
    return found


def records(path: Path) -> Iterator[tuple[list[str], bytes]]:
    """The cells of each record of a file that ``RecordWriter`` wrote, and its bytes without their end."""
    held: list[str] = []

    def lines() -> Iterator[str]:
        for line in file:
            held.append(line)
            yield line

    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(lines())  # takes no line more than a record has
        next(reader)
        held.clear()
        for cells in reader:
            yield cells, "".join(held).encode().removesuffix(END)
            held.clear()


def _indexed(
    path: Path, schema: TableSchema, key: Sequence[str], watermark: Watermark, into: KeyedRecords, *, keep: bool
) -> Mark | None:
    """Put a file's records, or only their keys, in; the highest watermark."""
    places, at = [schema.names.index(name) for name in key], schema.names.index(watermark.column)
    highest: Mark | None = None
    for cells, record in records(path):
        into.add([cells[place] for place in places], record if keep else b"")
        highest = higher(highest, watermark.parse(cells[at]))
    return highest
