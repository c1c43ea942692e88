"""The seed of the coins followed: what is changed in the file arrives by a normal run, whatever was there before."""

import csv
import shlex
import shutil

import pytest

from assets.markets.models import markets_dimensions, markets_prices
from assets.markets.tracked import SEED
from resources.dbt import COMMAND, PROJECT_DIR, Dbt
from tests.standins.markets import DAY

pytestmark = pytest.mark.slow


@pytest.fixture
def seed(markets, tmp_path):
    """The seed's file in a copy of the project that the runs use."""
    project = tmp_path / "project"
    shutil.copytree(PROJECT_DIR, project, ignore=shutil.ignore_patterns("target", "logs"))
    # The assets name their project, so that the command itself has to go to the copy; what dbt remembers of parsing
    # is of the project's own place.
    command = tmp_path / "dbt"
    command.write_text(
        f'#!/bin/sh\ncd "{project}" || exit\nexport DBT_PARTIAL_PARSE=0\n'
        f'export DBT_PROJECT_DIR="{project}" DBT_PROFILES_DIR="{project}"\n'
        f'exec {shlex.join(COMMAND)} "$@"\n'
    )
    command.chmod(0o755)
    resources, dbt = markets.resources, Dbt(command=[str(command)])
    markets.resources = lambda: resources() | {"dbt": dbt}
    return project / SEED.relative_to(PROJECT_DIR)


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

    # And a row less, by the job of the schedule; what is built upon the seed is there as before.
    seed.write_text("".join(line for line in seed.open() if not line.startswith("dogecoin")))
    markets.run_job("markets_prices_job", str(DAY))
    assert [row["coin_id"] for row in markets.table("markets.dim_asset")] == ["bitcoin", "ethereum"]
    assert markets.table("markets.fct_prices_daily") == [row for row in prices if row["coin_id"] != "dogecoin"]
