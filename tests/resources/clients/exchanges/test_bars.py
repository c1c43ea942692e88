"""Rows from outside become bars, exactly, or an error of ours."""

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidAnswer
from resources.clients.exchanges.bars import bar_of_row
from tests.standins.exchanges import recorded

ROW = [
    1634943780000,
    "60685.22000000",
    "60729.84",
    "60670.9",
    "60719.27",
    "21.63272",
    1634943839999,
    "1313200.0134",
    617,
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=70),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


def test_a_row_of_either_kind_is_read_exactly():
    long, short = bar_of_row(ROW, "test"), bar_of_row(ROW[:6], "test")

    assert long.open == Decimal("60685.22")
    assert long.quote_volume == Decimal("1313200.0134")
    assert long.trades == 617
    assert short.values[:5] == long.values[:5]
    assert short.quote_volume is None
    assert short.trades is None


@given(st.integers(0, 8), JSON)
def test_any_value_in_any_place_is_a_bar_or_our_error(place, value):
    row = [*ROW]
    row[place] = value
    with contextlib.suppress(InvalidAnswer):
        bar_of_row(row, "test")


@given(JSON)
def test_anything_instead_of_a_row_is_our_error(value):
    with pytest.raises(InvalidAnswer):
        bar_of_row(value if not isinstance(value, list) else value[:5], "test")


@pytest.mark.parametrize("bad", ["1e400", "1e-400", "NaN", "Infinity", "9" * 61, "1e25", "0", "-1", "1e-30"])
def test_numbers_that_no_price_can_be_are_refused(bad):
    with pytest.raises(InvalidAnswer):
        bar_of_row([ROW[0], bad, *ROW[2:]], "test")


def test_a_high_below_the_close_is_refused():
    with pytest.raises(InvalidAnswer, match="high or low"):
        bar_of_row([ROW[0], "5", "4", "3", "5", "1"], "test")


def test_recorded_klines_are_read():
    bars = [bar_of_row(row, "recorded") for row in recorded("klines_spot_BTCUSDT_10rows.json")]

    assert len(bars) == 10
    assert all(bar.on_grid and bar.close_ms == bar.open_ms + 59_999 for bar in bars)
