"""The root of a block's transaction, receipt or withdrawal trie: items keyed by their position.

The trie's shape depends only on the number of items. It is worked out once per number and kept; what remains for
each block is to encode and hash along that shape.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from sha3 import keccak_256

from assets.ethereum.proofs import rlp

# keccak256 of the empty string's encoding: the root of a trie without items.
EMPTY_ROOT = keccak_256(rlp.EMPTY).digest()


@dataclass(frozen=True, slots=True)
class _Leaf:
    path: bytes  # encoded
    at: int


@dataclass(frozen=True, slots=True)
class _Extension:
    path: bytes  # encoded
    child: "_Branch"


@dataclass(frozen=True, slots=True)
class _Branch:
    children: tuple["_Leaf | _Extension | _Branch | None", ...]


def keccak(data: bytes) -> bytes:
    """keccak256, 32 bytes."""
    return keccak_256(data).digest()


def root(items: Sequence[bytes]) -> bytes:
    """The root of the trie that holds ``items`` under their positions, 32 bytes."""
    if not items:
        return EMPTY_ROOT
    return keccak_256(_encoded(_shape(len(items)), items)).digest()


def _encoded(node: _Leaf | _Extension | _Branch, items: Sequence[bytes]) -> bytes:
    if isinstance(node, _Leaf):
        return rlp.concatenated((node.path, rlp.string(items[node.at])))
    if isinstance(node, _Extension):
        return rlp.concatenated((node.path, _reference(node.child, items)))
    children = node.children
    parts = [rlp.EMPTY if child is None else _reference(child, items) for child in children]
    parts.append(rlp.EMPTY)  # no position's key is the beginning of another's: branches hold no value
    return rlp.concatenated(parts)


def _reference(node: _Leaf | _Extension | _Branch, items: Sequence[bytes]) -> bytes:
    """A node as its parent holds it: itself when shorter than a hash, else its hash."""
    encoded = _encoded(node, items)
    return encoded if len(encoded) < 32 else b"\xa0" + keccak_256(encoded).digest()


@lru_cache(maxsize=4096)
def _shape(count: int) -> _Leaf | _Extension | _Branch:
    keys = sorted((_nibbles(rlp.integer(at)), at) for at in range(count))
    return _subtrie(keys, 0)


def _nibbles(key: bytes) -> tuple[int, ...]:
    return tuple(nibble for byte in key for nibble in (byte >> 4, byte & 15))


def _subtrie(keys: list[tuple[tuple[int, ...], int]], depth: int) -> _Leaf | _Extension | _Branch:
    """The node for sorted keys that agree up to ``depth``."""
    first, last = keys[0][0], keys[-1][0]
    if len(keys) == 1:
        return _Leaf(rlp.string(_compact(first[depth:], leaf=True)), keys[0][1])
    shared = depth
    while first[shared] == last[shared]:
        shared += 1
    groups: list[list[tuple[tuple[int, ...], int]]] = [[] for _ in range(16)]
    for key in keys:
        groups[key[0][shared]].append(key)
    branch = _Branch(tuple(_subtrie(group, shared + 1) if group else None for group in groups))
    if shared == depth:
        return branch
    return _Extension(rlp.string(_compact(first[depth:shared], leaf=False)), branch)


def _compact(path: tuple[int, ...], leaf: bool) -> bytes:
    """Nibbles as bytes, the first nibble telling leaf from extension and odd from even length."""
    flag = 2 * leaf + len(path) % 2
    padded = (flag, *path) if len(path) % 2 else (flag, 0, *path)
    return bytes(high << 4 | low for high, low in zip(padded[::2], padded[1::2], strict=True))
