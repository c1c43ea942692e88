"""Columns that no root binds, worked out from those that one does. Pure: rows in, those that differ out.

A block's base fee, excess of blob gas and transactions are bound by its header; from them follow the prices paid, the
contracts created and the gas of blobs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.ethereum.proofs import columnar, rlp, senders
from core.plain import one_line

_ACCESS_LIST, _DYNAMIC_FEE, _BLOBS, _DELEGATIONS = range(1, 5)
GAS_OF_A_BLOB = 131_072
# How slowly the price of blob gas follows its excess. Forks change it, at times that no header tells; a price is right
# by any of them: of Cancun, Prague, and the two of Fusaka that changed blobs alone.
_FRACTIONS = (3_338_477, 5_007_716, 8_346_193, 11_684_671)
# The price has about as many digits as the excess is larger than the fraction, times 0.43: no chain comes near.
_MOST_EXCESS = 2**33
# What a receipt follows from, of its transaction.
TRANSACTION_COLUMNS = ("nonce", "from_address", "to_address", "gas_price", "transaction_type", "blob_versioned_hashes")
# Fields that only some types of transactions have: a lone value, or a list, of which others may have an empty one.
_VALUES = {"max_fee_per_gas": _DYNAMIC_FEE, "max_priority_fee_per_gas": _DYNAMIC_FEE}
_LISTS = {"access_list": (_ACCESS_LIST, 4), "blob_versioned_hashes": (_BLOBS, 3), "authorization_list": (4, 4)}


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that is not what follows from the others. at: its position."""

    at: int
    field: str
    stated: Any
    found: Any


def transaction_differences(rows: pa.RecordBatch, base_fees: Any) -> Iterator[Difference]:
    """Where prices are not those paid, and where fields stand that the type does not have.

    base_fees: of each row's block, in wei; 0 before London.
    """
    kinds = pc.fill_null(rows.column("transaction_type"), 0).to_numpy()
    priced = kinds >= _DYNAMIC_FEE
    caps, tips = (_numbers(rows.column(f"max_{name}fee_per_gas"), priced) for name in ("", "priority_"))
    stated = _numbers(rows.column("gas_price"), rows.column("gas_price").is_valid())
    paid = np.where(priced, np.minimum(caps, base_fees + tips), stated)
    yield from _unequal("gasPrice", rows.column("gas_price"), stated, paid, np.ones(len(kinds), bool))
    for name, first in _VALUES.items():
        yield from _extra(rows.column(name), kinds < first, name, None)
    yield from _extra(rows.column("max_fee_per_blob_gas"), kinds != _BLOBS, "max_fee_per_blob_gas", None)
    for name, (first, last) in _LISTS.items():
        empty = "" if name == "blob_versioned_hashes" else "[]"
        yield from _extra(rows.column(name), (kinds < first) | (kinds > last), name, empty)


def receipt_differences(
    rows: pa.RecordBatch, transactions: pa.RecordBatch, excesses: Sequence[int | None]
) -> Iterator[Difference]:
    """Where receipts do not follow from their transactions.

    transactions: one for each receipt, with TRANSACTION_COLUMNS. excesses: of blob gas, of each receipt's block.
    """
    price, paid = rows.column("effective_gas_price"), transactions.column("gas_price")
    yield from _others("effectiveGasPrice", price, paid)
    yield from _others("contractAddress", rows.column("contract_address"), _created(transactions))
    kinds = pc.fill_null(transactions.column("transaction_type"), 0).to_numpy()
    blobs = kinds == _BLOBS
    lists = transactions.column("blob_versioned_hashes").fill_null("")
    gas = np.where(blobs, GAS_OF_A_BLOB * (pc.count_substring(lists, ",").to_numpy() + 1), 0)
    used = rows.column("blob_gas_used")
    # Clients put 0, or nothing, into the receipts of others.
    yield from _unequal("blobGasUsed", used, pc.fill_null(used, 0).to_numpy(), gas, blobs)
    status, root = rows.column("status"), rows.column("root")
    yield from _extra(root, status.is_valid().to_numpy(zero_copy_only=False), "root", None)
    for at, (stated, excess) in enumerate(zip(rows.column("blob_gas_price").to_pylist(), excesses, strict=True)):
        if (stated is not None or blobs[at]) and stated not in _prices(excess):
            yield Difference(at, "blobGasPrice", stated, " or ".join(map(str, _prices(excess))) or None)


def block_size(header: bytes, transactions: Sequence[bytes], withdrawals: Sequence[bytes]) -> int:
    """Bytes of a block without uncles, from its encoded parts; without the list of withdrawals if there are none."""
    # A typed transaction stands in the block as a string, a legacy one as the list that it is.
    items = sum(len(item) if item[0] >= rlp.EMPTY_LIST[0] else _with_prefix(len(item)) for item in transactions)
    size = len(header) + _with_prefix(items) + len(rlp.EMPTY_LIST)
    if withdrawals:
        size += _with_prefix(sum(map(len, withdrawals)))
    return _with_prefix(size)


def _with_prefix(length: int) -> int:
    """Bytes of a string or list with so many bytes in it."""
    return length + 1 + (-(-length.bit_length() // 8) if length > 55 else 0)


def _created(transactions: pa.RecordBatch) -> pa.StringArray:
    """The address of the contract that each transaction creates; null where it calls."""
    creates = transactions.column("to_address").is_null()
    some = transactions.select(["from_address", "nonce"]).filter(creates)
    pairs = zip(columnar.unhexed(some.column(0)).to_pylist(), some.column(1).to_pylist(), strict=True)
    found = ["0x" + senders.created_by(*pair).hex() for pair in pairs]
    nothing = pa.nulls(transactions.num_rows, pa.string())
    return pc.replace_with_mask(nothing, creates, pa.array(found, pa.string())) if found else nothing


@lru_cache(maxsize=1024)
def _prices(excess: int | None) -> tuple[int, ...]:
    """What blob gas may cost in a block; nothing before Cancun."""
    if excess is None or excess > _MOST_EXCESS:
        return ()
    return tuple(sorted({price_of_blob_gas(excess, fraction) for fraction in _FRACTIONS}))


def price_of_blob_gas(excess: int, fraction: int) -> int:
    """e to the power of excess / fraction in whole numbers, as EIP-4844 has it."""
    total, part, at = 0, fraction, 1
    while part > 0:
        total += part
        part = part * excess // (fraction * at)
        at += 1
    return total // fraction


def _numbers(values: pa.Array, where: Any) -> Any:
    """Wei as whole numbers, 0 where they do not count; Python's own where they are too large for 64 bits and a sum."""
    kept = pc.if_else(where if isinstance(where, pa.Array) else pa.array(where), values, pa.scalar(0, values.type))
    if (pc.max(kept).as_py() or 0) < 2**62:
        return kept.cast(pa.int64()).to_numpy()
    return np.array([int(value) for value in kept.to_pylist()], dtype=object)


def _unequal(field: str, values: pa.Array, stated: Any, expected: Any, needed: Any) -> Iterator[Difference]:
    """Numbers that differ, or are missing where they are needed."""
    missing = values.is_null().to_numpy(zero_copy_only=False) & needed
    for at in np.flatnonzero(missing | (stated != expected)):
        yield Difference(int(at), field, None if missing[at] else stated[at], expected[at])


def _others(field: str, stated: pa.Array, expected: pa.Array) -> Iterator[Difference]:
    if stated.equals(expected):
        return
    same = pc.or_(pc.fill_null(pc.equal(stated, expected), False), pc.and_(stated.is_null(), expected.is_null()))
    for at in np.flatnonzero(~same.to_numpy(zero_copy_only=False)):
        yield Difference(int(at), field, stated[int(at)].as_py(), expected[int(at)].as_py())


def _extra(values: pa.Array, lacking: Any, field: str, empty: str | None) -> Iterator[Difference]:
    """Values of rows that have no such field. empty: what stands for none."""
    there = values.is_valid()
    if empty is not None:
        there = pc.and_(there, pc.fill_null(pc.not_equal(values, empty), False))
    for at in np.flatnonzero(there.to_numpy(zero_copy_only=False) & lacking):
        yield Difference(int(at), field, one_line(values[int(at)].as_py(), 100), None)
