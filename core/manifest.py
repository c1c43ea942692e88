"""The manifest of one dataset's day: what readers and loaders take, and nothing else."""

import hashlib
from datetime import date
from pathlib import Path

import msgspec


class DataFile(msgspec.Struct, frozen=True):
    """One data object: its key under the lake's root, rows, bytes and SHA-256 (hex)."""

    key: str
    rows: int
    bytes: int
    sha256: str


class BlockSpan(msgspec.Struct, frozen=True):
    """The first and last block of a day with their hashes; a day without blocks has no span."""

    first: int
    last: int
    first_hash: str
    last_hash: str
    parent_hash: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What one dataset's day consists of.

    ``verify`` says whether the rows were proved before they were published, ``evidence`` is the key of the object
    that tells of it.
    """

    dataset: str
    day: date
    format: str
    rows: int
    files: list[DataFile]
    blocks: BlockSpan | None
    schema_version: int
    engine: str
    verify: str
    run_id: str
    evidence: str | None = None

    @property
    def size(self) -> int:
        return sum(file.bytes for file in self.files)

    @property
    def block_count(self) -> int:
        """How many blocks the day has."""
        return self.blocks.last - self.blocks.first + 1 if self.blocks else 0

    @property
    def keys(self) -> list[str]:
        """The keys of everything the day consists of, but the manifest itself."""
        return [file.key for file in self.files] + ([self.evidence] if self.evidence else [])

    def encode(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"

    @staticmethod
    def decode(raw: bytes) -> "Manifest":
        return msgspec.json.decode(raw, type=Manifest)


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a local file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
