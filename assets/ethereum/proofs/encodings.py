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
from assets.ethereum.tables import BLOCKS

_NO_ITEMS = b"\xc0"
_TYPES = set(range(5))
_LEGACY, _ACCESS_LIST, _DYNAMIC_FEE, _BLOBS, _DELEGATIONS = sorted(_TYPES)

# Header fields that came with later forks, in the order they were appended.
_FORKS: tuple[dict[str, Callable[[Any], bytes]], ...] = (
    {"base_fee_per_gas": lambda wei: rlp.integer(int(wei))},  # London
    {"withdrawals_root": rlp.text},  # Shanghai
    {"blob_gas_used": rlp.integer, "excess_blob_gas": rlp.integer, "parent_beacon_block_root": rlp.text},  # Cancun
    {"requests_hash": rlp.text},  # Prague
    {"block_access_list_hash": rlp.text, "slot_number": rlp.integer},  # Amsterdam
)
_APPENDED = {name: encode for fields in _FORKS for name, encode in fields.items()}


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
    parts += [encode(row[name]) for name, encode in _APPENDED.items() if row[name] is not None]
    return rlp.concatenated(parts)


def left_out(row: Mapping[str, Any]) -> str | None:
    """The field, in the node's words, that a header of its fork holds and this one does not; None if it is whole.

    row: the block's values by column.
    """
    newest = max((at for at, fields in enumerate(_FORKS) if any(row[name] is not None for name in fields)), default=-1)
    missing = (name for fields in _FORKS[: newest + 1] for name in fields if row[name] is None)
    name = next(missing, None)
    return name and BLOCKS.column(name).source


def withdrawals(columns: Mapping[str, Sequence[Any]]) -> Iterator[bytes]:
    """Validator withdrawals in order, from lists of values by column."""
    names = ("index", "validator_index", "address", "amount")
    for index, validator, address, amount in zip(*(columns[name] for name in names), strict=True):
        parts = (rlp.integer(index), rlp.integer(validator), rlp.text(address), rlp.integer(amount))
        yield rlp.concatenated(parts)


class Transactions:
    """Transactions of types 0 to 4 in order.

    answers: the node's, for v, r, s, yParity and chainId.

    Raises:
        UnknownTypeError: for any other type.
        ValueError: when a value is missing or has another form than its field.
    """

    def __init__(self, rows: pa.RecordBatch, answers: pa.StructArray):
        self.kinds = pc.fill_null(rows.column("transaction_type"), _LEGACY).to_numpy()
        if unknown := set(np.unique(self.kinds).tolist()) - _TYPES:
            kind = min(unknown)
            told = f"transactions of type {kind} cannot be encoded here: {kind:#x} is none of Ethereum's that are known"
            raise UnknownTypeError(told)
        self.typed = self.kinds != _LEGACY
        v = answers.field("v")
        self.parities = pc.if_else(pa.array(self.typed), pc.coalesce(answers.field("yParity"), v), v)
        self._signatures = [columnar.hex_numbers(answers.field(name)) for name in ("r", "s")]
        self._fields = self._unsigned_fields(rows, answers)

    def encoded(self) -> pa.BinaryArray:
        """As their blocks hold them, which their hashes are the hashes of."""
        return self._whole(columnar.hex_numbers(self.parities), *self._signatures)

    def unsigned(self, ends: pa.BinaryArray) -> pa.BinaryArray:
        """What their signatures sign. ends: what a legacy transaction ends with there, since EIP-155."""
        return self._whole(ends)

    def _whole(self, *ends: pa.BinaryArray) -> pa.BinaryArray:
        payload = columnar.joined(*self._fields, *ends)
        return columnar.joined(columnar.single_bytes(self.kinds, self.typed), *columnar.lists(payload))

    def _unsigned_fields(self, rows: pa.RecordBatch, answers: pa.StructArray) -> tuple[pa.BinaryArray, ...]:
        typed, priced, blobs = self.typed, self.kinds < _DYNAMIC_FEE, self.kinds == _BLOBS
        numbers = columnar.numbers

        def only(where: Any, encode: Callable[[pa.Array], pa.BinaryArray], column: pa.Array) -> pa.BinaryArray:
            """A field that some types have."""
            return columnar.spread(encode(column.filter(pa.array(where))), where)

        return (
            only(typed, columnar.hex_numbers, answers.field("chainId")),
            numbers(rows.column("nonce")),
            only(priced, numbers, rows.column("gas_price")),
            only(~priced, numbers, rows.column("max_priority_fee_per_gas")),
            only(~priced, numbers, rows.column("max_fee_per_gas")),
            numbers(rows.column("gas")),
            *columnar.addresses(rows.column("to_address")),
            numbers(rows.column("value")),
            *columnar.strings(columnar.unhexed(rows.column("input"))),
            only(typed, _access_lists, rows.column("access_list")),
            only(blobs, numbers, rows.column("max_fee_per_blob_gas")),
            only(blobs, _word_lists, rows.column("blob_versioned_hashes")),
            only(self.kinds == _DELEGATIONS, _authorization_lists, rows.column("authorization_list")),
        )


def _word_lists(texts: pa.StringArray) -> pa.BinaryArray:
    return columnar.joined(*columnar.words(texts))


def _access_lists(cells: pa.StringArray) -> pa.BinaryArray:
    return _structures(cells, _access_list)


def _authorization_lists(cells: pa.StringArray) -> pa.BinaryArray:
    return _structures(cells, _authorizations)


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


def receipts(rows: pa.RecordBatch, logs: pa.RecordBatch, log_ends: Any, answers: pa.StructArray) -> pa.BinaryArray:
    """Receipts in order with their logs. Before Byzantium they hold a state root, since then a status.

    log_ends: where each receipt's logs end, with a 0 before. answers: the node's, for the blooms (a receipt commits
    to the logs themselves) and the types, which came with Berlin.

    Raises:
        ValueError: when a value is missing or has another form than its field.
    """
    entries = columnar.grouped(_log_entries(logs), log_ends)
    gas = columnar.numbers(rows.column("cumulative_gas_used"))
    bloom = columnar.strings(columnar.unhexed(answers.field("logsBloom")))
    payload = columnar.joined(_outcomes(rows), gas, *bloom, *columnar.lists(entries))
    kinds = pc.cast(pc.fill_null(answers.field("type"), hex(_LEGACY)), pa.uint8()).to_numpy()
    return columnar.joined(columnar.single_bytes(kinds, kinds != _LEGACY), *columnar.lists(payload))


def _outcomes(rows: pa.RecordBatch) -> pa.BinaryArray:
    """The status, or the state root of before Byzantium."""
    status = rows.column("status")
    if not status.null_count:
        return columnar.numbers(status)
    old = status.is_null()
    roots = columnar.joined(*columnar.strings(columnar.unhexed(rows.column("root").filter(old))))
    return pc.replace_with_mask(columnar.numbers(pc.fill_null(status, 0)), old, roots)


def _log_entries(logs: pa.RecordBatch) -> pa.BinaryArray:
    address = columnar.strings(columnar.unhexed(logs.column("address")))
    data = columnar.strings(columnar.unhexed(logs.column("data")))
    entries = columnar.joined(*address, *columnar.words(logs.column("topics")), *data)
    return columnar.joined(*columnar.lists(entries))
