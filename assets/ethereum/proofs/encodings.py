"""Headers, transactions, receipts and withdrawals as the protocol encodes them, from rows and what rows leave out.

Rows are dicts of the published columns. Signatures, the chain id, a header's mixHash and a receipt's bloom have no
column: they come from the node's answer, and are bound by the same hashes.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from assets.ethereum.proofs import rlp

Row = Mapping[str, Any]

# Header fields that came with later forks, in the order they were appended.
_APPENDED = (
    ("base_fee_per_gas", rlp.integer),  # London
    ("withdrawals_root", rlp.text),  # Shanghai
    ("blob_gas_used", rlp.integer),  # Cancun
    ("excess_blob_gas", rlp.integer),
    ("parent_beacon_block_root", rlp.text),
    ("requests_hash", rlp.text),  # Prague
)


class UnknownType(Exception):
    """A transaction type whose encoding is not known here."""


def header(row: Row, mix_hash: str) -> bytes:
    """A block's header, which its hash is the hash of."""
    parts = [rlp.text(row[name]) for name in ("parent_hash", "sha3_uncles", "miner")]
    parts += [rlp.text(row[name]) for name in ("state_root", "transactions_root", "receipts_root", "logs_bloom")]
    parts += [rlp.integer(int(row[name])) for name in ("difficulty", "number", "gas_limit", "gas_used", "timestamp")]
    parts += [rlp.text(row["extra_data"]), rlp.text(mix_hash), rlp.text(row["nonce"])]
    parts += [encode(int(value) if encode is rlp.integer else value) for value, encode in _appended(row)]
    return rlp.concatenated(parts)


def _appended(row: Row):
    return [(row[name], encode) for name, encode in _APPENDED if row[name] is not None]


def transaction(row: Row, signed: Row) -> bytes:
    """A transaction of types 0 to 4, which its hash is the hash of.

    signed: the node's object, for v, r, s, yParity and chainId.

    Raises:
        UnknownType: for any other type.
    """
    kind = row["transaction_type"] or 0
    to = rlp.text(row["to_address"]) if row["to_address"] else rlp.EMPTY
    call = [to, rlp.integer(int(row["value"])), rlp.text(row["input"])]
    nonce, gas = rlp.integer(row["nonce"]), rlp.integer(row["gas"])
    signature = [rlp.quantity(signed["r"]), rlp.quantity(signed["s"])]
    if kind == 0:
        price = rlp.integer(int(row["gas_price"]))
        return rlp.concatenated([nonce, price, gas, *call, rlp.quantity(signed["v"]), *signature])
    if kind == 1:
        fees = [rlp.integer(int(row["gas_price"]))]
    elif kind in (2, 3, 4):
        fees = [rlp.integer(int(row[name])) for name in ("max_priority_fee_per_gas", "max_fee_per_gas")]
    else:
        raise UnknownType(f"transaction type {kind}")
    parts = [rlp.quantity(signed["chainId"]), nonce, *fees, gas, *call, _access_list(row["access_list"])]
    if kind == 3:
        hashes = rlp.concatenated(rlp.text(hash_) for hash_ in row["blob_versioned_hashes"].split(","))
        parts += [rlp.integer(int(row["max_fee_per_blob_gas"])), hashes]
    elif kind == 4:
        parts.append(_authorization_list(row["authorization_list"]))
    parity = signed["yParity"] if signed.get("yParity") is not None else signed["v"]
    return bytes((kind,)) + rlp.concatenated([*parts, rlp.quantity(parity), *signature])


def _access_list(cell: str | None) -> bytes:
    if not cell or cell == "[]":
        return b"\xc0"
    return rlp.concatenated(
        rlp.concatenated((rlp.text(entry["address"]), rlp.concatenated(map(rlp.text, entry["storageKeys"]))))
        for entry in json.loads(cell)
    )


def _authorization_list(cell: str) -> bytes:
    return rlp.concatenated(
        rlp.concatenated((
            *(rlp.quantity(entry["chainId"]), rlp.text(entry["address"]), rlp.quantity(entry["nonce"])),
            *(rlp.quantity(entry["yParity"]), rlp.quantity(entry["r"]), rlp.quantity(entry["s"])),
        ))
        for entry in json.loads(cell)
    )  # fmt: skip


def receipt(row: Row, logs: Sequence[Row], bloom: str, kind: int) -> bytes:
    """A receipt with its logs. Before Byzantium it holds a state root, since then a status.

    bloom: the node's; the receipt commits to the logs themselves. kind: the transaction's type.
    """
    outcome = rlp.text(row["root"]) if row["status"] is None else rlp.integer(row["status"])
    entries = rlp.concatenated(
        rlp.concatenated((
            rlp.text(log["address"]),
            rlp.concatenated(rlp.text(topic) for topic in log["topics"].split(",") if topic),
            rlp.text(log["data"]),
        ))
        for log in logs
    )  # fmt: skip
    encoded = rlp.concatenated((outcome, rlp.integer(row["cumulative_gas_used"]), rlp.text(bloom), entries))
    return bytes((kind,)) + encoded if kind else encoded


def withdrawal(row: Row) -> bytes:
    """A validator withdrawal."""
    return rlp.concatenated(
        (
            rlp.integer(row["index"]),
            rlp.integer(row["validator_index"]),
            rlp.text(row["address"]),
            rlp.integer(row["amount"]),
        )
    )
