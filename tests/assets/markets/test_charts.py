"""What CoinGecko writes beside the rule: zeros and nulls for unknown, midnights some seconds late, corrections."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from assets.markets import extract
from core.errors import DayIncomplete, InvalidAnswer

DAY = date(2024, 1, 2)
ONE = timedelta(days=1)
NOW = datetime(2024, 1, 3, 1, tzinfo=UTC)
MIDNIGHT = 1_704_240_000_000  # 2024-01-03 00:00


class Gecko:
    """Answers given beforehand; ``asked`` are the spans of the charts."""

    def __init__(self, charts=None, markets=(), total=Decimal(10)):
        self.charts, self.found, self.total, self.asked = charts or {}, list(markets), total, []
        self.http = SimpleNamespace(address=lambda path: path, requests=1)

    def market_chart(self, coin, currency, days):
        self.asked.append(days)
        return self.charts[coin]

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


@pytest.mark.parametrize("total", [None, 0, Decimal("0.0")])
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
