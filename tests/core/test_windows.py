from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.windows import DayWindow, day_of, end_of, start_of, windows

DAYS = st.dates(date(1970, 1, 1), date(2100, 1, 1))


@given(DAYS, st.integers(0, 86_399))
def test_every_second_belongs_to_exactly_one_half_open_day(day, second):
    moment = start_of(day) + second
    assert day_of(moment) == day
    assert start_of(day) <= moment < end_of(day)
    assert day_of(end_of(day)) != day


@given(st.sets(DAYS, max_size=20))
def test_windows_cover_exactly_the_days_with_the_fewest_windows(days):
    found = windows(days)
    assert [day for window in found for day in window] == sorted(days)
    assert all((b.first - a.last).days > 1 for a, b in pairwise(found))


def test_a_window_cannot_end_before_it_starts():
    with pytest.raises(ValueError, match="2024-01-01.*before it starts.*2024-01-02"):
        DayWindow(date(2024, 1, 2), date(2024, 1, 1))
