"""What CoinGecko writes beside the rule: zeros and nulls for unknown, midnights some seconds late, corrections."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from assets.markets import extract
from core.errors import (
    DayIncomplete,
    HeadwaterError,
    InvalidAnswer,
    QuotaSpent,
    SourceInconsistent,
    SourceRefused,
    SourceUnavailable,
)

DAY = date(2024, 1, 2)
ONE = timedelta(days=1)
NOW = datetime(2024, 1, 3, 1, tzinfo=UTC)
MIDNIGHT = 1_704_240_000_000  # 2024-01-03 00:00


class Gecko:
    """Answers given beforehand; ``asked`` are the spans of the charts."""

    def __init__(self, charts=None, markets=(), total=Decimal(10), listed=()):
        self.charts, self.found, self.total, self.asked = charts or {}, list(markets), total, []
        self.listed = list(listed)
        self.http = SimpleNamespace(address=lambda path: path, requests=1)

    def market_chart(self, coin, currency, days):
        self.asked.append(days)
        if isinstance(self.charts[coin], Exception):
            raise self.charts[coin]
        return self.charts[coin]

    def coin_list(self):
        return self.listed

    def markets(self, coins, currency):
        return self.found

    def global_figures(self):
        return {"total_market_cap": {"usd": self.total}}


def chart(*points, caps=None, volumes=None):
    flat = [[stamp, 1000] for stamp, _ in points]
    return {"prices": [list(point) for point in points], "market_caps": caps or flat, "total_volumes": volumes or flat}


def fetched(charts, days=(DAY,), now=NOW):
    """Coin and day to row."""
    batches = extract.market_daily(Gecko(charts), list(charts), list(days), now)
    return {(row["coin_id"], row["price_date"]): row for _, batch in batches for row in batch.rows}


@pytest.mark.parametrize("zero", [0, Decimal("0.0"), Decimal("0E-8"), "0"])
@pytest.mark.parametrize(("series", "column"), [("market_caps", "market_cap"), ("total_volumes", "volume")])
def test_a_zero_beside_a_price_is_unknown(zero, series, column, caplog):
    found = chart((MIDNIGHT, 133)) | {series: [[MIDNIGHT, zero]]}
    row = fetched({"bitcoin": found})["bitcoin", DAY]
    assert row[column] is None
    assert row["price"] == 133
    assert "bitcoin" in caplog.text


@pytest.mark.parametrize("column", extract.NEVER_ZERO)
def test_a_snapshots_zeros_are_unknown(column):
    fields = {"market_cap": "market_cap", "volume": "total_volume"}
    entry = {"id": "bitcoin", "current_price": 133, "last_updated": "2024-01-03T00:59:30.000Z"}
    gecko = Gecko(markets=[entry | {fields.get(column, column): 0}])
    (row,) = extract.market_snapshot(gecko, ["bitcoin"]).rows
    assert row[column] is None


@pytest.mark.parametrize("total", [None, 0, Decimal("0.0"), -1, "-5"])
def test_an_unknown_total_of_the_market_is_asked_for_again(total):
    with pytest.raises(DayIncomplete, match="2024-01-02"):
        list(extract.global_daily(Gecko(total=total), [DAY], NOW))


@pytest.mark.parametrize("beside", [(), ((MIDNIGHT + 3_559_000, 133),), ((MIDNIGHT - 86_400_000, 121),)])
def test_a_close_of_yesterday_that_is_null_is_not_there_yet(beside):
    with pytest.raises(DayIncomplete, match="2024-01-02 for bitcoin"):
        fetched({"bitcoin": chart((MIDNIGHT, None), *beside)})


def test_an_older_close_may_stay_null():
    found = fetched({"bitcoin": chart((MIDNIGHT, None))}, now=NOW + 3 * ONE)
    assert found["bitcoin", DAY]["price"] is None


@pytest.mark.parametrize("off", [12_000, -2_000, 1, 299_000, -299_000])
def test_a_point_near_a_midnight_is_its_close(off):
    late = [[MIDNIGHT, 77]]  # one series is stamped unlike the others
    found = fetched({"bitcoin": chart((MIDNIGHT + off, 110), (MIDNIGHT + 3_559_000, 122), caps=late)})
    row = found["bitcoin", DAY]
    assert (row["price"], row["market_cap"], row["volume"]) == (110, 77, 1000)
    assert row["observed_at"] == datetime.fromtimestamp((MIDNIGHT + off) / 1000, tz=UTC)


def test_of_several_points_near_a_midnight_the_nearest_counts():
    found = fetched({"bitcoin": chart((MIDNIGHT - 9_000, 1), (MIDNIGHT + 4_000, 2), (MIDNIGHT + 15_000, 3))})
    assert found["bitcoin", DAY]["price"] == 2


def test_stamps_in_seconds_are_understood():
    assert fetched({"bitcoin": chart((MIDNIGHT // 1000, 5))})["bitcoin", DAY]["price"] == 5


def test_the_nightly_run_asks_for_the_days_that_the_models_build_anew():
    points = [(MIDNIGHT - back * 86_400_000, 146 + back) for back in range(6)]
    gecko = Gecko({"bitcoin": chart(*points)})
    ((key, batch),) = extract.market_daily(gecko, ["bitcoin"], [DAY], NOW)
    assert key == str(DAY)
    assert gecko.asked == [4]
    assert {row["price_date"]: row["price"] for row in batch.rows} == {
        DAY - back * ONE: 146 + back for back in range(4)
    }


def test_an_older_day_is_asked_for_alone_and_what_is_null_corrects_nothing():
    gecko = Gecko({"bitcoin": chart((MIDNIGHT, 1), (MIDNIGHT - 86_400_000, 2))})
    list(extract.market_daily(gecko, ["bitcoin"], [DAY], NOW + 10 * ONE))
    assert gecko.asked == [11]
    found = fetched({"bitcoin": chart((MIDNIGHT, 1), (MIDNIGHT - 86_400_000, None))})
    assert set(found) == {("bitcoin", DAY)}


POINTS = [
    7,
    [],
    None,
    "x",
    {},
    [1],
    [MIDNIGHT],
    [Decimal("1e30"), 1],
    [MIDNIGHT, "abc"],
    [MIDNIGHT, []],
    [MIDNIGHT, True],
]


@pytest.mark.parametrize("point", [*POINTS, [-1, 1], ["abc", 1], [None, 1], [MIDNIGHT, Decimal("1e2000")]])
@pytest.mark.parametrize("series", ["prices", "market_caps", "total_volumes"])
def test_what_is_no_point_is_told(point, series):
    with pytest.raises(InvalidAnswer, match=f"{series} of bitcoin"):
        fetched({"bitcoin": chart((MIDNIGHT, 1)) | {series: [point]}})


@pytest.mark.parametrize(
    "dogecoin",
    [
        [],
        [{"id": "dogecoin", "current_price": None, "last_updated": None}],
        [{"id": "dogecoin", "current_price": 1, "last_updated": None}],
        [{"id": "dogecoin", "current_price": None, "last_updated": "2024-01-03T00:59:30.000Z"}],
    ],
)
def test_one_coin_takes_no_others_figures_with_it(dogecoin, caplog):
    bitcoin = {"id": "bitcoin", "current_price": 133, "last_updated": "2024-01-03T00:59:30.000Z"}
    batch = extract.market_snapshot(Gecko(markets=[bitcoin, *dogecoin]), ["bitcoin", "dogecoin"])
    assert [row["coin_id"] for row in batch.rows] == ["bitcoin"]
    assert sum(batch.rejected.values()) == len(dogecoin)
    assert "dogecoin: check the ids in dbt_project/seeds" in caplog.text


@pytest.mark.parametrize("minutes", [0, 1, 4])
def test_right_after_midnight_the_point_of_this_moment_is_no_close(minutes):
    now = datetime(2024, 1, 3, 0, minutes, tzinfo=UTC)
    with pytest.raises(DayIncomplete, match="2024-01-02 for bitcoin"):
        fetched({"bitcoin": chart((MIDNIGHT + minutes * 60_000 - 41_000, 122))}, now=now)


def delivered(charts, days=(DAY,), now=NOW, **more):
    """The rows delivered before the failure, by coin and day, and the failure."""
    found, failure = {}, None
    try:
        for _, batch in extract.market_daily(Gecko(charts), list(charts), list(days), now, **more):
            found |= {(row["coin_id"], row["price_date"]): row for row in batch.rows}
    except HeadwaterError as error:
        failure = error
    return found, failure


GOOD = {"prices": [[MIDNIGHT, 133]], "market_caps": [[MIDNIGHT, 1000]], "total_volumes": [[MIDNIGHT, 10]]}
EMPTY = {"prices": [], "market_caps": [], "total_volumes": []}
ONLY_NULLS = chart((MIDNIGHT - 86_400_000, None), (MIDNIGHT, None))


@pytest.mark.parametrize("gone", [None, EMPTY, ONLY_NULLS])
@pytest.mark.parametrize("first", [True, False])
def test_a_coin_that_has_no_prices_any_more_is_named_and_the_others_go_on(gone, first, caplog):
    charts = {"dogecoin": gone, "bitcoin": GOOD} if first else {"bitcoin": GOOD, "dogecoin": gone}
    found, failure = delivered(charts)
    assert set(found) == {("bitcoin", DAY)}
    assert failure is None
    assert "no prices of dogecoin any more: check the ids in dbt_project/seeds" in caplog.text


@pytest.mark.parametrize(
    ("dogecoin", "error"),
    [
        (chart((MIDNIGHT - 86_400_000, 121), (MIDNIGHT, None)), DayIncomplete),
        (chart((MIDNIGHT - 86_400_000, 121)), DayIncomplete),
        (GOOD | {"prices": [7]}, InvalidAnswer),
        (InvalidAnswer("no chart"), InvalidAnswer),
        (SourceUnavailable("no usable answer"), SourceUnavailable),
    ],
)
def test_a_coin_that_fails_takes_no_others_close_with_it(dogecoin, error):
    found, failure = delivered({"dogecoin": dogecoin, "bitcoin": GOOD})
    assert (set(found) - {("dogecoin", DAY - ONE)}, type(failure)) == ({("bitcoin", DAY)}, error)


@pytest.mark.parametrize("error", [QuotaSpent("the month's credits are spent"), SourceRefused("no such key")])
def test_what_holds_for_all_coins_is_told_at_once_and_what_came_before_is_kept(error):
    gecko = Gecko({"bitcoin": GOOD, "dogecoin": error, "ethereum": error})
    batches = []
    with pytest.raises(type(error), match=str(error)):
        batches.extend(extract.market_daily(gecko, list(gecko.charts), [DAY], NOW))
    assert len(gecko.asked) == 2
    assert [row["coin_id"] for _, batch in batches for row in batch.rows] == ["bitcoin"]


def test_an_outage_is_given_up_at_the_second_coin():
    gecko = Gecko(dict.fromkeys("abcd", SourceUnavailable("no usable answer")))
    with pytest.raises(SourceUnavailable):
        list(extract.market_daily(gecko, list("abcd"), [DAY], NOW))
    assert len(gecko.asked) == 2


def test_coins_that_are_all_unknown_are_no_delisting():
    with pytest.raises(SourceRefused, match="none of bitcoin, dogecoin"):
        fetched({"bitcoin": None, "dogecoin": None})


def test_before_its_first_and_after_its_last_day_a_coin_is_neither_asked_for_nor_expected():
    ended = DAY - 2 * ONE
    gecko = Gecko({"bitcoin": GOOD, "dogecoin": chart((MIDNIGHT - 2 * 86_400_000, 1), (MIDNIGHT, 2))})

    def lives(coin, day):
        return coin == "bitcoin" or day <= ended

    ((_, batch),) = extract.market_daily(gecko, ["bitcoin", "dogecoin"], [DAY], NOW, lives)
    assert (len(gecko.asked), [row["coin_id"] for row in batch.rows]) == (1, ["bitcoin"])
    rows, failure = delivered(gecko.charts, days=[ended, DAY], lives=lives)
    # Of the days after its last nothing is taken, though the source still has points.
    assert set(rows) == {("bitcoin", DAY), ("dogecoin", ended)}
    assert failure is None
    assert not any(batch.rows for _, batch in extract.market_daily(gecko, ["dogecoin"], [DAY], NOW, lives))


def test_what_stays_unknown_is_given_up_by_name(caplog):
    """The last day of the look-back: after it nobody asks again."""
    last = MIDNIGHT - 3 * 86_400_000
    points = [(MIDNIGHT - back * 86_400_000, 100) for back in (2, 1, 0)]
    fetched({"bitcoin": chart((last, 5), *points, caps=[[last, 0], [MIDNIGHT, 7]]), "dogecoin": chart(*points)})
    told = [record.getMessage() for record in caplog.records if "still has no" in record.getMessage()]
    assert [text.split(".")[0] for text in told] == [
        "CoinGecko still has no market_cap of bitcoin on 2023-12-30",
        "CoinGecko still has no price and volume and market_cap of dogecoin on 2023-12-30",
    ]


COINS = [{"id": name, "symbol": name[:3], "name": name.title()} for name in ("bitcoin", "dogecoin", "ethereum")]


def listing(entries, known):
    return extract.coin_list(Gecko(listed=entries), known)


def test_a_full_list_says_what_is_gone():
    batch = listing(COINS[:2], {"bitcoin", "dogecoin", "ethereum"})
    assert [row["coin_id"] for row in batch.rows] == ["bitcoin", "dogecoin"]
    assert batch.complete_for == {}


@pytest.mark.parametrize(("known", "there"), [(3, 0), (3, 1), (0, 0), (100, 70), (20_000, 17_000), (20_000, 1)])
def test_a_list_cut_short_marks_nothing(known, there):
    entries = [{"id": f"coin-{at}", "symbol": "x", "name": "X"} for at in range(there)]
    with pytest.raises(SourceInconsistent, match="cut short"):
        listing(entries, {f"coin-{at}" for at in range(known)})


def test_an_entry_that_is_none_takes_no_other_with_it(caplog):
    bad = [{}, {"symbol": "x"}, {"id": 7}, {"id": ["a"]}, {"id": "odd", "symbol": {}, "name": "Odd"}]
    batch = listing([COINS[0], *bad, COINS[0], COINS[1]], set())
    assert [row["coin_id"] for row in batch.rows] == ["bitcoin", "dogecoin"]
    assert batch.rejected == {extract.UNREADABLE: 5, extract.TWICE: 1}
    assert "odd" in caplog.text


def test_what_a_list_calls_its_coins_is_one_line_of_the_log(caplog):
    listing([COINS[0], {"id": "odd\n2024-01-03 ERROR\x1b[31m all is lost", "symbol": {}}], set())
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("the list's entry odd 2024-01-03 ERROR [31m all is lost was left out: ")
    assert said.isprintable()


@pytest.mark.parametrize("broken", [{"symbol": 7}, {"name": ["Dogecoin"]}, {"name": "x" * 20_000}])
@pytest.mark.parametrize(("known", "marks"), [({"bitcoin"}, True), ({"bitcoin", "dogecoin"}, False)])
def test_a_coin_that_is_listed_but_cannot_be_read_is_not_gone(broken, known, marks, caplog):
    batch = listing([COINS[0], COINS[1] | broken], known)
    assert [row["coin_id"] for row in batch.rows] == ["bitcoin"]
    assert (batch.complete_for == {}) is marks
    assert ("no coin is marked as gone by this list" in caplog.text) is not marks
    # Given once more, and readable, it is one of the rows.
    assert listing([COINS[0], COINS[1] | broken, COINS[1]], known).complete_for == {}


@pytest.mark.parametrize("broken", [{"current_price": "abc"}, {"market_cap": {}}, {"last_updated": 7}])
def test_a_snapshot_that_cannot_be_read_takes_no_other_with_it(broken, caplog):
    good = {"current_price": 133, "last_updated": "2024-01-03T00:59:30.000Z"}
    entries = [{"id": "bitcoin"} | good, {"id": "dogecoin"} | good | broken]
    batch = extract.market_snapshot(Gecko(markets=entries), ["bitcoin", "dogecoin"])
    assert [row["coin_id"] for row in batch.rows] == ["bitcoin"]
    assert batch.rejected == {extract.UNREADABLE: 1}
    assert "raw.market_snapshot" in caplog.text
    with pytest.raises(InvalidAnswer):
        extract.market_snapshot(Gecko(markets=entries[1:]), ["dogecoin"])
