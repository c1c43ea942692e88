"""Every minute has one of seven words, and none is left over."""

import itertools
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.exchanges.minutes import GAP_CLASSES, STATUSES, Neighbours, SymbolFacts, account, floored
from resources.clients.exchanges.bars import DAY_MS, MINUTE_MS, Bar
from resources.clients.exchanges.columns import NONE, Bars
from tests.standins.exchanges import recorded, series

START = 1_704_067_200_000
ONE = Decimal(1)


def at(minute):
    return START + minute * MINUTE_MS


def bars(minutes, volume=ONE, offset=0):
    return Bars.of(Bar(at(minute) + offset, ONE, ONE, ONE, ONE, volume) for minute in minutes)


DAY = range(1440)
ALL = Neighbours.of([bars(DAY)] * 5)


def told(found, facts, empty="zero_bar", neighbours=ALL):
    return account(START, found, facts, empty, neighbours)


@settings(max_examples=60, deadline=None)
@given(
    st.sets(st.integers(0, 1439)),
    st.booleans(),
    st.tuples(st.none() | st.integers(0, 1440), st.none() | st.integers(0, 1440)),
    st.tuples(st.sets(st.integers(0, 1439), max_size=50), st.sets(st.integers(0, 1439))),
    st.sampled_from(["absent", "zero_bar"]),
)
def test_minutes_and_gaps_make_up_the_day(present, confirmed, life, others, empty):
    (listed, delisted), (other, neighbours) = life, others
    facts = SymbolFacts(
        confirmed,
        None if listed is None else at(listed),
        None if delisted is None else at(delisted),
        frozenset(map(at, other)),
        frozenset(map(at, range(0, 1440, 7))),
    )
    found = account(START, bars(present), facts, empty, Neighbours.of([bars(neighbours)] * 4))

    missing = [minute for gap in found.gaps for minute in range(gap.first_ms, gap.last_ms + 1, MINUTE_MS)]
    assert sum(found.minutes.values()) == 1440
    assert set(found.minutes) == set(STATUSES)
    assert sorted(missing) == [at(minute) for minute in DAY if minute not in present]
    assert found.present == len(present)
    assert all(gap.gap_class in GAP_CLASSES and gap.status in STATUSES and gap.reason for gap in found.gaps)
    assert all(one.last_ms < two.first_ms for one, two in zip(found.gaps, found.gaps[1:], strict=False))


def test_each_explanation():
    hole = [minute for minute in DAY if not 600 <= minute < 610]
    facts = SymbolFacts(confirmed=True)
    silence = Neighbours.of([bars(hole)] * 5)

    def only(found):
        (gap,) = found.gaps
        return gap.gap_class, gap.status, gap.minutes

    assert only(told(bars(hole), facts, neighbours=silence)) == ("source_gap", "outage", 10)
    assert only(told(bars(hole), facts, "absent", silence)) == ("source_gap", "outage", 10)
    assert only(told(bars(hole), facts, "absent")) == ("no_trade", "no_trade", 10)
    assert only(told(bars(hole), facts)) == ("source_gap", "outage", 10)
    assert only(told(bars(hole), replace(facts, confirmed=False))) == ("unfetched", "unavailable", 10)
    vendor = replace(facts, other_vendor=frozenset(map(at, DAY)))
    assert only(told(bars(hole), vendor)) == ("source_gap", "unavailable", 10)
    assert only(told(bars(range(720)), replace(facts, delisted_ms=at(720)))) == (
        "after_delisting",
        "after_delisting",
        720,
    )
    assert only(told(bars(range(720, 1440)), replace(facts, listed_ms=at(720)))) == (
        "before_listing",
        "before_listing",
        720,
    )
    late = bars(range(600, 610), offset=20_799)
    assert only(told(Bars.joined([bars(hole), late]), facts)) == ("off_grid", "unavailable", 10)


def test_symbols_without_any_bar_say_nothing_of_the_exchange():
    hole = bars([minute for minute in DAY if minute != 600])

    def reason(neighbours):
        (gap,) = told(hole, SymbolFacts(confirmed=True), neighbours=Neighbours.of(neighbours)).gaps
        return gap.reason

    assert "too few" in reason([hole, NONE, NONE, NONE, NONE])
    assert "no symbol" in reason([hole] * 4)
    assert "others of the exchange do not" in reason([hole, *[bars(DAY)] * 3])


def test_present_minutes_are_traded_quiet_or_revised():
    found = told(
        Bars.joined([bars(range(1000)), bars(range(1000, 1440), Decimal(0))]),
        SymbolFacts(True, revised=frozenset({at(3)})),
    )

    assert (found.minutes["traded"], found.minutes["no_trade"], found.minutes["revised"]) == (999, 440, 1)
    assert not found.gaps
    assert found.completeness == 1


def test_a_gap_counts_against_the_day_until_it_was_looked_for_twice():
    hole = bars(range(1430))

    assert told(hole, SymbolFacts(False)).completeness == pytest.approx(1430 / 1440)
    assert told(hole, SymbolFacts(True)).completeness == 1


def test_bars_off_the_minute_are_moved_only_when_asked_and_never_onto_another():
    rows = Bars.joined([bars([5]), bars([5, 6], offset=20_799)])

    found, moved = floored(rows)

    assert [bar.open_ms - START for bar in found] == [
        5 * MINUTE_MS,
        5 * MINUTE_MS + 20_799,
        6 * MINUTE_MS,
    ]
    assert moved == 1


def test_known_gaps_are_one_interval_a_day_that_adjoin_at_midnight():
    for known in recorded("known_binance_gaps.json")["largest"]:
        first, last = (
            int(datetime.fromisoformat(f"{known[name]}:00+00:00").timestamp() * 1000)
            for name in ("first_missing_utc", "last_missing_utc")
        )
        found = []
        for start in range(first // DAY_MS * DAY_MS, last + 1, DAY_MS):
            there = [at for at in range(start, start + DAY_MS, MINUTE_MS) if not first <= at <= last]
            rows = Bars.of(Bar(at, ONE, ONE, ONE, ONE, ONE) for at in there)
            done = account(start, rows, SymbolFacts(confirmed=True), "zero_bar", Neighbours())
            assert done.completeness == 1
            found += done.gaps
        assert len(found) == last // DAY_MS - first // DAY_MS + 1
        assert (found[0].first_ms, found[-1].last_ms) == (first, last)
        assert sum(gap.minutes for gap in found) == known["minutes"]
        assert all(two.first_ms == one.last_ms + MINUTE_MS for one, two in itertools.pairwise(found))


@pytest.mark.parametrize("name", ["binance_usdm_LINKUSDT_1m", "binanceus_spot_BTCUSDT_1m", "thin_pair_BTC_1m"])
def test_recorded_days_have_the_gaps_that_were_counted_by_hand(name):
    days, expected = series(name)
    for day, (start, found) in days.items():
        done = account(start, Bars.of(found), SymbolFacts(confirmed=True), "absent", Neighbours())
        assert [(gap.first_ms, gap.last_ms, gap.minutes) for gap in done.gaps] == [
            (gap["first_missing"], gap["last_missing"], gap["minutes"]) for gap in expected[day]["gaps"]
        ]
        assert done.present == expected[day]["present_minutes"]
        assert done.completeness == 1
