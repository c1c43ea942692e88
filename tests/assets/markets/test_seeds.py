"""The seed of the coins followed: what is changed in the file arrives by a normal run, whatever was there before."""

import csv

import pytest

from assets.markets.models import markets_dimensions, markets_prices
from tests.standins.markets import DAY

pytestmark = pytest.mark.slow


def rewrite(file, change):
    with file.open(newline="") as lines:
        rows = [change(row) for row in csv.DictReader(lines)]
    with file.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_changed_rows_and_columns_arrive_with_the_next_run(markets, seed):
    markets.run("key:raw/markets/market_daily", DAY)
    markets.build(markets_dimensions)
    markets.build(markets_prices, DAY)
    before = markets.table("markets.dim_asset")
    prices = markets.table("markets.fct_prices_daily")
    assert {row["symbol"] for row in before} == {"BTC", "DOGE", "ETH"}

    rewrite(seed, lambda row: row | {"symbol": "XDG" if row["coin_id"] == "dogecoin" else row["symbol"]})
    markets.build(markets_dimensions)
    assert {row["symbol"] for row in markets.table("markets.dim_asset")} == {"BTC", "XDG", "ETH"}

    # One column more, one less, and one of another type: none of it fits the table that is there.
    rewrite(seed, lambda row: {name: row[name] for name in row if name != "name"} | {"algorithm": "none", "symbol": 7})
    markets.build(markets_dimensions)
    found = markets.table("markets.dim_asset")
    assert set(found[0]) == set(before[0]) - {"name"} | {"algorithm"}
    assert {(row["algorithm"], row["symbol"]) for row in found} == {("none", 7)}

    # And a row less, by the job of the schedule: what was built is there as before, and is found to have lost its row.
    seed.write_text("".join(line for line in seed.open() if not line.startswith("dogecoin")))
    result = markets.run_job("markets_prices_job", str(DAY))
    assert [row["coin_id"] for row in markets.table("markets.dim_asset")] == ["bitcoin", "ethereum"]
    assert markets.table("markets.fct_prices_daily") == prices
    failed = {check.check_name for check in result.get_asset_check_evaluations() if not check.passed}
    assert any(name.startswith("relationships_fct_prices_daily_coin_id") for name in failed), failed
