"""Values as Arrow arrays of a declared column, exactly or not at all: from lists, and from the hex text of nodes."""

import binascii
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.tables import LARGEST_DECIMAL, Column, ColumnType

_DECIMAL = pa.decimal128(38, 0)
_UNSIGNED_BYTES, _DECIMAL_BYTES = 8, 16
_NO_END = 2**31 - 1


def array(column: Column, values: Sequence[Any]) -> pa.Array:
    """A list of values as the column's Arrow type.

    Raises:
        ValueError: when a value is missing where none may be, or does not fit.
    """
    if not column.nullable and None in values:
        raise ValueError(f"{column.name} is missing")
    if column.type is ColumnType.DECIMAL:
        return _decimals(values)
    try:
        return pa.array(values, column.arrow_field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, TypeError) as error:
        raise ValueError(str(error)) from error


def quantities(column: Column, texts: pa.StringArray) -> pa.Array:
    """Whole numbers, given as hex text with ``0x``, as the column's type.

    Raises:
        ValueError: when a text is no such number, or does not fit.
    """
    if not pc.all(pc.starts_with(texts, "0x"), min_count=0).as_py():
        raise ValueError("not hex text with 0x")
    lengths = pc.min_max(pc.binary_length(texts)).as_py()
    shortest, longest = ((lengths[end] or len("0x0")) - len("0x") for end in ("min", "max"))
    if longest <= 2 * _UNSIGNED_BYTES:
        try:
            # Through unsigned numbers: as signed ones, 0xffffffffffffffff would be read as -1.
            return pc.cast(pc.cast(texts, pa.uint64()), column.arrow_field.type)
        except pa.ArrowInvalid:
            pass  # wrong, or too large for the column
    if column.type is ColumnType.DECIMAL and shortest > 0 and longest <= 2 * _DECIMAL_BYTES:
        return decimals(_without_prefix(texts))
    return array(column, [None if text is None else int(text, 16) for text in texts.to_pylist()])


def digits(texts: pa.StringArray) -> pa.StringArray:
    """Hex texts without their 0x.

    Raises:
        ValueError: when one begins otherwise, or is missing.
    """
    if texts.null_count or not pc.all(pc.starts_with(texts, "0x"), min_count=0).as_py():
        raise ValueError("not hex text with 0x")
    return _without_prefix(texts)


def _without_prefix(texts: pa.StringArray) -> pa.StringArray:
    # Without an end, pyarrow 26 miscounts the bytes of arrays that are parts of others.
    return pc.binary_slice(texts.cast(pa.binary()), len("0x"), _NO_END).cast(pa.string())


def decimals(texts: pa.StringArray) -> pa.Decimal128Array:
    """Hex digits of up to 16 bytes, without their 0x, as decimals: all texts made bytes at once."""
    padded = pc.ascii_lpad(texts.fill_null(""), 2 * _DECIMAL_BYTES, "0")
    start = padded.offset * 2 * _DECIMAL_BYTES
    text = padded.buffers()[2][start : start + len(padded) * 2 * _DECIMAL_BYTES]
    big_endian = np.frombuffer(binascii.unhexlify(text), np.uint8).reshape(-1, _DECIMAL_BYTES)
    little_endian = np.ascontiguousarray(big_endian[:, ::-1])
    largest = little_endian.view("<u8")[:, 1].max(initial=0)
    if largest >= LARGEST_DECIMAL >> 64:
        return _decimals([None if text is None else int(text, 16) for text in texts.to_pylist()])
    validity = texts.is_valid().buffers()[1] if texts.null_count else None
    return pa.Array.from_buffers(_DECIMAL, len(texts), [validity, pa.py_buffer(little_endian)])


def _decimals(values: Sequence[int | None]) -> pa.Decimal128Array:
    """Whole numbers as decimal128: their bytes side by side, several times faster than value by value."""
    validity = None
    numbers: Sequence[Any] = values
    if None in values:
        validity = pa.array([value is not None for value in values], pa.bool_()).buffers()[1]
        numbers = [value or 0 for value in values]
    if numbers and not -LARGEST_DECIMAL <= min(numbers) <= max(numbers) <= LARGEST_DECIMAL:
        raise ValueError("more than 38 digits")
    data = pa.py_buffer(b"".join([int(number).to_bytes(16, "little", signed=True) for number in numbers]))
    return pa.Array.from_buffers(_DECIMAL, len(values), [validity, data])
