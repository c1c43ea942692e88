"""What an extract needs of a source: its columns, its count, and its rows as of one moment."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from core.errors import SourceMoved
from resources.clients.databridge.records import RecordWriter
from resources.clients.databridge.schema import TableSchema

# Bytes of rows that are handed on at a time.
PIECE = 1 << 20


class Counted(Protocol):
    """One table of a source. ``str()`` is how messages and manifests name it: no secret in it."""

    def schema(self) -> TableSchema:
        """The columns, geometry last."""
        ...

    def count(self) -> int | None:
        """The rows there are at this moment; None when the source does not say."""
        ...


class RowSource(Counted, Protocol):
    """One that gives rows."""

    def rows(self, schema: TableSchema) -> Iterator[Sequence[Any]]:
        """Rows in the schema's order, of one moment where the source has such, in bounded memory."""
        ...


@runtime_checkable
class LineSource(Counted, Protocol):
    """One that writes its rows as CSV itself, which is several times as fast as one by one."""

    def lines(self, schema: TableSchema) -> Iterator[Sequence[Any]]:
        """Rows as ``RecordWriter.write_lines`` takes them, some thousands at a time, all of one moment."""
        ...


Source = RowSource | LineSource


def in_pieces(lines: Iterable[Any]) -> Iterator[list[Any]]:
    """Rows as a ``LineSource`` gives them, so many at a time that memory stays bounded."""
    held: list[Any] = []
    size = 0
    for line in lines:
        held.append(line)
        size += len(line)
        if size > PIECE:
            yield held
            held, size = [], 0
    yield held


@dataclass(frozen=True)
class Since:
    """From where on rows are wanted: whose column is at least this, and whose column is NULL.

    least: a number; a day; a moment, without an offset where the column has none. It is whole to the second.
    """

    column: str
    least: int | date | datetime


@runtime_checkable
class SinceSource(Counted, Protocol):
    """One whose rows can be read in part."""

    def since(self, since: Since) -> Source:
        """The same table, of which only those rows are given; its count is still that of all.

        Raises:
            SourceRefused: for a column that it cannot compare.
        """
        ...


def read_into(writer: RecordWriter, source: Source) -> None:
    """Write all rows of a source."""
    if isinstance(source, LineSource):
        for lines in source.lines(writer.schema):
            writer.write_lines(lines)
    else:
        for row in source.rows(writer.schema):
            writer.write(row)
    writer.finish()


def read_counted(path: Path, source: Source, schema: TableSchema) -> tuple[RecordWriter, int | None]:
    """What was written of the source's rows, and what it counted; the same before and after.

    Raises:
        SourceMoved: when it is not.
    """
    counted = source.count()
    with path.open("wb") as file:
        writer = RecordWriter(file, schema)
        read_into(writer, source)
    after = source.count()
    if counted is not None and not counted == writer.rows == after:
        raise SourceMoved(
            f"{source}: {counted:,} rows were counted, {writer.rows:,} read, and now there are {after:,}: it changed "
            "meanwhile. Run again when it is quiet."
        )
    return writer, counted
