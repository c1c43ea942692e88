"""Recursive length prefix: the encoding that Ethereum hashes. Only what headers, tries and transactions need."""

from collections.abc import Iterable

EMPTY, EMPTY_LIST = b"\x80", b"\xc0"
_SHORT = [bytes((0x80 + length,)) for length in range(56)]
_SHORT_LIST = [bytes((0xC0 + length,)) for length in range(56)]
_BYTES = [bytes((value,)) for value in range(256)]


def string(data: bytes) -> bytes:
    """A byte string."""
    length = len(data)
    if length == 1 and data[0] < 0x80:
        return data
    if length < 56:
        return _SHORT[length] + data
    size = length.to_bytes((length.bit_length() + 7) >> 3)
    return _BYTES[0xB7 + len(size)] + size + data


def integer(number: int) -> bytes:
    """A number: its bytes without leading zeros."""
    if number < 0x80:
        return _BYTES[number] if number else EMPTY
    data = number.to_bytes((number.bit_length() + 7) >> 3)
    return _SHORT[len(data)] + data


def text(hex_text: str) -> bytes:
    """A byte string given as hex with ``0x``."""
    return string(bytes.fromhex(hex_text[2:]))


def quantity(hex_text: str) -> bytes:
    """A number given as hex with ``0x``."""
    return integer(int(hex_text, 16))


def concatenated(items: Iterable[bytes]) -> bytes:
    """A list of items that are encoded already."""
    payload = b"".join(items)
    length = len(payload)
    if length < 56:
        return _SHORT_LIST[length] + payload
    size = length.to_bytes((length.bit_length() + 7) >> 3)
    return _BYTES[0xF7 + len(size)] + size + payload
