from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.merging import Merged, content_hash

numbers = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**78), max_value=10**78)


@given(numbers, st.integers(0, 12))
def test_equal_numbers_hash_alike_however_they_are_written(number, zeros):
    sign, digits, exponent = number.as_tuple()
    longer = Decimal((sign, (*digits, *[0] * zeros), exponent - zeros))
    assert longer == number
    assert content_hash({"a": number}, ["a"]) == content_hash({"a": longer}, ["a"])


@given(st.integers(-(2**256), 2**256), st.integers(-(2**256), 2**256))
def test_numbers_of_any_size_hash_apart(one, other):
    assert (content_hash({"a": one}, ["a"]) == content_hash({"a": Decimal(other)}, ["a"])) == (one == other)


def test_unknown_is_not_zero():
    assert content_hash({"a": None}, ["a"]) != content_hash({"a": 0}, ["a"])


def test_a_float_is_refused_rather_than_rounded():
    with pytest.raises(TypeError, match="float"):
        content_hash({"a": 0.1}, ["a"])


def test_counts_add_up():
    total = Merged(1, 2, 3, 4, 5) + Merged(10, 20, 30, 40, 50)
    assert total == Merged(11, 22, 33, 44, 55)
    assert total.seen == 110
