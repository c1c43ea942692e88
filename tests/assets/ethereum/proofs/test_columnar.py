"""Whole columns are encoded as their items would be one by one, wherever in a larger array they stand."""

from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assets.ethereum.proofs import columnar, rlp

SIZES = st.sampled_from([0, 1, 2, 31, 32, 54, 55, 56, 57, 255, 256, 257, 65_535, 65_536])
PAYLOADS = st.lists(st.one_of(st.binary(max_size=3), SIZES.map(lambda size: b"\x7f" * size)), max_size=8)
NUMBERS = st.lists(st.one_of(st.integers(0, 300), st.integers(0, 2**63 - 1)), max_size=8)
WORDS = st.lists(st.lists(st.binary(min_size=32, max_size=32), max_size=4), max_size=6)


def _inside(values, type_):
    """The values as a part of a larger array."""
    around = [values[0]] if values else [None]
    return pa.array([*around, *values, *around], type_).slice(1, len(values))


def _hex(data):
    return "0x" + data.hex()


@given(PAYLOADS)
def test_strings_and_lists(items):
    column = _inside(items, pa.binary())
    assert columnar.joined(*columnar.strings(column)).to_pylist() == [rlp.string(item) for item in items]
    assert columnar.joined(*columnar.lists(column)).to_pylist() == [rlp.concatenated([item]) for item in items]
    assert columnar.unhexed(_inside([_hex(item) for item in items], pa.string())).to_pylist() == items


@given(NUMBERS)
@example([0, 1, 127, 128, 255, 256, 2**63 - 1])
def test_numbers(numbers):
    expected = [rlp.integer(number) for number in numbers]
    assert columnar.numbers(_inside(numbers, pa.int64())).to_pylist() == expected
    assert columnar.numbers(_inside(numbers, pa.decimal128(38, 0))).to_pylist() == expected


@given(st.lists(st.integers(0, 2**256 - 1), max_size=6))
def test_numbers_given_as_hex(numbers):
    texts = _inside([hex(number) for number in numbers], pa.string())
    assert columnar.hex_numbers(texts).to_pylist() == [rlp.integer(number) for number in numbers]


@given(WORDS)
def test_words(rows):
    texts = _inside([",".join(map(_hex, row)) for row in rows], pa.string())
    expected = [rlp.concatenated(map(rlp.string, row)) for row in rows]
    assert columnar.joined(*columnar.words(texts)).to_pylist() == expected


@given(PAYLOADS, st.data())
def test_groups(items, data):
    ends = sorted(data.draw(st.lists(st.integers(0, len(items)), max_size=4)))
    ends = [0, *ends, len(items)]
    expected = [b"".join(items[start:end]) for start, end in pairwise(ends)]
    assert columnar.grouped(_inside(items, pa.binary()), ends).to_pylist() == expected


A, B = "11" * 30 + "a022", "33" * 32


@pytest.mark.parametrize(
    "text",
    [
        f"0x{A}a0{B}",  # one word of 65 bytes: the prefix that two words would have stands inside it
        f"0x{A[:60]},0x22a0{B}",  # two words of other lengths that together give the same bytes
        f"0x{A},{B}",
        f"0x{A};0x{B}",
        f"{A},0x{B}",
        "0x",
        f"0x{A},",
    ],
)
def test_what_only_looks_like_words_is_refused(text):
    assert columnar.joined(*columnar.words(pa.array([f"0x{A},0x{B}"]))).to_pylist() == [
        rlp.concatenated(map(rlp.string, map(bytes.fromhex, (A, B))))
    ]
    with pytest.raises(ValueError, match=r"not 32 bytes each|Non-hexadecimal"):
        columnar.words(pa.array([text]))


@pytest.mark.parametrize("text", [None, "", "12", "0x1", "0xgg", "0x:a", "x0"])
def test_what_is_no_hex_is_refused(text):
    with pytest.raises(ValueError, match="hex"):
        columnar.unhexed(pa.array(["0x11", text]))


@pytest.mark.parametrize("number", [None, -1, -(2**63)])
def test_negative_and_missing_numbers_are_refused(number):
    for type_ in (pa.int64(), pa.decimal128(38, 0)):
        with pytest.raises(ValueError, match="a number is"):
            columnar.numbers(pa.array([1, number], type_))
