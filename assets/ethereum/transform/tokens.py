"""What token contracts say of themselves: which calls to make, and how their answers read."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from assets.ethereum.tables import TOKENS, TRANSFERRED_TOKENS
from assets.ethereum.transform.rows import batch

# First four bytes of keccak256 of the signatures. Old contracts used upper-case names.
SYMBOL, UPPER_SYMBOL = "0x95d89b41", "0xf76f8d78"
NAME, UPPER_NAME = "0x06fdde03", "0xa3f4df7e"
DECIMALS, UPPER_DECIMALS = "0x313ce567", "0x2e0f2625"
TOTAL_SUPPLY = "0x18160ddd"
CALLS = (SYMBOL, UPPER_SYMBOL, NAME, UPPER_NAME, DECIMALS, UPPER_DECIMALS, TOTAL_SUPPLY)
# What a reader of transfers needs to know; old contracts with upper-case names were all announced by their code.
NAMING_CALLS = (SYMBOL, NAME, DECIMALS)

_WORD = 32


def token_batch(contracts: Sequence[dict[str, Any]], answers: Sequence[Sequence[str | None]]) -> pa.RecordBatch:
    """One row per token contract.

    contracts: address, block_number, block_date.
    answers: for each contract, the returned hex data of ``CALLS``; None where the call failed.
    """
    said = [dict(zip(CALLS, row, strict=True)) for row in answers]
    supplies = [_number(row[TOTAL_SUPPLY]) for row in said]
    columns = {
        "address": [contract["address"] for contract in contracts],
        "symbol": [_text(row[SYMBOL], row[UPPER_SYMBOL]) for row in said],
        "name": [_text(row[NAME], row[UPPER_NAME]) for row in said],
        "decimals": [_first(_small_number(row[DECIMALS]), _small_number(row[UPPER_DECIMALS])) for row in said],
        "total_supply": [None if supply is None else str(supply) for supply in supplies],
        "block_number": [contract["block_number"] for contract in contracts],
        "block_date": [contract["block_date"] for contract in contracts],
    }
    return batch(TOKENS, columns)


def naming_batch(contracts: Sequence[dict[str, Any]], answers: Sequence[Sequence[str | None]]) -> pa.RecordBatch:
    """One row per contract that transferred tokens.

    contracts: address, block_number, block_date. answers: for each, the returned hex data of ``NAMING_CALLS``.
    """
    symbols, names, decimals = zip(*answers, strict=True) if answers else ((), (), ())
    columns = {name: [contract[name] for contract in contracts] for name in ("address", "block_number", "block_date")}
    columns |= {"symbol": list(map(_text, symbols)), "name": list(map(_text, names))}
    return batch(TRANSFERRED_TOKENS, columns | {"decimals": list(map(_small_number, decimals))})


def _text(*answers: str | None) -> str | None:
    """The first answer that reads as an ABI string, else as 32 bytes of text; NUL bytes are taken out."""
    found = _first(*map(_string, answers), *map(_bytes32, answers))
    return None if found is None else found.replace("\0", "")


def _string(answer: str | None) -> str | None:
    data = _data(answer)
    offset = _word(data, 0)
    length = None if offset is None else _word(data, offset)
    if offset is None or length is None:
        return None
    start, padded = offset + _WORD, -(-length // _WORD) * _WORD
    body = data[start : start + padded]
    if len(body) < padded or body[length:].strip(b"\0"):
        return None
    return _decoded(body[:length])


def _bytes32(answer: str | None) -> str | None:
    data = _data(answer)
    return _decoded(data[:_WORD]) if len(data) >= _WORD else None


def _decoded(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def _number(answer: str | None) -> int | None:
    return _word(_data(answer), 0)


def _small_number(answer: str | None) -> int | None:
    """A uint8: a larger number is not an answer to "how many decimals"."""
    number = _number(answer)
    return number if number is not None and number < 256 else None


def _word(data: bytes, at: int) -> int | None:
    word = data[at : at + _WORD]
    return int.from_bytes(word) if len(word) == _WORD else None


def _data(answer: str | None) -> bytes:
    return bytes.fromhex((answer or "0x").removeprefix("0x"))


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)
