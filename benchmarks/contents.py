"""What a synthetic block holds: transactions, receipts, logs and withdrawals of mainnet's kinds and sizes, from a seed.

Each item is made as the row that the header's commitments are worked out from, and kept as the JSON that a node
answers.
"""

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, reduce
from operator import or_
from typing import Any

from coincurve import PrivateKey

from assets.ethereum.proofs import trie
from assets.ethereum.proofs.derived import block_size, price_of_blob_gas
from assets.ethereum.proofs.encodings import header as encoded_header
from assets.ethereum.proofs.encodings import withdrawals as encoded_withdrawals
from assets.ethereum.proofs.senders import created_by
from benchmarks import blooms, encodings
from benchmarks.node_json import Row, receipt_json, transaction_json, withdrawals_json
from benchmarks.signing import account, signature

TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
TRANSACTIONS, LOGS_OF_A_CALL, WITHDRAWALS, BLOBS = 180, 4.9, 16, 3
GWEI, CHAIN_ID = 10**9, "0x1"
BASE_FEE, FRACTION = 7 * GWEI, 5_007_716  # of the blob fee since Prague
# Of the same size as every synthetic block's own: a block's size follows from it.
ANY_PLACE = {"number": 2**24, "parent_hash": "0x" + "00" * 32, "timestamp": 2**30}
LOG_COLUMNS = ("transaction_index", "address", "topics", "data")
# Shares of transaction types and of what transactions do, roughly mainnet's of 2025.
TYPES = {0: 22, 1: 2, 2: 70, 3: 2, 4: 4}
DEEDS = {"pay": 34, "transfer": 29, "call": 36, "create": 1}


class Draw(random.Random):
    """Random values of the kinds that blocks hold; the same for the same seed everywhere."""

    def text(self, size: int) -> str:
        """``size`` bytes as hex."""
        return "0x" + self.randbytes(size).hex()

    def around(self, average: float, least: int = 0) -> int:
        """A size with a long tail, as call data has."""
        return least + int(self.expovariate(1 / max(average - least, 0.1)))


@cache
def _crowd(kind: str, size: int) -> list[str]:
    """Addresses that occur again and again, so that columns compress as mainnet's do."""
    draw = Draw(kind)
    return [draw.text(20) for _ in range(size)]


def _known(draw: Draw, kind: str, size: int) -> str:
    """One of them, some much more often than others; one in eight is new."""
    if not draw.getrandbits(3):
        return draw.text(20)
    return _crowd(kind, size)[int(size * draw.random() ** 3)]


def _user(draw: Draw) -> str:
    """The name of an account that sends; as with addresses, some occur much more often than others."""
    if not draw.getrandbits(3):
        return draw.text(20)
    return f"user {int(20_000 * draw.random() ** 3)}"


def _amount(draw: Draw) -> int:
    return draw.randrange(1, 10**6) * 10 ** draw.randrange(6, 20)


@dataclass(frozen=True)
class Contents:
    """One block's contents, not yet in any block. ``header``: the columns of the block that follow from them."""

    header: Row
    transactions: list[str]
    receipts: list[str]
    withdrawals: str
    hashes: list[str]
    logs: int


@dataclass
class _Items:
    """A block's transactions with their receipts while they are made, one after the other."""

    transactions: list[Row] = field(default_factory=list)
    keys: list[PrivateKey] = field(default_factory=list)
    receipts: list[Row] = field(default_factory=list)
    logs: list[list[Row]] = field(default_factory=list)
    gas_used: int = 0

    def add(self, draw: Draw, kind: int, deed: str) -> None:
        row, key = _transaction(draw, kind, deed)
        receipt, logs = _receipt(draw, row, deed, self.gas_used)
        self.gas_used = receipt["cumulative_gas_used"]
        index = {"transaction_index": len(self.transactions)}
        self.transactions.append(row)
        self.keys.append(key)
        self.receipts.append(receipt | index)
        self.logs.append([log | index for log in logs])


def contents(seed: int, at: int, transactions: int = TRANSACTIONS) -> Contents:
    """The ``at``-th contents of a seed, with ``transactions`` transactions on average and at least one of each type."""
    draw = Draw(f"{seed}/{at}")
    count = max(6, int(draw.gauss(transactions, transactions / 4)))
    kinds = draw.choices(list(TYPES), list(TYPES.values()), k=count)
    deeds = draw.choices(list(DEEDS), list(DEEDS.values()), k=count)
    kinds[:6], deeds[:6] = [0, 1, 2, 3, 4, 2], ["pay", "call", "transfer", "call", "call", "create"]
    items = _Items()
    for kind, deed in zip(kinds, deeds, strict=True):
        items.add(draw, kind, "call" if kind in (3, 4) else deed)  # blobs and delegations do not create contracts
    withdrawals = [_withdrawal(draw, at * WITHDRAWALS + index) for index in range(WITHDRAWALS)]
    return _committed(draw, items, kinds, withdrawals)


def _committed(draw: Draw, items: _Items, kinds: list[int], withdrawals: list[Row]) -> Contents:
    """Items with the header that commits to them."""
    columns = _columns(items.transactions)
    signed = list(map(_signed, items.keys, encodings.messages(columns), kinds))
    encoded = list(encodings.transactions(columns, signed))
    hashes = [_hex(trie.keccak(one)) for one in encoded]
    all_logs = [log for logs in items.logs for log in logs]
    each = [blooms.of(logs) for logs in items.logs]
    texts = [blooms.text(bloom) for bloom in each]
    receipts = encodings.receipts(_columns(items.receipts), _columns(all_logs, LOG_COLUMNS), texts, kinds)
    withdrawn = list(encoded_withdrawals(_columns(withdrawals)))
    header = _header(draw, items.gas_used, blooms.text(reduce(or_, each))) | {
        "transactions_root": _hex(trie.root(encoded)),
        "receipts_root": _hex(trie.root(list(receipts))),
        "withdrawals_root": _hex(trie.root(withdrawn)),
        "blob_gas_used": 131_072 * BLOBS * kinds.count(3),
    }
    header["size"] = block_size(encoded_header(header | ANY_PLACE, header["mix_hash"]), encoded, withdrawn)
    blob_price = price_of_blob_gas(header["excess_blob_gas"], FRACTION)
    transaction_texts, receipt_texts, first_log = [], [], 0
    for index, (row, hash_) in enumerate(zip(items.transactions, hashes, strict=True)):
        row["hash"] = hash_
        logs, receipt = items.logs[index], items.receipts[index] | {"blob_gas_price": blob_price}
        transaction_texts.append(transaction_json(row, signed[index], index))
        receipt_texts.append(receipt_json(row, receipt, logs, bloom=texts[index], first_log=first_log))
        first_log += len(logs)
    return Contents(header, transaction_texts, receipt_texts, withdrawals_json(withdrawals), hashes, first_log)


def _columns(rows: Sequence[Row], names: Iterable[str] | None = None) -> dict[str, list[Any]]:
    """Rows as columns: ``names``, or those of the first row."""
    return {name: [row[name] for row in rows] for name in names or rows[0]}


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _signed(key: PrivateKey, message: bytes, kind: int) -> Row:
    """What of the node's object has no column: the signature."""
    parity, r, s = signature(key, message)
    if kind == 0:
        return {"r": r, "s": s, "v": hex(37 + parity)}
    return {"r": r, "s": s, "v": hex(parity), "yParity": hex(parity), "chainId": CHAIN_ID}


def _transaction(draw: Draw, kind: int, deed: str) -> tuple[Row, PrivateKey]:
    """A transaction's columns, and the key that signs it."""
    tip = draw.randrange(1, 3 * GWEI)
    cap = BASE_FEE * 2 + tip
    key, sender = account(_user(draw))
    row = {
        "nonce": draw.around(900),
        "from_address": sender,
        "to_address": _receiver(draw, deed),
        "value": _amount(draw) if deed == "pay" or not draw.getrandbits(3) else 0,
        "gas": 21_000 if deed == "pay" else draw.randrange(50_000, 400_000),
        "gas_price": BASE_FEE + tip,
        "input": _input(draw, deed),
        "transaction_type": kind,
        "max_fee_per_gas": cap if kind >= 2 else None,
        "max_priority_fee_per_gas": tip if kind >= 2 else None,
        "access_list": None if kind == 0 else json.dumps(_access_list(draw, kind), separators=(",", ":")),
        "max_fee_per_blob_gas": GWEI if kind == 3 else None,
        "blob_versioned_hashes": ",".join("0x01" + draw.randbytes(31).hex() for _ in range(BLOBS))
        if kind == 3
        else None,
        "authorization_list": json.dumps([_authorization(draw)], separators=(",", ":")) if kind == 4 else None,
    }
    return row, key


def _receiver(draw: Draw, deed: str) -> str | None:
    if deed == "create":
        return None
    kinds = {"pay": ("user", 20_000), "transfer": ("token", 400), "call": ("contract", 1_500)}
    return _known(draw, *kinds[deed])


def _input(draw: Draw, deed: str) -> str:
    if deed == "pay":
        return "0x"
    if deed == "create":
        return draw.text(draw.around(9_000, 500))
    if deed == "transfer":
        return "0xa9059cbb" + _word(_known(draw, "user", 20_000)) + f"{_amount(draw):064x}"
    words = draw.around(5, 1) if draw.getrandbits(5) else draw.around(60, 20)
    return "0x" + draw.randbytes(4).hex() + "".join(_argument(draw) for _ in range(words))


def _argument(draw: Draw) -> str:
    """A 32-byte word of call or event data: mostly small numbers and addresses, hence mostly zeros."""
    kind = draw.getrandbits(2)
    if kind == 0:
        return _word(_known(draw, "user", 20_000))
    return draw.randbytes(32).hex() if kind == 1 else f"{_amount(draw):064x}"


def _word(address: str) -> str:
    return "0" * 24 + address[2:]


def _access_list(draw: Draw, kind: int) -> list[Row]:
    if kind != 1 and draw.getrandbits(4):
        return []
    return [
        {"address": _known(draw, "contract", 1_500), "storageKeys": [draw.text(32) for _ in range(keys)]}
        for keys in range(1, 4)
    ]


def _authorization(draw: Draw) -> Row:
    return {
        "chainId": CHAIN_ID,
        "address": _known(draw, "contract", 1_500),
        "nonce": hex(draw.around(5)),
        "yParity": hex(draw.getrandbits(1)),
        "r": hex(draw.getrandbits(255) + 1),
        "s": hex(draw.getrandbits(254) + 1),
    }


def _receipt(draw: Draw, tx: Row, deed: str, used_before: int) -> tuple[Row, list[Row]]:
    used = 21_000 if deed == "pay" else int(tx["gas"] * draw.uniform(0.4, 0.95))
    status = 0 if not draw.getrandbits(6) else 1
    count = {"pay": 0, "transfer": 1, "create": 2}.get(deed) if deed != "call" else draw.around(LOGS_OF_A_CALL)
    logs = [_log(draw, deed) for _ in range(count or 0)] if status else []
    receipt = {
        "status": status,
        "root": None,
        "gas_used": used,
        "cumulative_gas_used": used_before + used,
        "contract_address": None if tx["to_address"] else _created(tx),
    }
    return receipt, logs


def _created(tx: Row) -> str:
    return _hex(created_by(bytes.fromhex(tx["from_address"][2:]), tx["nonce"]))


def _log(draw: Draw, deed: str) -> Row:
    if deed == "transfer" or draw.random() < 0.5:
        parties = ["0x" + _word(_known(draw, "user", 20_000)) for _ in range(2)]
        data = f"0x{_amount(draw):064x}"
        return {"address": _known(draw, "token", 400), "topics": ",".join([TRANSFER, *parties]), "data": data}
    events = _crowd("event", 300)
    topics = ["0x" + (events[int(300 * draw.random() ** 2)][2:] + "00" * 12)]
    topics += ["0x" + _word(_known(draw, "user", 20_000)) for _ in range(draw.randrange(4))]
    data = "0x" + "".join(_argument(draw) for _ in range(draw.around(4)))
    return {"address": _known(draw, "contract", 1_500), "topics": ",".join(topics), "data": data}


def _withdrawal(draw: Draw, index: int) -> Row:
    amount = draw.randrange(15_000_000, 20_000_000)
    validator = draw.randrange(1_900_000)
    return {"index": index, "validator_index": validator, "address": _known(draw, "staker", 200), "amount": amount}


def _header(draw: Draw, gas_used: int, bloom: str) -> Row:
    """The columns of a block that do not depend on its place in the chain."""
    return {
        "sha3_uncles": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
        "miner": _known(draw, "builder", 20),
        "state_root": draw.text(32),
        "logs_bloom": bloom,
        "difficulty": 0,
        "gas_limit": 36_000_000,
        "gas_used": gas_used,
        "extra_data": _hex(b"synthetic block"),
        "nonce": "0x0000000000000000",
        "base_fee_per_gas": BASE_FEE,
        "excess_blob_gas": 131_072 * draw.randrange(100),
        "parent_beacon_block_root": draw.text(32),
        "requests_hash": "0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "block_access_list_hash": None,
        "slot_number": None,
        "mix_hash": draw.text(32),
    }
