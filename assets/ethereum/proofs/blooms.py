"""The bloom filter that a receipt holds, worked out from its logs: for rows that came without it."""

from collections.abc import Iterable
from functools import lru_cache

from assets.ethereum.proofs.trie import keccak


def bloom(logs: Iterable[tuple[str, str]]) -> str:
    """The filter as hex. logs: address and comma-joined topics of each."""
    bits = 0
    for address, topics in logs:
        for item in (address, *(topics.split(",") if topics else ())):
            bits |= _bits(item)
    return f"0x{bits:0512x}"


@lru_cache(maxsize=1 << 16)
def _bits(item: str) -> int:
    digest = keccak(bytes.fromhex(item[2:]))
    return sum({1 << (int.from_bytes(digest[at : at + 2]) & 2047) for at in (0, 2, 4)})
