"""Which engine notices that a node's answers are not the chain: each corruption by each engine, as its commands end."""

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.corruptions import CORRUPTIONS
from benchmarks.engines import Engine
from benchmarks.measure import CommandFailed
from benchmarks.replay_node import replaying
from benchmarks.report import table

BLOCKS = 3
NOTHING = "nothing"
PUBLISHED, CAUGHT = "published", "caught"
_FIELD = re.compile(r"block \d+: ([\w.\[\]]+) is ")

Verdicts = dict[str, list[str]]


def matrix(engines: Mapping[str, Engine], home: Path, say: Callable[[str], None]) -> Verdicts:
    """Each engine's verdict on each corruption, in the engines' order; the first line is of a chain without one.

    Raises:
        CommandFailed: when an engine does not export the chain that nothing is wrong with.
    """
    found: Verdicts = {}
    for name in (None, *CORRUPTIONS):
        with replaying(BLOCKS, BLOCKS, corruption=name) as node:
            found[name or NOTHING] = [_verdict(engine, node, home, must=name is None) for engine in engines.values()]
        say(f"{name or NOTHING}: {', '.join(map(': '.join, zip(engines, found[name or NOTHING], strict=True)))}")
    return found


def _verdict(engine: Engine, node: str, home: Path, *, must: bool) -> str:
    with tempfile.TemporaryDirectory(prefix="bench-", dir=home) as scratch:
        try:
            engine(node, BLOCKS, Path(scratch))
        except CommandFailed as failure:
            if must:
                raise
            field = _FIELD.search(str(failure))
            return f"{CAUGHT}: `{field[1]}`" if field else CAUGHT
    return PUBLISHED


def catch_table(engines: Sequence[str], found: Verdicts) -> list[str]:
    """The verdicts side by side, and how many of the corruptions each caught."""
    rows = [[name, *verdicts] for name, verdicts in found.items()]
    corrupted = [verdicts for name, verdicts in found.items() if name != NOTHING]
    counts = [sum(verdict != PUBLISHED for verdict in column) for column in zip(*corrupted, strict=True)]
    rows.append(["caught", *(f"{count} of {len(corrupted)}" for count in counts)])
    return table(["what is wrong with one block", *engines], rows)
