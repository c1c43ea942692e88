"""Bloom filters over logs, as headers and receipts hold them."""

from collections.abc import Sequence
from functools import cache

from assets.ethereum.proofs import trie
from benchmarks.node_json import Row


def of(logs: Sequence[Row]) -> int:
    """The bits of the logs' addresses and topics."""
    bloom = 0
    for log in logs:
        for item in (log["address"], *log["topics"].split(",")):
            bloom |= _bits(item)
    return bloom


def text(bloom: int) -> str:
    """A filter as hex."""
    return f"0x{bloom:0512x}"


@cache
def _bits(item: str) -> int:
    digest = trie.keccak(bytes.fromhex(item[2:]))
    return sum({1 << (int.from_bytes(digest[at : at + 2]) & 2047) for at in (0, 2, 4)})
