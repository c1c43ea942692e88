"""A day in pages: whatever an exchange does at their edges, each minute it has comes once, and no other."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidAnswer
from resources.clients.exchanges.bars import DAY_MS, MINUTE_MS, Bar
from resources.clients.exchanges.columns import Bars
from resources.clients.exchanges.fetching import fetch_day

START = 1_704_067_200_000
LATER = START + 2 * DAY_MS


def bar(at, close="1", **more):
    return Bar(at, Decimal(1), Decimal(2), Decimal(1), Decimal(close), Decimal(1), **more)


def server(missing=(), *, cap=10_000, short=0, first=True, last=True, newest=False):
    """An exchange by its habits. cap: most rows. first, last: whether a page's ends belong to it."""

    def ask(since, until, limit):
        since, until = since + (not first), until - (MINUTE_MS * (not last))
        grid = range(-(-since // MINUTE_MS) * MINUTE_MS, until + 1, MINUTE_MS)
        have = [at for at in grid if (at - START) // MINUTE_MS not in missing]
        size = max(0, min(limit, cap) - short)
        return Bars.of(bar(at) for at in (have[len(have) - size :] if newest and size < len(have) else have[:size]))

    return ask


def minutes(found):
    return [(bar.open_ms - START) // MINUTE_MS for bar in found.bars]


@pytest.mark.parametrize(
    "habit",
    [
        {},
        {"short": 1},
        {"cap": 99},
        {"first": False},
        {"last": False},
        {"newest": True, "cap": 400},
        {"cap": 500, "short": 1, "last": False},
    ],
    ids=str,
)
def test_no_habit_at_the_edges_loses_or_repeats_a_minute(habit):
    found = fetch_day(server(**habit), START, LATER, 1000)

    assert minutes(found) == list(range(1440))
    assert found.confirmed


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 1000), st.sets(st.integers(0, 1439), max_size=60), st.integers(0, 1300))
def test_any_page_size_and_any_gaps_give_the_same(page, missing, hole):
    missing |= set(range(hole, hole + 10))

    found = fetch_day(server(missing), START, LATER, page)

    assert minutes(found) == [minute for minute in range(1440) if minute not in missing]
    assert found.confirmed


def test_a_gap_of_ten_never_looks_like_a_whole_day():
    found = fetch_day(server(range(995, 1005)), START, LATER)

    assert len(found.bars) == len(set(minutes(found))) == 1430


def test_a_whole_day_takes_two_requests_closed_at_both_ends():
    asked = []
    fetch_day(lambda since, until, limit: asked.append((since, until)) or server()(since, until, limit), START, LATER)

    assert asked == [(START, START + 1000 * MINUTE_MS - 1), (START + 1000 * MINUTE_MS, START + DAY_MS - 1)]


def test_unfinished_bars_are_dropped_whether_the_exchange_sends_them_or_not():
    now = START + 10 * MINUTE_MS + 30_000

    def ask(since, until, limit):
        return server()(since, min(until, now), limit)

    found = fetch_day(ask, START, now)

    assert minutes(found) == list(range(10))
    assert found.unfinished_dropped == 1
    assert not found.confirmed


def test_a_bar_that_changes_because_it_is_not_over_is_no_conflict():
    now, asked = START + 10 * MINUTE_MS + 30_000, []

    def ask(since, until, limit):
        asked.append(since)
        rows = server()(since, min(until, now), limit)
        return Bars.of(
            bar(one.open_ms, close="1.5") if one.open_ms > now - MINUTE_MS and asked[1:] else one for one in rows
        )

    found = fetch_day(ask, START, now, page=7)

    assert minutes(found) == list(range(10))
    assert len(asked) > 1
    assert found.unfinished_dropped == 1


def test_rows_out_of_order_or_twice_count_once_and_conflicting_ones_fail():
    def shuffled(since, until, limit):
        rows = list(server()(since, until, limit))
        return Bars.of([*rows[::-1], *rows[:5]])

    found = fetch_day(shuffled, START, LATER)
    assert minutes(found) == list(range(1440))
    assert found.repeated == 10

    with pytest.raises(InvalidAnswer, match="two different bars"):
        fetch_day(lambda *a: Bars.of([*server()(*a), bar(START, close="2")]), START, LATER)


def test_rows_beyond_a_page_are_counted_and_not_taken():
    found = fetch_day(lambda *a: Bars.of([*server()(*a), bar(START + 5 * DAY_MS)]), START, LATER)

    assert minutes(found) == list(range(1440))
    assert found.outside == 2


def test_an_answer_without_an_end_ends():
    with pytest.raises(InvalidAnswer, match="did not make up one day"):
        fetch_day(server(cap=2), START, LATER, 1000)


def test_a_day_off_the_minute_is_refused():
    with pytest.raises(ValueError, match="off the minute"):
        fetch_day(server(), START + 1, LATER)


def test_bars_off_the_minute_are_kept_as_they_came():
    def moved(since, until, limit):
        rows = [bar(START + minute * MINUTE_MS + (20_799 if minute < 30 else 0)) for minute in range(1440)]
        return Bars.of([row for row in rows if since <= row.open_ms <= until][:limit])

    found = fetch_day(moved, START, LATER)

    assert len(found.bars) == 1440
    assert sum(not bar.on_grid for bar in found.bars) == 30
