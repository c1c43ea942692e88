"""A synthetic chain around one UTC day: blocks of mainnet size whose headers commit to what they hold.

A few hundred distinct contents repeat, each time under a header of its own, linked to its parent; a day of 7,200
blocks so takes the memory of the distinct ones. Answers are kept as bytes and only put together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from assets.ethereum.proofs import encodings, trie
from benchmarks.contents import TRANSACTIONS, Contents, contents
from benchmarks.node_json import PLACE
from core.windows import end_of, start_of

DAY = date(2025, 6, 1)
FIRST = 22_600_000  # a number of mainnet's that day; every synthetic block's has as many digits
BLOCKS_OF_A_DAY, DISTINCT = 7_200, 200
# The chain goes on after the day: the newest block, and below it the newest final one.
AFTER, UNFINAL = 100, 64
SLOT = 12

_HEADER_FIELDS = {
    "baseFeePerGas": "base_fee_per_gas",
    "blobGasUsed": "blob_gas_used",
    "difficulty": "difficulty",
    "excessBlobGas": "excess_blob_gas",
    "extraData": "extra_data",
    "gasLimit": "gas_limit",
    "gasUsed": "gas_used",
    "logsBloom": "logs_bloom",
    "miner": "miner",
    "mixHash": "mix_hash",
    "nonce": "nonce",
    "parentBeaconBlockRoot": "parent_beacon_block_root",
    "receiptsRoot": "receipts_root",
    "requestsHash": "requests_hash",
    "sha3Uncles": "sha3_uncles",
    "size": "size",
    "stateRoot": "state_root",
    "transactionsRoot": "transactions_root",
    "withdrawalsRoot": "withdrawals_root",
}


@dataclass(frozen=True)
class Head:
    """What tells a block from others with the same contents."""

    number: int
    hash: str
    parent: str
    timestamp: int

    @property
    def place(self) -> bytes:
        """What stands in the block's items where ``PLACE`` does."""
        return f'"blockHash":"{self.hash}","blockNumber":"{self.number:#x}"'.encode()


class Answers:
    """Contents as JSON, cut where the block's place goes."""

    def __init__(self, of: Contents):
        self.of = of
        self._fields = ",".join(
            f'"{name}":"{value if isinstance(value := of.header[column], str) else hex(value)}"'
            for name, column in _HEADER_FIELDS.items()
        )
        self._transactions = _cut(f"[{','.join(of.transactions)}]")
        self._receipts = _cut(f"[{','.join(of.receipts)}]")
        self._hashes = ("[" + ",".join(f'"{hash_}"' for hash_ in of.hashes) + "]").encode()

    def block(self, head: Head, full: bool) -> bytes:
        transactions = head.place.join(self._transactions) if full else self._hashes
        top = f'{{"number":"{head.number:#x}","hash":"{head.hash}","parentHash":"{head.parent}",'
        top += f'"timestamp":"{head.timestamp:#x}",{self._fields},"uncles":[],"withdrawals":{self.of.withdrawals},'
        return b"".join((top.encode(), b'"transactions":', transactions, b"}"))

    def receipts(self, head: Head) -> bytes:
        return head.place.join(self._receipts)

    @cached_property
    def _logs(self) -> list[bytes]:
        logs = [_logs_of(text) for text in self.of.receipts]
        return _cut(",".join(text for text in logs if text))

    def logs(self, head: Head) -> bytes:
        """The block's logs, comma-separated."""
        return head.place.join(self._logs)

    @cached_property
    def _receipt(self) -> list[list[bytes]]:
        return [_cut(text) for text in self.of.receipts]

    def receipt(self, head: Head, at: int) -> bytes:
        return head.place.join(self._receipt[at])


def _logs_of(receipt: str) -> str:
    """The inside of a receipt's list of logs, which no other list of it follows."""
    return receipt[receipt.index('"logs":[') + 8 : receipt.index('],"contractAddress"')]


def _cut(text: str) -> list[bytes]:
    return text.encode().split(PLACE.encode())


class SyntheticChain:
    """Blocks of ``DAY``, evenly spaced, and some after it; headers alone before it.

    blocks: the day's. distinct: contents generated. transactions: average per block.
    """

    def __init__(self, blocks: int, distinct: int = DISTINCT, seed: int = 1, transactions: int = TRANSACTIONS):
        self.blocks, self.first, self.last = blocks, FIRST, FIRST + blocks - 1
        self.head, self.finalized = self.last + AFTER, self.last + AFTER - UNFINAL
        made = (contents(seed, at, transactions) for at in range(min(distinct, blocks)))
        self._answers = [Answers(one) for one in made]
        self._heads = list(self._linked())

    def _linked(self) -> Iterator[Head]:
        parent = self.distant(FIRST - 1).hash
        for number in range(FIRST, self.head + 1):
            header = self.answers(number).of.header
            time = self._time(number)
            row = header | {"number": number, "parent_hash": parent, "timestamp": time}
            hash_ = "0x" + trie.keccak(encodings.header(row, header["mix_hash"])).hex()
            yield Head(number, hash_, parent, time)
            parent = hash_

    def _time(self, number: int) -> int:
        at = number - FIRST
        if at < 0:
            return start_of(DAY) + at * SLOT
        if at >= self.blocks:
            return end_of(DAY) + (at - self.blocks) * SLOT
        return start_of(DAY) + at * (end_of(DAY) - start_of(DAY)) // self.blocks

    def answers(self, number: int) -> Answers:
        """What the block of that number holds."""
        return self._answers[(number - FIRST) % len(self._answers)]

    def at(self, number: int) -> Head:
        """The block's place, for the day and after it."""
        return self._heads[number - FIRST]

    def distant(self, number: int) -> Head:
        """A block before the day, of which there is no more than this."""
        hashes = [f"0x{trie.keccak(f'before {at}'.encode()).hex()}" for at in (number, number - 1)]
        return Head(number, hashes[0], hashes[1], self._time(number))

    @cached_property
    def receipts_at(self) -> dict[str, tuple[int, int]]:
        """Number and position of the first transaction with a hash: contents repeat, and hashes with them."""
        return {
            hash_: (FIRST + at, index)
            for at, answers in enumerate(self._answers)
            for index, hash_ in enumerate(answers.of.hashes)
        }
