"""Accounts that sign: synthetic transactions carry signatures that their senders follow from, as real ones do."""

from functools import cache

from coincurve import PrivateKey

from assets.ethereum.proofs import trie


@cache
def account(name: str) -> tuple[PrivateKey, str]:
    """The key of a name and its address; the same everywhere."""
    key = PrivateKey(trie.keccak(name.encode()))
    return key, "0x" + trie.keccak(key.public_key.format(compressed=False)[1:])[12:].hex()


def signature(key: PrivateKey, message: bytes) -> tuple[int, str, str]:
    """Parity, r and s over a transaction without its signature."""
    signed = key.sign_recoverable(trie.keccak(message), hasher=None)
    r, s = (int.from_bytes(part) for part in (signed[:32], signed[32:64]))
    return signed[64], hex(r), hex(s)
