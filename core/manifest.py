"""The manifest of one partition of a table: what readers and loaders take, and nothing else."""

import hashlib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import msgspec

from core.contents import Contents, Count
from core.layout import PARQUET
from core.partitions import Partition, PartitionAddress
from core.tables import Table

# A partition of ten thousand files has a manifest of two megabytes.
LARGEST_MANIFEST, MOST_FILES = 16 << 20, 50_000
LONGEST_TEXT = 1_024  # S3's limit for a key

Text = Annotated[str, msgspec.Meta(max_length=LONGEST_TEXT)]


class DataFile(msgspec.Struct, frozen=True):
    """One data object: its key under the lake's root, rows, bytes and SHA-256 (hex)."""

    key: Text
    rows: Count
    bytes: Count
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What one partition of a table consists of.

    ``dimensions`` are those beside the day. ``facts`` is what the room tells of the partition, by name; on disk they
    stand among the other members. ``verify`` says whether the rows were proved before they were published,
    ``evidence`` is the key of the object that tells of it. ``contents``: what the columns add up to; the manifests of
    before have none.
    """

    dataset: Text
    day: date
    format: Text
    rows: Count
    files: Annotated[list[DataFile], msgspec.Meta(max_length=MOST_FILES)]
    schema_version: Count
    engine: Text
    verify: Text
    run_id: Text
    evidence: Text | None = None
    contents: Contents | None = None
    dimensions: dict[str, Text] = {}
    facts: dict[str, Any] = {}

    @property
    def partition(self) -> PartitionAddress:
        return PartitionAddress.of(self.day, self.dimensions)

    @property
    def size(self) -> int:
        return sum(file.bytes for file in self.files)

    @property
    def keys(self) -> list[str]:
        """The keys of everything the partition consists of, but the manifest itself."""
        return [file.key for file in self.files] + ([self.evidence] if self.evidence else [])

    def encode(self) -> bytes:
        """The JSON text. ``dimensions`` and ``contents`` are left out where there are none."""
        members = msgspec.to_builtins(self)
        if self.contents is None:
            del members["contents"]
        first = {name: members.pop(name) for name in ("dataset", "day")}
        dimensions, facts = members.pop("dimensions"), members.pop("facts")
        files = {name: members.pop(name) for name in ("format", "rows", "files")}
        written = first | ({"dimensions": dimensions} if dimensions else {}) | files | facts | members
        return msgspec.json.format(msgspec.json.encode(written), indent=2) + b"\n"

    @staticmethod
    def decode(raw: bytes) -> "Manifest":
        """The manifest of a JSON text.

        Raises:
            ValueError: when it is none, saying where.
        """
        if len(raw) > LARGEST_MANIFEST:
            raise ValueError(f"it has {len(raw):,} bytes, more than {LARGEST_MANIFEST:,}")
        try:
            members = msgspec.json.decode(raw, type=dict[str, Any])
            facts = {name: value for name, value in members.items() if name not in Manifest.__struct_fields__}
            own = {name: value for name, value in members.items() if name not in facts and name != "facts"}
            return msgspec.convert(own | {"facts": facts}, Manifest)
        except RecursionError as error:
            raise ValueError("it is nested too deep") from error
        except msgspec.MsgspecError as error:
            raise ValueError(str(error)) from error

    def problem(self, table: Table, partition: Partition) -> str | None:
        """Why this cannot be the manifest of the table's partition; None when it can."""
        address, layout = PartitionAddress.of(partition), table.lake
        if (self.dataset, self.partition) != (table.name, address):
            return f"it is of {self.dataset}, {self.partition}"
        if self.schema_version > table.schema_version:  # an older one's lack columns, which are null then
            return f"its columns are of version {self.schema_version}, the table's only of {table.schema_version}"
        if self.format != PARQUET and layout.format(self.format) is None:
            return f"{table.name} has no format {self.format!r}"
        astray = next((key for key in self.keys if not layout.holds(address, key)), None)
        return None if astray is None else f"it lists {astray!r}, which is no object of the partition"


def facts_of(table: Table, told: Mapping[str, Any]) -> dict[str, Any]:
    """The facts that a manifest of the table is written with: all that are declared, null where not told.

    Raises:
        ValueError: when something is told that the table's layout does not declare.
    """
    if unknown := sorted(set(told) - set(table.lake.facts)):
        raise ValueError(f"{table.address}: its layout declares no facts {unknown}")
    return {name: msgspec.to_builtins(told.get(name)) for name in table.lake.facts}


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a local file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
