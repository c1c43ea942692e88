"""Bars as columns are the bars row by row: the same values, refusals and hash, whatever the rows are."""

import hashlib
from dataclasses import replace
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidAnswer
from resources.clients.exchanges.bars import MINUTE_MS, Bar, bar_of_row
from resources.clients.exchanges.columns import NONE, Bars, bars_of_rows, distinct
from tests.standins.exchanges import recorded

START = 1_704_067_200_000
ODD = (
    *("0", "1", "100", "007.5", ".5", "5.", "1e2", "1E-7", "-1", "+1", "1_0", "", " 1", "NaN", "0.00000001", "1.10"),
    *("0.000000000000000001", "0.0000000000000000001", "99999999999999999999", "100000000000000000000", "1.2.3"),
    *(1, 2.5, True, None, "9" * 60, "1e999999999", "1e-999999999"),
)
NUMBERS = st.decimals(0, 10**6, places=8).map(lambda value: f"{value:f}") | st.sampled_from(ODD)
TIMES = st.integers(0, 3).map(lambda at: START + at * MINUTE_MS) | st.sampled_from(
    [f"{START}", START + 20_799, 7, -1, 2**63, "7", 1.5, True, None, f"{START * 1000}"]
)
COUNTS = st.integers(0, 99) | st.sampled_from(["5", -1, 10**16, None, 1.0, False])
SOUND = st.tuples(*[st.integers(1, 10**14)] * 4).map(lambda four: [str(Decimal(p).scaleb(-8)) for p in sorted(four)])


@st.composite
def rows(draw):
    found = []
    for at in range(draw(st.integers(1, 3))):
        low, opened, closed, high = draw(SOUND)
        row = [START + at * MINUTE_MS, opened, high, low, closed, draw(NUMBERS), START + MINUTE_MS, draw(NUMBERS), 3]
        found.append(row if draw(st.booleans()) else row[:6])
    at, place = draw(st.integers(0, len(found) - 1)), draw(st.integers(-3, 8))
    if 0 <= place < len(found[at]):
        found[at][place] = draw(TIMES if place in (0, 6) else COUNTS if place == 8 else NUMBERS)
    return found


def one_by_one(given):
    try:
        return Bars.of([bar_of_row(row, "test") for row in given])
    except InvalidAnswer as error:
        return str(error)


def at_once(given):
    try:
        return bars_of_rows(given, "test")
    except InvalidAnswer as error:
        return str(error)


@settings(max_examples=400, deadline=None)
@given(rows())
def test_rows_at_once_are_rows_one_by_one(given):
    assert at_once(given) == one_by_one(given)


def canonical(bar):
    """A bar's line as it was first written down: with nothing but Python's own formats."""

    def plain(value):
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text

    told = [bar.open, bar.high, bar.low, bar.close, bar.volume, bar.quote_volume]
    numbers = ["" if value is None else plain(value) for value in told]
    return ",".join([str(bar.open_ms), *numbers, "" if bar.trades is None else str(bar.trades)]) + "\n"


@settings(max_examples=200, deadline=None)
@given(rows())
def test_the_hash_is_that_of_the_lines_however_the_bars_were_read(given):
    found = at_once(given)
    if isinstance(found, Bars):
        again = Bars.read(pa.Table.from_batches([found.rows]).drop_columns(["line"]))
        lines = "".join(map(canonical, found))
        assert found.sha256 == again.sha256 == hashlib.sha256(lines.encode()).hexdigest()
        assert again == found


def test_recorded_rows_are_read_at_once_as_they_are_one_by_one():
    rows = recorded("klines_spot_BTCUSDT_10rows.json")

    assert bars_of_rows(rows, "recorded") == one_by_one(rows)
    assert len(bars_of_rows(rows, "recorded")) == 10


def one(at, close="1"):
    return Bar(START + at * MINUTE_MS, Decimal(1), Decimal(2), Decimal(1), Decimal(close), Decimal(1))


def test_bars_come_in_order_and_once_and_two_that_differ_are_named():
    found, repeated = distinct(Bars.of([one(2), one(0), one(1), one(0), one(2), one(2)]), "test")

    assert (list(found), repeated) == ([one(0), one(1), one(2)], 3)
    assert distinct(NONE, "test") == (NONE, 0)
    with pytest.raises(InvalidAnswer, match=f"test: two different bars open at {START + MINUTE_MS}: 1/2/1/1"):
        distinct(Bars.of([one(1), one(0), one(1, "1.5")]), "test")


def test_a_number_that_is_not_told_differs_from_one_that_is():
    told, untold = replace(one(0), trades=0, quote_volume=Decimal(0)), one(0)

    assert Bars.of([told, untold]).differing(Bars.of([untold, untold])).tolist() == [True, False]
    assert Bars.of([told, untold]).traded.all()
    assert not Bars.of([replace(told, volume=Decimal(0)), replace(untold, volume=Decimal(0))]).traded.any()
