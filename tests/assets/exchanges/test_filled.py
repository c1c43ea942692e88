"""Reading a day with its quiet minutes filled in: marked, made of nothing but the close before, and never stored."""

from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.exchanges.filled import SCHEMA, filled
from assets.exchanges.minutes import DayAccount, Gap
from assets.exchanges.tables import OHLCV_1M
from assets.exchanges.transform import Explained, gap_rows, minute_rows
from resources.clients.exchanges.bars import MINUTE_MS, Bar
from resources.clients.exchanges.columns import Bars
from sandbox.exchanges.world import SAMPLE_START_MS

JOB, DAY = "ccxt.okx.spot.v7.3", date(2024, 1, 1)
PRICES, AMOUNTS = ("open", "high", "low", "close"), ("volume", "quote_volume", "trades")
STATUS = {"no_trade": "no_trade", "source_gap": "outage", "unfetched": "unavailable"}
COLUMNS = list(OHLCV_1M.arrow_schema.names)
# What the day's minutes are, as runs: bars, or missing for a reason.
RUNS = st.lists(st.tuples(st.sampled_from(["bar", *STATUS]), st.integers(1, 200)), max_size=12)


def day_of(runs, pair="A_B"):
    """A pair's rows of both tables, and what each minute is; what the runs leave over has bars."""
    kinds = [kind for kind, length in runs for _ in range(length)][:1440]
    kinds += ["bar"] * (1440 - len(kinds))
    at = [SAMPLE_START_MS + minute * MINUTE_MS for minute in range(1440)]
    bars = [price_bar(at[minute], minute) for minute, kind in enumerate(kinds) if kind == "bar"]
    edges = [minute for minute in range(1440) if minute == 0 or kinds[minute] != kinds[minute - 1]]
    gaps = [
        Gap(at[first], at[end - 1], kinds[first], STATUS[kinds[first]], "why")
        for first, end in zip(edges, [*edges[1:], 1440], strict=True)
        if kinds[first] != "bar"
    ]
    known = Bars.of(bars).known_at(pa.scalar(0, pa.timestamp("us", tz="UTC")).as_py())
    one = Explained(pair, known, DayAccount({}, tuple(gaps)), frozenset())
    return minute_rows(JOB, DAY, [one]), gap_rows(JOB, DAY, [one]), kinds


def price_bar(at, minute):
    close = Decimal(minute + 1).scaleb(-10)
    return Bar(at, close, close * 3, close, close * 2, Decimal(minute % 3), None, minute % 3, None)


@settings(max_examples=40, deadline=None)
@given(RUNS, st.sets(st.sampled_from([*STATUS])), st.none() | st.just(Decimal("0.5")))
def test_each_minute_is_the_stored_one_or_the_last_close_or_nothing(runs, classes, last_close):
    minutes, gaps, kinds = day_of(runs)
    before = minutes.to_pylist(), gaps.to_pylist()
    found = filled(minutes, gaps, JOB, DAY, classes=classes, last_closes={"A_B": last_close} if last_close else None)

    assert found.schema == SCHEMA
    assert found.column("timestamp").to_pylist() == [SAMPLE_START_MS + minute * MINUTE_MS for minute in range(1440)]
    assert (minutes.to_pylist(), gaps.to_pylist()) == before
    stored = found.filter(pc.is_null(found.column("gap_class")))
    assert stored.select(COLUMNS).to_pylist() == minutes.to_pylist()
    assert not any(stored.column("filled").to_pylist())

    close = last_close
    for row, kind in zip(found.to_pylist(), kinds, strict=True):
        if kind == "bar":
            close = row["close"]
            continue
        assert (row["gap_class"], row["status"]) == (kind, STATUS[kind])
        close = close if kind in classes else None
        assert row["filled"] == (close is not None)
        assert [row[name] for name in PRICES] == [close] * 4
        assert [row[name] for name in AMOUNTS] == [None if close is None else 0] * 3
        assert row["knowledge_timestamp"] is None


def test_by_default_only_quiet_minutes_are_filled_and_only_from_a_close_that_is_known():
    runs = [("no_trade", 2), ("bar", 1), ("no_trade", 3), ("unfetched", 4), ("no_trade", 5), ("bar", 1)]
    minutes, gaps, _ = day_of(runs)

    marks = filled(minutes, gaps, JOB, DAY).column("filled").to_pylist()
    assert [place for place, mark in enumerate(marks) if mark] == [3, 4, 5]
    marks = filled(minutes, gaps, JOB, DAY, last_closes={"A_B": Decimal(7)}).column("filled").to_pylist()
    assert [place for place, mark in enumerate(marks) if mark] == [0, 1, 3, 4, 5]


def test_each_pair_has_its_day_and_its_own_close():
    one, two = day_of([("bar", 1439), ("no_trade", 1)], "A_B"), day_of([("no_trade", 1440)], "C_D")
    minutes, gaps = (pa.concat_tables(parts) for parts in zip(two[:2], one[:2], strict=True))
    found = filled(minutes, gaps, JOB, DAY)

    assert found.column("currency_pair").to_pylist() == ["A_B"] * 1440 + ["C_D"] * 1440
    assert [place for place, mark in enumerate(found.column("filled").to_pylist()) if mark] == [1439]
    assert len(filled(minutes.slice(0, 0), gaps.slice(0, 0), JOB, DAY)) == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"classes": {"quiet"}}, "gap classes quiet: expected some of source_gap"),
        ({"last_closes": {"A_B": Decimal(0)}}, "of A_B: expected a Decimal above zero"),
        ({"last_closes": {"A_B": Decimal("NaN")}}, "of A_B"),
        ({"last_closes": {"A_B": 1.5}}, "last close 1.5 of A_B"),
    ],
)
def test_what_is_wrong_is_named(options, words):
    minutes, gaps, _ = day_of([])
    with pytest.raises(ValueError, match=words):
        filled(minutes, gaps, JOB, DAY, **options)
