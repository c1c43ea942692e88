"""Recursive length prefix of whole columns at once: Arrow arrays in, Arrow arrays of bytes out.

What ``rlp`` does item by item, for the many small fields of transactions and logs. Prefixes and what they stand before
are pieces until everything of a row is joined: so each byte is copied once.
"""

import binascii
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.columns import digits

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Pieces: TypeAlias = tuple[pa.BinaryArray, pa.BinaryArray]

_WORD_BYTES = 32
# Payloads of fewer bytes have a prefix of one byte.
_SHORT = 56
# The most bytes of a length that is written out, after the byte that tells how many.
_LENGTH_BYTES = 4


def unhexed(texts: pa.StringArray) -> pa.BinaryArray:
    """The bytes of hex texts with ``0x``.

    Raises:
        ValueError: when one is something else.
    """
    ends, data = _parts(digits(texts))
    if np.any((ends - ends[0]) & 1):
        raise ValueError("an odd number of hex digits")
    return _array(binascii.unhexlify(data[ends[0] : ends[-1]].data), (ends - ends[0]) >> 1)


def strings(items: pa.BinaryArray) -> Pieces:
    """Each item as a byte string."""
    ends, data = _parts(items)
    lengths = np.diff(ends)
    bare = lengths == 1
    bare[bare] = data[ends[:-1][bare]] < 0x80  # a byte below 0x80 is its own encoding
    return _prefixes(lengths, 0x80, ~bare), items


def lists(payloads: pa.BinaryArray) -> Pieces:
    """Each payload, items that are encoded already, as a list."""
    ends, _ = _parts(payloads)
    return _prefixes(np.diff(ends), 0xC0, np.ones(len(payloads), bool)), payloads


def grouped(items: pa.BinaryArray, ends: Any) -> pa.BinaryArray:
    """Items one after the other, as many together as lie between two of ``ends`` (which begin with 0)."""
    own, data = _parts(items)
    return _array(data, own[np.asarray(ends)])


def joined(*pieces: pa.BinaryArray) -> pa.BinaryArray:
    """Row by row, one after the other."""
    return pc.binary_join_element_wise(*pieces, b"")


def spread(items: pa.BinaryArray, where: Any) -> pa.BinaryArray:
    """The items in the rows that are told, in order; nothing in the others."""
    ends, data = _parts(items)
    lengths = np.zeros(len(where), np.int64)
    lengths[where] = np.diff(ends)
    return _array(data[ends[0] : ends[-1]], np.concatenate(([0], np.cumsum(lengths))))


def single_bytes(values: Any, where: Any) -> pa.BinaryArray:
    """One byte in each row that is told, nothing in the others."""
    return _array(values[where].astype(np.uint8), np.concatenate(([0], np.cumsum(where))))


def numbers(values: pa.Array) -> pa.BinaryArray:
    """Whole numbers: int64 or decimal128 columns without negative values.

    Raises:
        ValueError: when one is missing or negative.
    """
    if values.null_count:
        raise ValueError("a number is missing")
    if pa.types.is_decimal(values.type):
        start = values.offset * 16
        raw = np.frombuffer(values.buffers()[1], np.uint8)[start : start + len(values) * 16]
        big_endian = raw.reshape(-1, 16)[:, ::-1]
    else:
        big_endian = values.to_numpy(zero_copy_only=False).astype(">i8").view(np.uint8).reshape(-1, 8)
    if np.any(big_endian[:, 0] & 0x80):
        raise ValueError("a number is negative")
    return _integers(big_endian)


def hex_numbers(texts: pa.StringArray) -> pa.BinaryArray:
    """Whole numbers of up to 32 bytes, given as hex with ``0x``.

    Raises:
        ValueError: when one is something else.
    """
    bare = digits(texts)
    width = -(-(pc.max(pc.binary_length(bare)).as_py() or 1) // 2)  # of the longest, in bytes
    if width > _WORD_BYTES:
        raise ValueError("a number of more than 32 bytes")
    ends, data = _parts(pc.ascii_lpad(bare, 2 * width, "0"))
    return _integers(np.frombuffer(binascii.unhexlify(data[ends[0] : ends[-1]].data), np.uint8).reshape(-1, width))


def addresses(texts: pa.StringArray) -> Pieces:
    """Addresses; one that is null or empty as the empty string."""
    return strings(unhexed(pc.fill_null(texts, "0x")))


def words(texts: pa.StringArray) -> Pieces:
    """Comma-joined 32-byte words, each list as RLP would hold it.

    Raises:
        ValueError: when a text is no such list.
    """
    if texts.null_count:
        raise ValueError("a list is missing")
    ends, data = _parts(texts)
    lengths, wide = np.diff(ends), 2 * _WORD_BYTES + 3  # with 0x and a comma
    counts = (lengths + 1) // wide
    wrong = (lengths + 1) % wide != 0
    wrong[lengths == 0] = False
    characters = data.copy()
    for at in range(counts.max(initial=0)):
        some = counts > at
        starts = ends[:-1][some] + at * wide
        wrong[some] |= (data[starts] != ord("0")) | (data[starts + 1] != ord("x"))
        if at:
            wrong[some] |= data[starts - 1] != ord(",")
        # In place of 0x the prefix of a word: what is left is the hex of the encoded list, but for the commas.
        characters[starts], characters[starts + 1] = ord("a"), ord("0")
    if wrong.any():
        raise ValueError("a list of words that are not 32 bytes each")
    characters = characters[ends[0] : ends[-1]]
    encoded = binascii.unhexlify(characters[characters != ord(",")])
    return lists(_array(encoded, np.concatenate(([0], np.cumsum(counts * (1 + _WORD_BYTES))))))


def _integers(big_endian: Bytes) -> pa.BinaryArray:
    """Numbers as rows of bytes: without leading zeros, prefixed unless they are a byte below 0x80."""
    count, width = big_endian.shape
    filled = big_endian != 0
    lengths = np.where(filled.any(axis=1), width - filled.argmax(axis=1), 0)
    cells = np.empty((count, width + 1), np.uint8)
    cells[:, 0] = 0x80 + lengths
    cells[:, 1:] = big_endian
    kept = np.arange(width + 1) > width - lengths[:, None]
    kept[:, 0] = (lengths != 1) | (big_endian[:, -1] >= 0x80)
    return _array(cells[kept], np.concatenate(([0], np.cumsum(kept.sum(axis=1)))))


def _prefixes(lengths: Any, base: int, where: Any) -> pa.BinaryArray:
    """What goes before payloads of some lengths; nothing in the rows that are not told."""
    if lengths.max(initial=0) < _SHORT:
        return single_bytes(base + lengths, where)
    sizes = np.zeros(len(lengths), np.int64)
    for size in range(1, _LENGTH_BYTES + 1):
        sizes[lengths >= (_SHORT if size == 1 else 1 << 8 * (size - 1))] = size
    cells = np.empty((len(lengths), 1 + _LENGTH_BYTES), np.uint8)
    cells[:, 0] = np.where(sizes == 0, base + lengths, base + _SHORT - 1 + sizes)
    cells[:, 1:] = lengths.astype(">u4").view(np.uint8).reshape(-1, _LENGTH_BYTES)
    kept = np.arange(1 + _LENGTH_BYTES) > _LENGTH_BYTES - sizes[:, None]
    kept[:, 0] = where
    return _array(cells[kept], np.concatenate(([0], np.cumsum(kept.sum(axis=1)))))


def _parts(items: pa.Array) -> tuple[Any, Bytes]:
    """Where the items begin and end, and the bytes they lie in."""
    if not len(items):
        return np.zeros(1, np.int32), np.zeros(0, np.uint8)
    _, offsets, data = items.buffers()
    ends = np.frombuffer(offsets, np.int32)[items.offset : items.offset + len(items) + 1]
    return ends, np.frombuffer(data or b"", np.uint8)


def _array(data: Any, ends: Any) -> pa.BinaryArray:
    offsets = pa.py_buffer(np.ascontiguousarray(ends, np.int32))
    return pa.Array.from_buffers(pa.binary(), len(ends) - 1, [None, offsets, pa.py_buffer(data)])
