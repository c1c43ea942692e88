"""Where a table lies in the lake, as its declaration says: one folder for each partition, its files, its formats."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Protocol

from core.partitions import Partition, PartitionAddress

if TYPE_CHECKING:
    from core.tables import Table

MANIFEST_NAME = "_manifest.json"
PARQUET = "parquet"
# What stands for a name of a template is one segment of a key, or a part of one.
_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ANY_VALUE = f"({_VALUE.pattern})"


class FileFormat(Protocol):
    """A format of data files other than Parquet. Its files keep their names: a day's is overwritten by the next."""

    @property
    def name(self) -> str:
        """What ``LAKE_FORMAT`` and manifests call it."""
        ...

    def suffix(self, table: "Table") -> str:
        """How the names of its files end, with the dot."""
        ...

    def write(self, table: "Table", parquet: Path) -> Path:
        """The file in this format of a local Parquet file, beside it."""
        ...

    def to_parquet(self, table: "Table", partition: PartitionAddress, path: Path, scratch: Path) -> Path:
        """The Parquet file, in ``scratch``, of a file in this format."""
        ...


@dataclass(frozen=True)
class LakeLayout:
    """The keys of a table's objects under the lake's root.

    folder: template of a partition's folder, with its manifest; ends with ``/``. It names ``{system}``, ``{dataset}``,
        the partition's day (``{day}``, or unpadded ``{year}``, ``{month}``, ``{day_of_month}``) and its other
        dimensions, for example ``{job}``.
    file: template of a data file's whole key, where the files of a partition do not lie in its folder. It may name
        values that a partition has many of, such as ``{currency_pair}``: a file for each. Its keys never change, so a
        partition is overwritten file by file.
    names: further names for both templates, from the values of the partition's dimensions.
    staging: the folder of what a warehouse loads from and is of no use afterwards.
    facts: what the room's manifests tell beyond what all do, by name; null where a day has no such.
    formats: what else than Parquet the table may be kept in, where the lake is set to it.
    """

    folder: str = "{system}/{dataset}/day={day}/"
    file: str | None = None
    names: Callable[[Mapping[str, str]], Mapping[str, str]] | None = None
    staging: str = "staging/{system}/{dataset}/"
    facts: tuple[str, ...] = ()
    formats: tuple[FileFormat, ...] = ()

    def of(self, system: str, dataset: str) -> "LakeLayout":
        """The layout of one table."""
        known = {"system": system, "dataset": dataset}
        return replace(
            self,
            folder=filled(self.folder, known, partly=True),
            file=self.file and filled(self.file, known, partly=True),
            staging=filled(self.staging, known),
        )

    @property
    def roots(self) -> tuple[str, ...]:
        """The folders that hold the table's objects, and nobody else's."""
        templates = (self.folder, self.file, self.staging)
        return tuple(sorted({_root(template) for template in templates if template}))

    @property
    def parts(self) -> tuple[str, ...]:
        """What a partition has a file for each value of; nothing for a table with one file for each partition."""
        known = {"day", "year", "month", "day_of_month"}
        return tuple(name for name in names_in(self.file or "") if name not in known | set(names_in(self.folder)))

    def prefix(self, partition: Partition) -> str:
        """The folder of a partition, with a trailing slash.

        Raises:
            ValueError: when the partition has other dimensions than the layout, or a value is no part of a key.
        """
        others = PartitionAddress.of(partition).dimensions
        if not self.names and (homeless := sorted(set(others) - set(names_in(self.folder)))):
            raise ValueError(f"lake key {self.folder}: partitions differ by {homeless}, which have no place in it")
        return filled(self.folder, self._values(partition))

    def manifest_key(self, partition: Partition) -> str:
        """The key of the manifest that makes a partition readable."""
        return self.prefix(partition) + MANIFEST_NAME

    def file_key(self, partition: Partition, name: str, part: Mapping[str, str]) -> str:
        """The key of a data file. name: its own, where the layout does not say it. part: what it is the file of."""
        if self.file is None:
            return self.prefix(partition) + name
        return filled(self.file, self._values(partition) | dict(part))

    def holds(self, partition: Partition, key: str) -> bool:
        """Whether a key may be one of the partition's objects."""
        prefix = self.prefix(partition)
        if key.startswith(prefix) and _VALUE.fullmatch(key.removeprefix(prefix)):
            return True
        if self.file is None:
            return False
        fixed = filled(self.file, self._values(partition), partly=True)
        return re.fullmatch(_pattern(fixed), key) is not None

    def staging_key(self, load: str, name: str) -> str:
        """The key of one object that a load makes for itself; ``load`` is the load's own."""
        return f"{self.staging}{load}/{name}"

    def format(self, name: str) -> FileFormat | None:
        """The format of that name; None for Parquet, and for a format that the table does not know."""
        return next((known for known in self.formats if known.name == name), None)

    def _values(self, partition: Partition) -> dict[str, str]:
        address = PartitionAddress.of(partition)
        day, others = address.day, address.dimensions
        values = {"day": day.isoformat(), "year": str(day.year), "month": str(day.month), "day_of_month": str(day.day)}
        return values | others | dict(self.names(others) if self.names else {})


DAYS_OF_A_TABLE = LakeLayout()


def overlapping(roots: Sequence[str], others: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of folders of which one lies in the other."""
    return [(one, other) for one in roots for other in others if one.startswith(other) or other.startswith(one)]


def names_in(template: str) -> list[str]:
    return list(dict.fromkeys(name for _, name, _, _ in Formatter().parse(template) if name))


def filled(template: str, values: Mapping[str, str], *, partly: bool = False) -> str:
    """A template with values for its names. partly: names without a value stay."""
    parts = []
    for text, name, _, _ in Formatter().parse(template):
        parts.append(text)
        if name is None:
            continue
        if name not in values and not partly:
            raise ValueError(f"lake key {template}: there is no value for {{{name}}}")
        value = values.get(name)
        if value is not None and not _VALUE.fullmatch(value):
            raise ValueError(
                f"lake key {template}: {{{name}}} cannot be {value!r}; letters, digits, . _ - are possible"
            )
        parts.append(f"{{{name}}}" if value is None else value)
    return "".join(parts)


def _pattern(template: str) -> str:
    parts = Formatter().parse(template)
    return "".join(re.escape(text) + (_ANY_VALUE if name else "") for text, name, _, _ in parts)


def _root(template: str) -> str:
    """The folders before a template's first name."""
    fixed = template.split("{", 1)[0]
    return fixed[: fixed.rfind("/") + 1]
