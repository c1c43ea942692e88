"""What an extract needs of a source: its columns, its count, and its rows as of one moment."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from resources.clients.databridge.schema import TableSchema


class Source(Protocol):
    """One table of a source. ``str()`` is how messages and manifests name it: no secret in it."""

    def schema(self) -> TableSchema:
        """The columns, geometry last."""
        ...

    def count(self) -> int | None:
        """The rows there are at this moment; None when the source does not say."""
        ...

    def rows(self, schema: TableSchema) -> Iterator[Sequence[Any]]:
        """Rows in the schema's order, of one moment where the source has such, in bounded memory."""
        ...
