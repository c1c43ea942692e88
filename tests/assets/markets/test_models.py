"""The dbt models of the markets, built by Dagster on PostgreSQL."""

import math
import os
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from statistics import stdev

import pytest

from assets.markets.models import markets_chains, markets_dimensions, markets_network, markets_prices
from core.errors import SettingError
from resources.dbt import PROJECT_DIR
from resources.io_managers.postgres import PostgresIOManager
from sandbox.markets.server import Fault
from sandbox.markets.world import Figures
from tests.assets.markets.conftest import CHAINS
from tests.standins.markets import DAY, chain, sums_of

ONE = timedelta(days=1)
FIRST = DAY - 99 * ONE
GAP = DAY - 20 * ONE
DAYS = [FIRST + at * ONE for at in range(100)]
COINS = ("bitcoin", "dogecoin", "ethereum")

pytestmark = pytest.mark.slow


def close(coin, day):
    """A made-up close, different on each day."""
    at = (day - FIRST).days
    return Decimal(100 * (COINS.index(coin) + 1) + (at * 37) % 11 + at)


def expected_returns(coin, missing=()):
    known = {day: close(coin, day) for day in DAYS if day not in missing}
    return {
        day: math.log(known[day] / known[day - ONE]) if day in known and day - ONE in known else None for day in DAYS
    }


def expected_volatility(returns, day, size):
    window = [returns.get(day - at * ONE) for at in range(size)]
    return None if None in window else stdev(window) * math.sqrt(365)


@pytest.fixture
def history(markets):
    """A hundred days of closes; Dogecoin's of one day is not there yet."""
    for name, entry in markets.server.world.coins.items():
        entry.points = {
            day + ONE: Figures(close(name, day), Decimal(7), close(name, day) * 1000)
            for day in DAYS
            if (name, day) != ("dogecoin", GAP)
        }
    markets.run("key:raw/markets/market_daily", FIRST, DAY)
    markets.run("key:raw/markets/global_daily", DAY)
    return markets


def assert_volatility(markets, coin, returns):
    found = {row["day"]: row for row in markets.rows(
        "SELECT * FROM markets.fct_volatility_daily WHERE coin_id = %s", coin
    )}  # fmt: skip
    assert set(found) == set(DAYS)
    for day in DAYS:
        for size in (7, 30, 90):
            expected = expected_volatility(returns, day, size)
            assert found[day][f"volatility_{size}d"] == (expected and pytest.approx(expected)), (coin, day, size)


def test_gaps_are_null_and_a_late_day_fills_every_window(history):
    history.build(markets_dimensions)
    result = history.build(markets_prices, FIRST, DAY)
    assert all(check.passed for check in result.get_asset_check_evaluations())
    for coin in COINS:
        missing = [GAP] if coin == "dogecoin" else []
        returns = expected_returns(coin, missing)
        found = history.rows("SELECT day, log_return FROM markets.fct_returns_daily WHERE coin_id = %s", coin)
        assert {row["day"]: row["log_return"] and round(row["log_return"], 12) for row in found} == {
            day: value and round(value, 12) for day, value in returns.items() if day not in missing
        }
        assert_volatility(history, coin, returns)
    shares = history.rows(
        "SELECT day, sum(tracked_dominance) AS whole, count(global_dominance) AS known "
        "FROM markets.fct_dominance_daily GROUP BY day"
    )
    assert {row["day"] for row in shares if row["whole"] is None} == {GAP}
    assert all(abs(row["whole"] - 1) < Decimal("1e-9") for row in shares if row["day"] != GAP)
    assert {row["day"] for row in shares if row["known"]} == {DAY}

    late = Figures(close("dogecoin", GAP), Decimal(7), close("dogecoin", GAP) * 1000)
    history.server.world.coins["dogecoin"].points[GAP + ONE] = late
    history.run("key:raw/markets/market_daily", GAP)
    history.build(markets_prices, GAP)
    for coin in COINS:
        assert_volatility(history, coin, expected_returns(coin))
    tables = ["fct_prices_daily", "fct_returns_daily", "fct_volatility_daily", "fct_dominance_daily"]
    of_the_late_day = [history.table(f"markets.{name}") for name in tables]
    history.build(markets_prices, FIRST, DAY)
    assert [history.table(f"markets.{name}") for name in tables] == of_the_late_day


def test_a_failing_staging_test_stops_the_marts(history):
    history.build(markets_dimensions)
    history.build(markets_prices, FIRST, DAY)
    before = history.table("markets.fct_prices_daily")
    with history.database.transaction() as connection:
        connection.execute(
            "UPDATE raw.market_daily SET price = -1 WHERE coin_id = 'bitcoin' AND price_date = %s", [DAY]
        )
    result = history.build(markets_prices, DAY, expect_success=False)
    assert history.table("markets.fct_prices_daily") == before
    built = {event.asset_key.path[-1] for event in result.get_asset_materialization_events()}
    assert "stg_coingecko__daily" in built
    assert not {name for name in built if name.startswith("fct_")}
    failed = {check.check_name for check in result.get_asset_check_evaluations() if not check.passed}
    assert failed == {"price_above_zero"}


def test_prices_go_on_without_chains_and_chains_are_repaired_later(markets):
    """A source that is down fails its own assets only; what was not fetched is null, and filled in by a later run."""
    for entry in markets.server.world.coins.values():
        entry.points = {DAY + ONE: Figures(Decimal(10), Decimal(1), Decimal(1000)), DAY: None}
    markets.server.faults.append(Fault("/blockchair/", 503, times=10**6))
    markets.run_job("markets_prices_job", str(DAY))
    assert len(markets.table("markets.fct_prices_daily")) == 3
    for name in COINS:
        markets.run_job("markets_chains_job", f"{name}|{DAY}", expect_success=False)

    markets.server.faults.clear()
    markets.run(CHAINS, f"bitcoin|{DAY}")
    markets.run("key:raw/markets/blocks", f"ethereum|{DAY}")
    result = markets.run_job("markets_chain_models_job", str(DAY))
    failed = {check.check_name for check in result.get_asset_check_evaluations() if not check.passed}
    assert failed == {"usual_number_of_blocks"}  # a warning: the test's chains are short
    found = {row["chain"]: row for row in markets.table("markets.fct_chain_daily")}
    assert set(found) == {"bitcoin", "ethereum"}
    assert (found["bitcoin"]["blocks"], found["bitcoin"]["tx_count"]) == (150, 300)
    assert found["bitcoin"]["fees_usd"] == sums_of(300)["sum(fee_usd)"]
    assert found["bitcoin"]["fee_per_tx_native"] == Decimal("0.00001")
    assert found["ethereum"]["blocks"] == 70
    assert found["ethereum"]["tx_count"] is found["ethereum"]["fees_usd"] is None
    nvt = {row["chain"]: row["nvt"] for row in markets.table("markets.fct_network_value")}
    assert nvt == {"bitcoin": pytest.approx(Decimal(1000) / 30_000), "ethereum": None}

    markets.fetch_chains(DAY)
    markets.run_job("markets_chain_models_job", str(DAY))
    assert {row["chain"]: row["tx_count"] for row in markets.table("markets.fct_chain_daily")} == {
        "bitcoin": 300, "dogecoin": 120, "ethereum": 140,
    }  # fmt: skip


def test_a_missing_password_fails_early_and_by_name(database, monkeypatch):
    monkeypatch.delenv("POSTGRES_DBT_PASSWORD")
    with pytest.raises(SettingError, match="POSTGRES_DBT_PASSWORD is not set"):
        PostgresIOManager().postgres()
    dbt = str(Path(sys.executable).with_name("dbt"))
    done = subprocess.run(
        [dbt, "debug", "--target", "postgres", "--profiles-dir", str(PROJECT_DIR)],
        cwd=PROJECT_DIR,
        env={**os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "POSTGRES_DBT_PASSWORD" in done.stdout + done.stderr


def test_network_value_needs_neither_prices_nor_chains_to_have_been_built(markets):
    """On an empty database there are no rows; without prices the capitalisation is null, until a later run."""
    markets.build(markets_network, DAY)
    assert markets.table("markets.fct_network_value") == []

    markets.fetch_chains(DAY)
    markets.run_job("markets_chain_models_job", str(DAY))
    found = markets.table("markets.fct_network_value")
    assert [row["chain"] for row in found] == ["bitcoin", "dogecoin", "ethereum"]
    assert {(row["market_cap_usd"], row["nvt"]) for row in found} == {(None, None)}

    markets.run_job("markets_prices_job", str(DAY))
    markets.build(markets_network, DAY)
    assert None not in {row["nvt"] for row in markets.table("markets.fct_network_value")}


def test_a_day_of_which_only_a_neighbours_strays_are_loaded_was_not_fetched(markets):
    """Miners set their clocks: blocks between a day's heights carry a time of the day before, or after."""
    served = chain("bitcoin", 150, days=(DAY - ONE, DAY))
    of_day = [row for row in served.blocks if row["date"] == str(DAY)]
    for row, day in ((of_day[2], DAY - ONE), (of_day[-3], DAY + ONE)):
        row["date"], row["time"] = str(day), f"{day} {'23:59:50' if day < DAY else '00:00:10'}"
    markets.server.world.chains["bitcoin"] = served
    markets.run("key:raw/markets/blocks", f"bitcoin|{DAY}")
    markets.build(markets_dimensions)
    markets.build(markets_chains, DAY - ONE, DAY + ONE)
    found = markets.rows("SELECT day, blocks FROM markets.fct_chain_daily WHERE chain = 'bitcoin' ORDER BY day")
    assert found == [{"day": DAY, "blocks": 148}]

    markets.run("key:raw/markets/blocks", f"bitcoin|{DAY - ONE}")
    markets.build(markets_chains, DAY - ONE)
    found = markets.rows("SELECT day, blocks FROM markets.fct_chain_daily WHERE chain = 'bitcoin' ORDER BY day")
    assert found == [{"day": DAY - ONE, "blocks": 151}, {"day": DAY, "blocks": 148}]
