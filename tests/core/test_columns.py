"""Hex text becomes exactly the number it says, or an error."""

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.columns import array, quantities
from core.tables import Column, ColumnType

BIGINT = Column("b", ColumnType.BIGINT, "B.")
WEI = Column("w", ColumnType.DECIMAL, "W.")


def _texts(numbers):
    return pa.array(["0xff", *(None if number is None else hex(number) for number in numbers)]).slice(1)


@given(st.lists(st.one_of(st.none(), st.integers(0, 2**63 - 1))))
@example([2**63 - 1, 0])
def test_whole_numbers(numbers):
    assert quantities(BIGINT, _texts(numbers)).to_pylist() == numbers


@given(st.lists(st.one_of(st.none(), st.integers(0, 2**64), st.integers(0, 10**38 - 1))))
@example([10**38 - 1, 2**64, 2**64 - 1, 0, None])
def test_wide_numbers(numbers):
    found = quantities(WEI, _texts(numbers))
    assert [None if value is None else int(value) for value in found.to_pylist()] == numbers
    assert found.equals(array(WEI, numbers))


@pytest.mark.parametrize(("column", "number"), [(BIGINT, 2**63), (BIGINT, 2**64), (WEI, 10**38), (WEI, 2**255)])
def test_what_does_not_fit_is_an_error(column, number):
    with pytest.raises(ValueError):  # noqa: PT011 - the words are of whoever found it; the row is named above
        quantities(column, _texts([1, number]))


@pytest.mark.parametrize("text", ["12", "0x", "0xgg", "", "-0x1", "0x1.0"])
def test_what_is_no_hex_number_is_an_error(text):
    for column in (BIGINT, WEI):
        with pytest.raises(ValueError):  # noqa: PT011
            quantities(column, pa.array(["0x1", text]))
