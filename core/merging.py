"""How rows meet the rows already in a table: what changed is told from what did not, and nothing is lost silently."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

Row = Mapping[str, Any]


class Rows(Protocol):
    """Rows whose number is known, and that may be gone through more than once: a list, or what a file holds."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Row]: ...


@dataclass(frozen=True)
class Merge:
    """The rule of one table, whose rows are identified by its key.

    ``insert_only``: a row that is there already stays as it is, but for what it did not know.
    ``history``: the old row is kept in ``<table>_history`` when its content changes.
    ``one_current``: of the rows that share these columns one at most is current, the others are marked ``is_orphan``.
    """

    insert_only: bool = False
    history: bool = False
    one_current: tuple[str, ...] = ()


@dataclass(frozen=True)
class Batch:
    """Rows that are merged in one transaction, all or none.

    ``source``: the address they came from, without credentials.
    ``rejected``: for each reason, how many rows of the answer were left out.
    ``complete_for``: column to value; of the table's rows that have these values, those not in the batch no longer
    exist at the source. Without any column that is all of the table's rows; None says nothing of others.
    ``requests``, ``units``: what fetching it took; units are the source's own money, if it counts any.
    """

    rows: Rows
    source: str
    rejected: Mapping[str, int] = field(default_factory=dict)
    complete_for: Mapping[str, Any] | None = None
    requests: int = 0
    units: Decimal = Decimal(0)

    @property
    def seen(self) -> int:
        return len(self.rows) + sum(self.rejected.values())


@dataclass(frozen=True)
class Deliveries:
    """Batches by partition key, fetched one after the other as they are merged: what is merged stays, come what may.

    The key is None for a table without partitions.
    """

    batches: Iterator[tuple[str | None, Batch]]


@dataclass(frozen=True)
class Merged:
    """What became of the rows seen: each is in one of the first four. ``orphaned`` counts rows of the table."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    orphaned: int = 0

    @property
    def seen(self) -> int:
        return self.inserted + self.updated + self.unchanged + self.rejected

    def __add__(self, other: "Merged") -> "Merged":
        return Merged(
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.rejected + other.rejected,
            self.orphaned + other.orphaned,
        )


def content_hash(row: Row, columns: Iterable[str]) -> str:
    """SHA-256 of a row's content, the same for equal numbers however they are written (1, 1.0, 1E0)."""
    content = [[name, _canonical(row.get(name))] for name in sorted(columns)]
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


def _canonical(value: Any) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, Decimal)):
        number = Decimal(value)
        return "0" if number == 0 else _plain(number)
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"a column holds {type(value).__name__}; use int, Decimal, str, bool, date, datetime or None")


def _plain(number: Decimal) -> str:
    """All digits of a number, written in one way; ``normalize`` would round to the context's precision."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
