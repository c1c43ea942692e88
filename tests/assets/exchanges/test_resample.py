"""Hours and days of minutes: exact, the same on every way there, nothing lost and nothing made up."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.exchanges.resample import DAY_MS, HOUR_MS, coarser, resampled
from resources.clients.exchanges.bars import MINUTE_MS, Bar
from tests.standins.exchanges import series

START = 1_704_067_200_000
PRICES = st.integers(1, 10**12).map(lambda number: Decimal(number).scaleb(-8))


@st.composite
def bars(draw):
    found = []
    for minute in sorted(draw(st.sets(st.integers(0, 1439), max_size=80))):
        four = sorted(draw(st.tuples(PRICES, PRICES, PRICES, PRICES)))
        quote = draw(st.none() | PRICES) if minute % 50 == 0 else draw(PRICES)
        found.append(Bar(START + minute * MINUTE_MS, four[1], four[3], four[0], four[2], draw(PRICES), quote, minute))
    return found


@settings(max_examples=60, deadline=None)
@given(bars())
def test_days_of_hours_are_days_of_minutes_and_nothing_is_lost(minutes):
    hours, days = resampled(minutes, HOUR_MS), resampled(minutes, DAY_MS)

    assert coarser(hours, DAY_MS) == days
    assert len(days) == bool(minutes)
    assert sum(bar.volume for bar in hours) == sum(bar.volume for bar in minutes)
    assert sum(bar.n_minutes for bar in hours) == len(minutes)
    assert all(bar.n_minutes for bar in hours)
    for day in days:
        assert day.high == max(bar.high for bar in minutes)
        assert day.low == min(bar.low for bar in minutes)
        assert day.open == minutes[0].open
        assert day.close == minutes[-1].close


def test_what_a_minute_does_not_tell_is_unknown_and_never_zero():
    one = Bar(START, *[Decimal(1)] * 5)
    (bar,) = resampled([one, Bar(START + MINUTE_MS, *[Decimal(1)] * 5, Decimal(1), 1)], HOUR_MS)

    assert bar.quote_volume is None
    assert bar.trades is None
    assert bar.vwap is None
    assert not bar.is_complete


def test_a_minute_off_the_grid_belongs_to_no_longer_bar():
    assert resampled([Bar(START + 20_799, *[Decimal(1)] * 5)], HOUR_MS) == []


@pytest.mark.parametrize("name", ["binance_usdm_LINKUSDT_1m", "binanceus_spot_BTCUSDT_1m", "thin_pair_BTC_1m"])
def test_recorded_days_resample_as_counted_by_hand(name):
    days, expected = series(name)
    for day, (_, minutes) in days.items():
        for step, label in ((HOUR_MS, "ohlcv_1h"), (DAY_MS, "ohlcv_1d")):
            wanted = expected[day][label]
            found = resampled(minutes, step)
            for bar, row in zip(found, wanted if isinstance(wanted, list) else [wanted], strict=True):
                assert (bar.open_ms, bar.n_minutes, bar.is_complete) == (row["t"], row["n_minutes"], row["is_complete"])
                for column in ("open", "high", "low", "close", "volume"):
                    assert getattr(bar, column) == Decimal(row[column])
                if "vwap" in row:
                    assert bar.quote_volume == Decimal(row["quote_volume"])
                    assert bar.trades == row["trades"]
                    assert float(bar.vwap) == pytest.approx(row["vwap"], rel=1e-12)
