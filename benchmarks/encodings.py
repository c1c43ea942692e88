"""Transactions and receipts as the protocol encodes them, item by item: what synthetic blocks are committed to.

Written apart from the proofs of the export, which encode whole columns at once: each tells whether the other is right.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from assets.ethereum.proofs import rlp

Columns = Mapping[str, Any]

_NO_ITEMS = b"\xc0"

_CALL = ("nonce", "gas", "to_address", "value", "input", "transaction_type", "gas_price")


# What a legacy transaction ends with when it is signed, on the chain 1.
_OF_THE_CHAIN = (rlp.integer(1), rlp.EMPTY, rlp.EMPTY)


def messages(columns: Columns) -> Iterator[bytes]:
    """What transactions of types 0 to 4 sign, in order, on the chain 1."""
    for kind, fields in _unsigned(columns):
        yield _typed(kind, fields if kind else (*fields, *_OF_THE_CHAIN))


def transactions(columns: Columns, signed: Sequence[Any]) -> Iterator[bytes]:
    """Transactions of types 0 to 4 in order, which their hashes are the hashes of.

    signed: the signatures: r, s, and v or yParity.
    """
    for (kind, fields), tx in zip(_unsigned(columns), signed, strict=True):
        parity = rlp.quantity(tx["yParity"] if kind else tx["v"])
        yield _typed(kind, (*fields, parity, rlp.quantity(tx["r"]), rlp.quantity(tx["s"])))


def _typed(kind: int, parts: Sequence[bytes]) -> bytes:
    return (bytes((kind,)) if kind else b"") + rlp.concatenated(parts)


def _unsigned(columns: Columns) -> Iterator[tuple[int, tuple[bytes, ...]]]:
    """Each transaction's type and fields."""
    integer, text = rlp.integer, rlp.text
    calls = zip(*(columns[name] for name in _CALL), strict=True)
    for at, (nonce, gas, to, value, data, kind, price) in enumerate(calls):
        call = (text(to) if to else rlp.EMPTY, integer(value), text(data))
        if not kind:
            yield kind, (integer(nonce), integer(price), integer(gas), *call)
            continue
        fees: tuple[bytes, ...] = (integer(price),)
        if kind > 1:
            fees = (integer(columns["max_priority_fee_per_gas"][at]), integer(columns["max_fee_per_gas"][at]))
        extra = _EXTRA[kind](columns, at)
        access = _access_list(columns["access_list"][at])
        yield kind, (integer(1), integer(nonce), *fees, integer(gas), *call, access, *extra)


def _blobs(columns: Columns, at: int) -> tuple[bytes, ...]:
    hashes = map(rlp.text, columns["blob_versioned_hashes"][at].split(","))
    return rlp.integer(columns["max_fee_per_blob_gas"][at]), rlp.concatenated(hashes)


def _authorizations(columns: Columns, at: int) -> tuple[bytes, ...]:
    entries = json.loads(columns["authorization_list"][at])
    return (
        rlp.concatenated(
            rlp.concatenated((
                *(rlp.quantity(entry["chainId"]), rlp.text(entry["address"]), rlp.quantity(entry["nonce"])),
                *(rlp.quantity(entry["yParity"]), rlp.quantity(entry["r"]), rlp.quantity(entry["s"])),
            ))
            for entry in entries
        ),
    )  # fmt: skip


def _nothing(columns: Columns, at: int) -> tuple[bytes, ...]:
    return ()


# What a type holds between its access list and its signature.
_EXTRA: dict[int, Callable[[Columns, int], tuple[bytes, ...]]] = {
    1: _nothing,
    2: _nothing,
    3: _blobs,
    4: _authorizations,
}


def _access_list(cell: str | None) -> bytes:
    if not cell or cell == "[]":
        return _NO_ITEMS
    return rlp.concatenated(
        rlp.concatenated((rlp.text(entry["address"]), rlp.concatenated(map(rlp.text, entry["storageKeys"]))))
        for entry in json.loads(cell)
    )


def receipts(columns: Columns, logs: Columns, blooms: Sequence[str], kinds: Sequence[int | None]) -> Iterator[bytes]:
    """Receipts in order with their logs. Before Byzantium they hold a state root, since then a status.

    blooms: the node's; a receipt commits to the logs themselves. kinds: the transactions' types.
    """
    entries = _log_entries(columns["transaction_index"], logs)
    names = ("status", "root", "cumulative_gas_used")
    rows = zip(*(columns[name] for name in names), blooms, kinds, entries, strict=True)
    for status, root, gas, bloom, kind, own_logs in rows:
        outcome = rlp.text(root) if status is None else rlp.integer(status)
        encoded = rlp.concatenated((outcome, rlp.integer(gas), rlp.text(bloom), rlp.concatenated(own_logs)))
        yield bytes((kind,)) + encoded if kind else encoded


def _log_entries(indexes: Sequence[int], logs: Columns) -> list[list[bytes]]:
    """For each transaction index its encoded logs."""
    by_index: dict[int, list[bytes]] = {index: [] for index in indexes}
    text, names = rlp.text, ("transaction_index", "address", "topics", "data")
    for index, address, topics, data in zip(*(logs[name] for name in names), strict=True):
        words = rlp.concatenated([text(topic) for topic in topics.split(",")]) if topics else _NO_ITEMS
        by_index[index].append(rlp.concatenated((text(address), words, text(data))))
    return [by_index[index] for index in indexes]
