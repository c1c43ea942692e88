"""Accounts that sign: synthetic transactions carry signatures that their senders follow from, as real ones do."""

import time
from functools import cache
from statistics import median

from coincurve import PrivateKey, PublicKey

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


def seconds_to_recover_a_key() -> float:
    """CPU seconds of one recovery by coincurve alone: how fast this machine is, now, at what senders cost most."""
    key, digests = PrivateKey(trie.keccak(b"a machine")), [trie.keccak(at.to_bytes(2)) for at in range(500)]
    # Different ones: a single one again and again finds all that it needs of libsecp256k1's tables in the cache.
    signed = [key.sign_recoverable(digest, hasher=None) for digest in digests]

    def spent() -> float:
        started = time.process_time()
        for one, digest in zip(signed, digests, strict=True):
            PublicKey.from_signature_and_message(one, digest, hasher=None)
        return (time.process_time() - started) / len(digests)

    return median(spent() for _ in range(9))
