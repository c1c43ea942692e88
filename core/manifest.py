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

    ``verify`` says what was proved about the rows before they were published.
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

    @property
    def size(self) -> int:
        return sum(file.bytes for file in self.files)

    def encode(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"

    @staticmethod
    def decode(raw: bytes) -> "Manifest":
        return msgspec.json.decode(raw, type=Manifest)


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a local file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
