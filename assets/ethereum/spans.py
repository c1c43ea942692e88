"""The blocks of a day: the span that the manifests of the room keep, and what the UI shows of it."""

from collections.abc import Mapping
from typing import Any

import msgspec

from core.errors import LakeDamaged
from core.manifest import Manifest
from core.spool import Telling

# The name of the fact in the manifests.
BLOCKS_FACT = "blocks"


class BlockSpan(msgspec.Struct, frozen=True):
    """The first and last block of a day with their hashes; a day without blocks has no span."""

    first: int
    last: int
    first_hash: str
    last_hash: str
    parent_hash: str

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last:
            raise ValueError(f"blocks {self.first} to {self.last} are no span")

    def __len__(self) -> int:
        return self.last - self.first + 1


def span_of(manifest: Manifest) -> BlockSpan | None:
    """The blocks of a published day.

    Raises:
        LakeDamaged: when the manifest tells something else of them.
    """
    try:
        return msgspec.convert(manifest.facts.get(BLOCKS_FACT), BlockSpan | None)
    except msgspec.ValidationError as error:
        raise LakeDamaged(
            f"Lake: the manifest of {manifest.dataset} of {manifest.partition} tells no span of blocks: {error}. "
            "Export the day again."
        ) from error


def telling(
    span: BlockSpan | None, evidence: Mapping[str, Any] | None = None, figures: Mapping[str, int] | None = None
) -> Telling:
    """What is told of a day with these blocks. evidence: what was proved of its rows. figures: more that is shown."""
    shown = {"first_block": span.first, "last_block": span.last} if span else {}
    return Telling({BLOCKS_FACT: span}, shown | dict(figures or {}), evidence)
