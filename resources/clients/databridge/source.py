"""What an extract needs of a source: its columns, its count, and its rows as of one moment."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

from resources.clients.databridge.records import RecordWriter
from resources.clients.databridge.schema import TableSchema


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


def read_into(writer: RecordWriter, source: Source) -> None:
    """Write all rows of a source."""
    if isinstance(source, LineSource):
        for lines in source.lines(writer.schema):
            writer.write_lines(lines)
    else:
        for row in source.rows(writer.schema):
            writer.write(row)
    writer.finish()
