"""A file of CSV by others as a source: its header names the columns, the table's schema says what they are.

What real files have is taken as it is meant: a byte order mark, latin-1, line breaks and bare quotes in cells, blanks
around what is no text, moments with an offset of hours only or without one.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from resources.clients.databridge.records import in_schema_order, read_records
from resources.clients.databridge.schema import MOMENTS, Column, TableSchema, checked


class CsvSource:
    """One file. known: the table's schema until now; a column that it does not name is text.

    Raises InvalidAnswer.
    """

    def __init__(self, path: Path, known: TableSchema | None):
        self._path, self._known = path, known

    def __str__(self) -> str:
        return f"file {self._path.name}"

    def schema(self) -> TableSchema:
        known = {column.name: column for column in self._known.columns} if self._known else {}
        columns = [known.get(name, Column(name, "text")) for name in self._header()]
        columns.sort(key=lambda column: column.is_geometry)
        names = [column.name for column in columns]
        key = self._known.primary_key if self._known else ()
        return checked(TableSchema(tuple(columns), key if all(name in names for name in key) else ()), str(self))

    def count(self) -> int:
        return sum(1 for _ in read_records(self._path, str(self))) - 1

    def rows(self, schema: TableSchema) -> Iterator[Sequence[Any]]:
        header, kinds = self._header(), [column.type for column in schema.columns]
        records = read_records(self._path, str(self))
        next(records)
        for record in in_schema_order(records, header, schema):
            yield [value_of(cell, kind) for cell, kind in zip(record, kinds, strict=True)]

    def _header(self) -> list[str]:
        return [str(name) for name in next(read_records(self._path, str(self)))]


def value_of(cell: str | None, kind: str) -> str | datetime | None:
    """A cell's value in a column of a type; what is none is left to the target to refuse."""
    if cell is None or kind in ("text", "string"):
        return cell
    text = cell.strip()
    if kind in MOMENTS:
        with suppress(ValueError):
            return datetime.fromisoformat(text)
    return text or None
