"""What a source might send instead of what it should: an honest value or text changed at random, from a seed."""

import copy
import json
import random
from collections.abc import Callable
from typing import Any

# Stands for a value nested deeper than any honest one; json itself could not write it.
DEEP = "@deep@"
LEAVES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**63, 2**64, 2**256, -(2**63) - 1, 10**400, 0.5, 1e308, -0.0),
    *("", "0x", "0x0", "0x1", "0x00", "0xg", "-0x1", "1", "0x" + "f" * 16, "0x" + "f" * 32, "0x" + "f" * 64),
    *("0x" + "f" * 65, "0x" + "0" * 500, "\0", "\ud800", "é", "x" * 10_000, "0X1", " 0x1", "0x_1", "٣", "NaN", "1e9"),
    *([], {}, [[]], [None], [{}], {"": None}, {"a": [1, {"b": "c"}]}, DEEP),
)


def mutated(draw: random.Random, honest: Any) -> Any:
    """A copy with some of its parts changed, left out, repeated or put elsewhere."""
    found = copy.deepcopy(honest)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 8))):
        found = _mutated_once(draw, found)
    return found


def _mutated_once(draw: random.Random, value: Any) -> Any:
    parent, key = _place(draw, value)
    if parent is None:
        return copy.deepcopy(draw.choice(LEAVES))
    what = draw.randrange(6)
    if what == 0 and isinstance(parent, dict):
        del parent[key]
    elif what == 1 and isinstance(parent, dict):
        parent[draw.choice(("novelty", "", "type", "hash", "é\0", "a" * 300))] = copy.deepcopy(draw.choice(LEAVES))
    elif what == 2 and isinstance(parent, list):
        draw.choice((parent.pop, lambda at: parent.insert(at, copy.deepcopy(parent[at]))))(key)
    elif what == 3:
        other, at = _place(draw, value)
        parent[key] = copy.deepcopy(other[at]) if other is not None else None
    else:
        parent[key] = copy.deepcopy(draw.choice(LEAVES))
    return value


def _place(draw: random.Random, value: Any) -> tuple[Any, Any]:
    """A random place in a structure: what it is part of, and under which key."""
    parent, key = None, None
    while isinstance(value, dict | list) and value and (parent is None or draw.random() < 0.8):
        key = draw.choice(list(value)) if isinstance(value, dict) else draw.randrange(len(value))
        parent, value = value, value[key]
    return parent, key


def as_json(value: Any) -> bytes:
    """The JSON text of a mutated value."""
    depth = 100_000
    text = json.dumps(value, ensure_ascii=True).encode()
    return text.replace(json.dumps(DEEP).encode(), b"[" * depth + b"]" * depth)


def mangled(draw: random.Random, raw: bytes) -> bytes:
    """Bytes cut, changed, repeated or put between."""
    if not raw:
        return bytes(draw.randrange(256) for _ in range(draw.randrange(20)))
    at, to = sorted((draw.randrange(len(raw) + 1), draw.randrange(len(raw) + 1)))
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: raw[:at],
        lambda: raw[at:],
        lambda: raw[:at] + raw[to:],
        lambda: raw[:to] + raw[at:],
        lambda: raw[:at] + bytes([draw.randrange(256)]) + raw[at + 1 :],
        lambda: raw[:at] + bytes([raw[min(at, len(raw) - 1)] ^ 1 << draw.randrange(8)]) + raw[at + 1 :],
        lambda: (
            raw[:at]
            + draw.choice((b"\0", b"\xff\xfe", b"[" * 5_000, b'{"a":' * 5_000, b'"', b"\\", b"1" * 5_000))
            + raw[at:]
        ),
        lambda: b"",
    )
    return draw.choice(ways)()
