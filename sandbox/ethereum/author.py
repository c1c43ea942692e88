"""Writes the transactions of a chain that no node has seen yet.

The author counts nonces and knows the next block's base fee, so that every transaction can be
signed, and every contract's address told, before a client runs. Nothing here is random: signatures
are RFC 6979, choices come from hashing a counter.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Sequence
from typing import Any

import rlp
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils import keccak, to_checksum_address

from sandbox.ethereum.anvil import ACCOUNTS, CHAIN_ID, MNEMONIC

GWEI = 10**9
ETHER = 10**18
NOBODY = "0x" + "00" * 20

# A blob of zeros and its proof are both the point at infinity, and a blob that says 1 throughout
# commits to the group's generator with the same proof: valid sidecars without a KZG library.
INFINITY = bytes([0xC0]) + bytes(47)
GENERATOR = bytes.fromhex(
    "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb"
)
BLOBS = ((INFINITY, bytes(131_072)), (GENERATOR, (bytes(31) + b"\x01") * 4096))


@dataclasses.dataclass(frozen=True)
class Step:
    """One block to be made.

    timestamp: seconds; base_fee: wei; transactions: raw, signed, hex, in the order to be mined.
    """

    timestamp: int
    base_fee: int
    miner: str
    transactions: tuple[str, ...]


@functools.cache
def accounts() -> tuple[LocalAccount, ...]:
    """The client's own funded accounts, from the mnemonic."""
    Account.enable_unaudited_hdwallet_features()
    return tuple(Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}") for index in range(ACCOUNTS))


class Author:
    """Collects signed transactions and closes them into blocks."""

    def __init__(self) -> None:
        self._nonces: dict[str, int] = {}
        self._pending: list[str] = []
        self._rolls = 0
        self._blocks = 0
        self.base_fee = self._next_base_fee()

    def roll(self, below: int) -> int:
        """Return the next of a fixed sequence of evenly spread numbers in [0, below)."""
        self._rolls += 1
        digest = hashlib.sha256(f"headwater/{self._rolls}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % below

    def nonce(self, sender: LocalAccount) -> int:
        """Return the nonce that the sender's next transaction carries."""
        return self._nonces.get(sender.address, 0)

    def send(
        self,
        sender: LocalAccount,
        to: str,
        value: int = 0,
        data: bytes = b"",
        *,
        gas: int = 300_000,
        kind: int = 2,
        **fields: object,
    ) -> None:
        """Add a transaction of EIP-2718 type `kind`; `to` is empty for a creation."""
        tip = GWEI + self.roll(2 * GWEI)
        transaction: dict[str, Any] = {
            "nonce": self._take_nonce(sender), "to": to and to_checksum_address(to), "value": value,
            "data": data, "gas": gas, "chainId": CHAIN_ID, **fields,
        }  # fmt: skip
        if kind < 2:
            transaction["gasPrice"] = self.base_fee + tip
        else:
            transaction["maxPriorityFeePerGas"] = tip
            transaction["maxFeePerGas"] = 2 * self.base_fee + tip
        if kind > 0:
            transaction["type"] = kind
        self._pending.append("0x" + sender.sign_transaction(transaction).raw_transaction.hex())

    def send_before_eip_155(self, sender: LocalAccount, to: str, value: int) -> None:
        """Add a legacy transaction whose signature names no chain (v is 27 or 28)."""
        transaction: dict[str, Any] = {
            "nonce": self._take_nonce(sender), "to": to_checksum_address(to), "value": value,
            "data": b"", "gas": 21_000, "gasPrice": self.base_fee + GWEI,
        }  # fmt: skip
        self._pending.append("0x" + sender.sign_transaction(transaction).raw_transaction.hex())

    def create(self, sender: LocalAccount, code: bytes, value: int = 0, kind: int = 2) -> str:
        """Add a creation and return the new contract's address."""
        seed = rlp.encode([bytes.fromhex(sender.address[2:]), self.nonce(sender)])
        self.send(sender, "", value, code, gas=3_000_000, kind=kind)
        return "0x" + keccak(seed)[12:].hex()

    def send_blobs(self, sender: LocalAccount, to: str, blobs: Sequence[int]) -> None:
        """Add an EIP-4844 transaction; `blobs` are indices into BLOBS."""
        commitments = [BLOBS[index][0] for index in blobs]
        hashes = [b"\x01" + hashlib.sha256(commitment).digest()[1:] for commitment in commitments]
        self.send(sender, to, gas=21_000, kind=3, maxFeePerBlobGas=GWEI, blobVersionedHashes=hashes)
        payload = rlp.decode(bytes.fromhex(self._pending.pop()[4:]))
        sidecar = [[BLOBS[index][1] for index in blobs], commitments, [INFINITY] * len(blobs)]
        self._pending.append("0x03" + rlp.encode([payload, *sidecar]).hex())

    def delegate(self, sender: LocalAccount, authority: LocalAccount, code_of: str) -> None:
        """Add an EIP-7702 transaction: `authority` runs the code of `code_of` from now on."""
        granted = authority.sign_authorization(
            {"chainId": CHAIN_ID, "address": code_of, "nonce": self._take_nonce(authority)}
        )
        self.send(sender, authority.address, gas=200_000, kind=4, authorizationList=[granted])

    def close(self, timestamp: int) -> Step:
        """Close the transactions added so far into a block."""
        miner = "0x" + hashlib.sha256(f"miner/{self.roll(4)}".encode()).hexdigest()[:40]
        step = Step(timestamp, self.base_fee, miner, tuple(self._pending))
        self._pending = []
        self._blocks += 1
        self.base_fee = self._next_base_fee()
        return step

    def _take_nonce(self, sender: LocalAccount) -> int:
        nonce = self.nonce(sender)
        self._nonces[sender.address] = nonce + 1
        return nonce

    def _next_base_fee(self) -> int:
        """A saw-tooth of 8 to 32 gwei, never the same twice."""
        return (8 + abs(self._blocks * 7 % 49 - 24)) * GWEI + self.roll(GWEI)
