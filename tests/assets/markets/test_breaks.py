"""Prices over days that no market made: coins cut or swapped, wrong figures, coins that end or leave the seed."""

import math
from datetime import timedelta
from decimal import Decimal

import pytest

from assets.markets import tracked
from assets.markets.models import markets_dimensions, markets_prices
from sandbox.markets.server import Fault
from sandbox.markets.world import Figures
from tests.standins.markets import DAY

ONE = timedelta(days=1)
DAYS = [DAY - back * ONE for back in reversed(range(12))]
COINS = ("bitcoin", "dogecoin", "ethereum")

pytestmark = pytest.mark.slow


def serve(markets, coin, prices, caps):
    """One price and capitalisation for each of the last days."""
    found = zip(DAYS[-len(prices) :], prices, caps, strict=True)
    markets.server.world.coins[coin].points = {
        day + ONE: Figures(Decimal(str(price)), Decimal(7), Decimal(str(cap))) for day, price, cap in found
    }


def failed(result):
    return {check.check_name for check in result.get_asset_check_evaluations() if not check.passed}


def returns(markets, coin):
    rows = markets.rows(
        "SELECT day, simple_return FROM markets.fct_returns_daily WHERE coin_id = %s ORDER BY day", coin
    )
    return [row["simple_return"] if row["simple_return"] is None else float(row["simple_return"]) for row in rows]


def built(markets):
    markets.build(markets_dimensions)
    return markets.build(markets_prices, DAYS[0], DAYS[-1])


def test_jumps_that_no_market_makes_are_no_returns_until_they_are_explained(markets, seed, caplog):
    # A wrong figure there and back, and a rise by two thirds that stays: the capitalisation follows both.
    serve(markets, "bitcoin", [100, 100, 100, 180, 101, 101, 101, 168, 168, 168, 168, 168],
          [1000, 1000, 1000, 1800, 1010, 1010, 1010, 1680, 1680, 1680, 1680, 1680])  # fmt: skip
    # Three zeros are cut from it: the capitalisation stays.
    serve(markets, "dogecoin", [0.1] * 6 + [0.0001] * 6, [1000] * 12)
    # Another coin has its id now.
    serve(markets, "ethereum", [10] * 9 + [500] * 3, [10_000] * 9 + [500_000] * 3)
    markets.run("key:raw/markets/market_daily", DAYS[0], DAYS[-1])
    result = built(markets)
    assert failed(result) == {"jumps_are_entered"}
    assert "The price of dogecoin on 2023-12-28 is 0.0001 after 0.1, which no market makes" in caplog.text
    bitcoin = returns(markets, "bitcoin")
    assert [at for at, value in enumerate(bitcoin) if value is None] == [0, 3, 4]
    assert bitcoin[7] == pytest.approx(168 / 101 - 1)
    assert [at for at, value in enumerate(returns(markets, "dogecoin")) if value is None] == [0, 6]
    assert [at for at, value in enumerate(returns(markets, "ethereum")) if value is None] == [0, 9]
    weeks = markets.rows(
        "SELECT day FROM markets.fct_volatility_daily WHERE coin_id = 'dogecoin' AND volatility_7d IS NULL"
    )
    assert {row["day"] for row in weeks} == set(DAYS)  # no seven days without the break

    breaks = seed.with_name("price_breaks.csv")
    breaks.write_text(f"{breaks.read_text()}dogecoin,{DAYS[6]},0.001\nethereum,{DAYS[9]},1\n")
    caplog.clear()
    built(markets)
    assert "dogecoin" not in caplog.text
    assert returns(markets, "dogecoin")[6] == pytest.approx(0)
    assert returns(markets, "ethereum")[9] == pytest.approx(49)
    (week,) = markets.rows(
        "SELECT volatility_7d FROM markets.fct_volatility_daily WHERE coin_id = 'dogecoin' AND day = %s", DAY
    )
    assert week["volatility_7d"] == pytest.approx(0)


def shares(markets):
    found = markets.rows("SELECT coin_id, day, tracked_dominance FROM markets.fct_dominance_daily")
    return {(row["coin_id"], row["day"]): float(row["tracked_dominance"]) for row in found}


def test_a_coin_that_ends_keeps_its_days_and_holds_up_nobody(markets, seed, monkeypatch):
    last = DAY - ONE
    for coin in COINS:
        serve(markets, coin, [10] * 12, [1000] * 12)
    markets.at(last).run("key:raw/markets/market_daily", DAYS[0], last)
    markets.build(markets_dimensions)
    markets.build(markets_prices, DAYS[0], last)
    before = shares(markets)
    assert list(before.values()) == pytest.approx([1 / 3] * 33)

    # Its chart is refused from now on: the others have their closes, and theirs alone are shares of nothing known.
    markets.server.faults.append(Fault("coins/dogecoin/market_chart", 404, {"error": "coin not found"}, times=99))
    markets.at(DAY).run("key:raw/markets/market_daily", DAY)
    found = markets.rows("SELECT coin_id FROM raw.market_daily WHERE price_date = %s ORDER BY coin_id", DAY)
    assert [row["coin_id"] for row in found] == ["bitcoin", "ethereum"]

    # With its last day entered it is neither asked for nor expected.
    seed.write_text(seed.read_text().replace("2013-12-15,", f"2013-12-15,{last}"))
    monkeypatch.setattr(tracked, "SEED", seed)
    tracked.tracked.cache_clear()
    markets.server.requests.clear()
    try:
        result = markets.run_job("markets_prices_job", str(DAY))
    finally:
        tracked.tracked.cache_clear()
    assert not [request for request in markets.server.requests if "dogecoin" in request.path]
    assert failed(result) == set()
    halves = {("bitcoin", DAY): pytest.approx(1 / 2), ("ethereum", DAY): pytest.approx(1 / 2)}
    assert shares(markets) == before | halves

    # Deleted instead, all that is known of it stays, and is found to have no row.
    seed.write_text("".join(line for line in seed.open() if not line.startswith("dogecoin")))
    markets.build(markets_dimensions)
    result = markets.build(markets_prices, DAYS[0], DAY)
    assert any(name.startswith("relationships_fct_prices_daily_coin_id") for name in failed(result))
    assert shares(markets) == before | halves
    assert math.isclose(sum(shares(markets).values()), len(DAYS))


def test_closes_stamped_beside_their_midnight_are_built_and_those_of_another_hour_are_not(markets):
    """CoinGecko samples its daily series: a point some seconds off is the close all the same, under its own stamp."""
    markets.run("key:raw/markets/market_daily", DAY)

    def stamped(coin, seconds):
        with markets.database.transaction() as connection:
            connection.execute(
                "UPDATE raw.market_daily SET observed_at = (price_date + 1)::timestamp AT TIME ZONE 'UTC' "
                "+ %s * interval '1 second' WHERE coin_id = %s",
                [seconds, coin],
            )

    stamped("bitcoin", 12.5)
    stamped("dogecoin", -299)
    markets.build(markets_dimensions)
    assert failed(markets.build(markets_prices, DAY)) == set()
    assert {(row["coin_id"], row["day"]) for row in markets.table("markets.fct_prices_daily")} >= {
        (coin, DAY) for coin in COINS
    }
    stamped("ethereum", 3_559)
    result = markets.build(markets_prices, DAY, expect_success=False)
    assert "closes_are_of_their_day" in failed(result)
