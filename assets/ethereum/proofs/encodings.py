"""Headers, transactions, receipts and withdrawals as the protocol encodes them, from the rows to be published.

Signatures, the chain id, a header's mixHash and a receipt's bloom have no column: they come from the node's answer,
and are bound by the same hashes.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.ethereum.proofs import columnar, rlp

_NO_ITEMS = b"\xc0"
_LEGACY, _ACCESS_LIST, _DYNAMIC_FEE, _BLOBS, _DELEGATIONS = range(5)

# Header fields that came with later forks, in the order they were appended.
_APPENDED: tuple[tuple[str, Callable[[Any], bytes]], ...] = (
    ("base_fee_per_gas", lambda wei: rlp.integer(int(wei))),  # London
    ("withdrawals_root", rlp.text),  # Shanghai
    ("blob_gas_used", rlp.integer),  # Cancun
    ("excess_blob_gas", rlp.integer),
    ("parent_beacon_block_root", rlp.text),
    ("requests_hash", rlp.text),  # Prague
)


# What the encoding of rows that no node should send ends with.
NOT_ENCODED = (TypeError, ValueError, AttributeError, KeyError, OverflowError)


class UnknownTypeError(ValueError):
    """A transaction type whose encoding is not known here."""


def header(row: Mapping[str, Any], mix_hash: str) -> bytes:
    """A block's header, which its hash is the hash of. row: the block's values by column."""
    parts = [rlp.text(row[name]) for name in ("parent_hash", "sha3_uncles", "miner")]
    parts += [rlp.text(row[name]) for name in ("state_root", "transactions_root", "receipts_root", "logs_bloom")]
    parts += [rlp.integer(int(row[name])) for name in ("difficulty", "number", "gas_limit", "gas_used", "timestamp")]
    parts += [rlp.text(row["extra_data"]), rlp.text(mix_hash), rlp.text(row["nonce"])]
    parts += [encode(row[name]) for name, encode in _APPENDED if row[name] is not None]
    return rlp.concatenated(parts)


def withdrawals(columns: Mapping[str, Sequence[Any]]) -> Iterator[bytes]:
    """Validator withdrawals in order, from lists of values by column."""
    names = ("index", "validator_index", "address", "amount")
    for index, validator, address, amount in zip(*(columns[name] for name in names), strict=True):
        parts = (rlp.integer(index), rlp.integer(validator), rlp.text(address), rlp.integer(amount))
        yield rlp.concatenated(parts)


_SIGNED = ["nonce", "gas", "to_address", "value", "input", "gas_price", "max_priority_fee_per_gas", "max_fee_per_gas"]
_SIGNED += ["access_list", "authorization_list", "max_fee_per_blob_gas", "blob_versioned_hashes"]
_SIGNATURE = ["v", "r", "s", "yParity", "chainId"]


def transactions(rows: pa.RecordBatch, answers: pa.StructArray) -> pa.BinaryArray:
    """Transactions of types 0 to 4 in order, which their hashes are the hashes of.

    answers: the node's, for v, r, s, yParity and chainId.

    Raises:
        UnknownTypeError: for any other type.
        ValueError: when a value is missing or has another form than its field.
    """
    kinds = pc.fill_null(rows.column("transaction_type"), _LEGACY).to_numpy()
    rows = rows.select(_SIGNED)
    answers = pa.RecordBatch.from_arrays([answers.field(name) for name in _SIGNATURE], _SIGNATURE)
    parts, order = [], []
    for kind in np.unique(kinds).tolist():
        if kind not in range(5):
            raise UnknownTypeError(f"transactions of type {kind} cannot be encoded here")
        places = np.flatnonzero(kinds == kind)
        parts.append(_of_kind(kind, rows.take(pa.array(places)), answers.take(pa.array(places))))
        order.append(places)
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return pa.array([], pa.binary())
    return pa.concat_arrays(parts).take(pa.array(np.argsort(np.concatenate(order))))


def _of_kind(kind: int, rows: pa.RecordBatch, answers: pa.RecordBatch) -> pa.BinaryArray:
    def number(name: str) -> pa.BinaryArray:
        return columnar.numbers(rows.column(name))

    nonce, gas, value = (number(name) for name in ("nonce", "gas", "value"))
    target, data = (
        columnar.addresses(rows.column("to_address")),
        columnar.strings(columnar.unhexed(rows.column("input"))),
    )
    signature = [columnar.hex_numbers(answers.column(name)) for name in ("r", "s")]
    if kind == _LEGACY:
        v = columnar.hex_numbers(answers.column("v"))
        return columnar.lists(columnar.joined(nonce, number("gas_price"), gas, target, value, data, v, *signature))
    dynamic = ("max_priority_fee_per_gas", "max_fee_per_gas")
    fees = [number(name) for name in (("gas_price",) if kind == _ACCESS_LIST else dynamic)]
    access = _structures(rows.column("access_list"), _access_list)
    parity = columnar.hex_numbers(pc.coalesce(answers.column("yParity"), answers.column("v")))
    chain = columnar.hex_numbers(answers.column("chainId"))
    payload = columnar.joined(
        chain, nonce, *fees, gas, target, value, data, access, *_extra(kind, rows), parity, *signature
    )
    return columnar.joined(bytes((kind,)), columnar.lists(payload))


def _extra(kind: int, rows: pa.RecordBatch) -> list[pa.BinaryArray]:
    """What a type holds between its access list and its signature."""
    if kind == _BLOBS:
        return [
            columnar.numbers(rows.column("max_fee_per_blob_gas")),
            columnar.words(rows.column("blob_versioned_hashes")),
        ]
    return [_structures(rows.column("authorization_list"), _authorizations)] if kind == _DELEGATIONS else []


def _structures(cells: pa.StringArray, encode: Callable[[Any], bytes]) -> pa.BinaryArray:
    """Cells of JSON text, encoded one by one where they are not empty."""
    return pa.array(
        [encode(json.loads(cell)) if cell and cell != "[]" else _NO_ITEMS for cell in cells.to_pylist()], pa.binary()
    )


def _access_list(entries: Sequence[Mapping[str, Any]]) -> bytes:
    return rlp.concatenated(
        rlp.concatenated((rlp.text(entry["address"]), rlp.concatenated(map(rlp.text, entry["storageKeys"]))))
        for entry in entries
    )


def _authorizations(entries: Sequence[Mapping[str, Any]]) -> bytes:
    return rlp.concatenated(
        rlp.concatenated((
            *(rlp.quantity(entry["chainId"]), rlp.text(entry["address"]), rlp.quantity(entry["nonce"])),
            *(rlp.quantity(entry["yParity"]), rlp.quantity(entry["r"]), rlp.quantity(entry["s"])),
        ))
        for entry in entries
    )  # fmt: skip


def receipts(
    rows: pa.RecordBatch, logs: pa.RecordBatch, log_ends: Any, blooms: pa.Array, kinds: pa.Array
) -> pa.BinaryArray:
    """Receipts in order with their logs. Before Byzantium they hold a state root, since then a status.

    log_ends: where each receipt's logs end, with a 0 before. blooms: the node's; a receipt commits to the logs
    themselves. kinds: the transactions' types.

    Raises:
        ValueError: when a value is missing or has another form than its field.
    """
    entries = columnar.lists(columnar.grouped(_log_entries(logs), log_ends))
    gas = columnar.numbers(rows.column("cumulative_gas_used"))
    bloom = columnar.strings(columnar.unhexed(blooms))
    encoded = columnar.lists(columnar.joined(_outcomes(rows), gas, bloom, entries))
    marks = np.asarray(pc.fill_null(kinds, 0).to_numpy(zero_copy_only=False), np.uint8)
    return columnar.joined(columnar.single_bytes(marks, marks != _LEGACY), encoded)


def _outcomes(rows: pa.RecordBatch) -> pa.BinaryArray:
    """The status, or the state root of before Byzantium."""
    status = rows.column("status")
    if not status.null_count:
        return columnar.numbers(status)
    old = status.is_null()
    roots = columnar.strings(columnar.unhexed(rows.column("root").filter(old)))
    return pc.replace_with_mask(columnar.numbers(pc.fill_null(status, 0)), old, roots)


def _log_entries(logs: pa.RecordBatch) -> pa.BinaryArray:
    address = columnar.strings(columnar.unhexed(logs.column("address")))
    data = columnar.strings(columnar.unhexed(logs.column("data")))
    return columnar.lists(columnar.joined(address, columnar.words(logs.column("topics")), data))
