"""Who sent a transaction, by its signature: the key that signed it is recovered, and the key's address is the sender.

The block's header commits to the signature, so what a node says of the sender need not be believed.
"""

import binascii
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc
from coincurve._libsecp256k1 import ffi, lib
from coincurve.context import GLOBAL_CONTEXT

from assets.ethereum.proofs import rlp, trie
from assets.ethereum.proofs.encodings import Transactions
from core.columns import digits

_SIGNATURE_BYTES = 65  # r, s, and which of two keys it is
_WORD = 64  # hex characters
_KEY_BYTES = 65  # a mark, x, y
_PARITIES = (0, 1)
# The v of a legacy transaction before EIP-155, and since then with twice the chain's id added.
_OLD, _OF_A_CHAIN = 27, 35
_EMPTY = rlp.EMPTY * 2
AT_ONCE = 256  # transactions for one thread


def senders(transactions: Transactions, answers: pa.StructArray, executor: Executor) -> tuple[list[bytes], float]:
    """The transactions' senders in order, 20 bytes each or none, and the CPU seconds of ``executor``'s threads.

    None where the signature is no signature.

    answers: the node's, for v, r, s and yParity. executor: recovers beside the interpreter, on every core.
    """
    parities, ends = _parities_and_ends(transactions)
    messages = transactions.unsigned(ends).to_pylist()
    words = (pc.ascii_lpad(digits(answers.field(name)), _WORD, "0") for name in ("r", "s"))
    joined = binascii.unhexlify("".join(pc.binary_join_element_wise(*words, parities, "").to_pylist()))
    signatures = [joined[at : at + _SIGNATURE_BYTES] for at in range(0, len(joined), _SIGNATURE_BYTES)]
    parts = [slice(at, at + AT_ONCE) for at in range(0, len(messages), AT_ONCE)]
    found = executor.map(_recovered, [messages[part] for part in parts], [signatures[part] for part in parts])
    addresses, seconds = [], 0.0
    for some, spent in found:
        addresses += some
        seconds += spent
    return addresses, seconds


def created_by(sender: bytes, nonce: int) -> bytes:
    """The address of the contract that a sender's transaction creates."""
    return trie.keccak(rlp.concatenated((rlp.string(sender), rlp.integer(nonce))))[12:]


def _recovered(messages: Sequence[bytes], signatures: Sequence[bytes]) -> tuple[list[bytes], float]:
    started = time.thread_time()
    # What libsecp256k1 reads and writes is made once: made anew for each transaction, as coincurve's classes do, and
    # with both cores asking for the interpreter's lock meanwhile, it is a sixth of the time.
    signature, key = ffi.new("secp256k1_ecdsa_recoverable_signature *"), ffi.new("secp256k1_pubkey *")
    written, length = ffi.new("unsigned char[]", _KEY_BYTES), ffi.new("size_t *", _KEY_BYTES)
    point = memoryview(ffi.buffer(written))[1:]
    context, found = GLOBAL_CONTEXT.ctx, []
    for message, signed in zip(messages, signatures, strict=True):
        digest = trie.keccak(message)
        if (
            signed[-1] in _PARITIES
            and lib.secp256k1_ecdsa_recoverable_signature_parse_compact(context, signature, signed, signed[-1])
            and lib.secp256k1_ecdsa_recover(context, key, signature, digest)
        ):
            lib.secp256k1_ec_pubkey_serialize(context, written, length, key, lib.SECP256K1_EC_UNCOMPRESSED)
            found.append(trie.keccak(point)[12:])
        else:
            found.append(b"")
    return found, time.thread_time() - started


def _parities_and_ends(transactions: Transactions) -> tuple[pa.StringArray, pa.BinaryArray]:
    """Which of two keys each signature means, as two hex digits, and what legacy transactions end with when signed."""
    pairs = [
        _typed(v) if typed else _legacy(v)
        for typed, v in zip(transactions.typed.tolist(), transactions.parities.to_pylist(), strict=True)
    ]
    return pa.array([pair[0] for pair in pairs], pa.string()), pa.array([pair[1] for pair in pairs], pa.binary())


@lru_cache(maxsize=1024)
def _typed(parity: str) -> tuple[str, bytes]:
    return _key(int(parity, 16)), b""


@lru_cache(maxsize=1024)
def _legacy(v: str) -> tuple[str, bytes]:
    number = int(v, 16)
    if number < _OF_A_CHAIN:
        return _key(number - _OLD), b""
    chain, parity = divmod(number - _OF_A_CHAIN, 2)
    return _key(parity), rlp.integer(chain) + _EMPTY


def _key(parity: int) -> str:
    """0 or 1 as it ends a signature; of any other nothing is recovered."""
    return f"{parity:02x}" if parity in _PARITIES else "ff"
