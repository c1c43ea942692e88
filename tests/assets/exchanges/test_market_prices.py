"""Our closes beside those of the room markets, read from the mart that its own models build."""

from datetime import date, timedelta
from decimal import Decimal

import dagster as dg
import pyarrow as pa
import pytest

from assets.exchanges.assets import LAKE_ASSETS, market_crosscheck
from assets.exchanges.checks import CHECKS
from assets.exchanges.crosscheck import market_limits
from assets.exchanges.market_prices import against_markets, prices_of
from assets.exchanges.partitions import partition_of
from assets.exchanges.resample import DAY_MS, LongBar
from assets.exchanges.tables import MARKET_CROSSCHECK, OHLCV_1D
from assets.markets.models import markets_dimensions, markets_prices
from core.errors import DayMissing
from core.frames import spooled
from core.partitions import PartitionAddress
from core.settings.exchanges import Exchanges
from core.windows import start_of
from resources.clients.lake.lake import Lake
from resources.clients.lake.store_of_uri import store_for
from resources.exchanges import ExchangesResource
from resources.io_managers.lake import LakeIOManager
from resources.io_managers.postgres import PostgresIOManager
from sandbox.markets.world import Figures
from tests.assets.markets.conftest import market_world, markets
from tests.standins.runs import failures

__all__ = ["market_world", "markets"]
FIRST, JOB = date(2024, 1, 2), "ccxt.binance.spot.v7"
ADDRESS = PartitionAddress.of(FIRST, {"job": JOB})
CLOSES = {"BTC_USDT": "100.5", "ETH_BUSD": "98", "DOGE_USDT": "10", "SOL_USDT": "7", "ETH_BTC": "0.05"}


@pytest.fixture
def mart(markets):
    """Built by the models of markets: Bitcoin and Ethereum at 100 at the midnight that ends the day, and far from it
    at the others; Dogecoin without a price there."""
    ends = FIRST + timedelta(days=1)
    for name, coin in markets.server.world.coins.items():
        coin.points = {day: figures(999) for day in (FIRST, ends + timedelta(days=1))}
        if name != "dogecoin":
            coin.points[ends] = figures(100)
    # It fails for Dogecoin, and what it has of the others is written.
    markets.run("key:raw/markets/market_daily or key:raw/markets/global_daily", FIRST, expect_success=False)
    markets.build(markets_dimensions)
    markets.build(markets_prices, FIRST)
    return markets.database


def figures(price):
    return Figures(Decimal(price), Decimal(7), Decimal(price) * 1000)


def test_without_the_mart_it_is_told(database):
    with pytest.raises(DayMissing, match="fct_prices_daily|dim_asset"):
        prices_of(database, FIRST)


def test_pairs_in_dollars_of_coins_that_are_followed_are_compared():
    four = [Decimal(1)] * 3
    bars = {
        pair: [LongBar(0, DAY_MS, *four, Decimal(close), Decimal(1), None, None, 1440)]
        for pair, close in CLOSES.items()
    }
    found = against_markets(
        bars, {"BTC": Decimal(100), "ETH": Decimal(100), "DOGE": None}, market_limits(Exchanges.read({}))
    )

    assert [(one.kind, one.pair, one.severity) for one in found] == [
        ("market_close", "BTC_USDT", "ok"),
        ("market_close", "ETH_BUSD", "warn"),
        ("market_close", "DOGE_USDT", "info"),
    ]


@pytest.mark.slow
def test_the_asset_reads_the_lake_and_the_marts_of_markets_and_warns(mart, home):
    assert prices_of(mart, FIRST) == {"BTC": Decimal(100), "ETH": Decimal(100), "DOGE": None}
    lake = Lake(store_for(str(home / "lake")))
    one, at = Decimal(1), start_of(FIRST) * 1000
    fixed = {"job": JOB, "day": FIRST, "timestamp": at, "open": one, "high": one, "low": one, "volume": one}
    rows = [
        fixed | {"currency_pair": pair, "close": Decimal(close), "n_minutes": 1440, "is_complete": True}
        for pair, close in CLOSES.items()
    ]
    tables = spooled(OHLCV_1D, pa.Table.from_pylist(rows, schema=OHLCV_1D.arrow_schema), [ADDRESS])
    lake.publish(OHLCV_1D, tables, tables.days[0], "run")
    result = dg.materialize(
        [*LAKE_ASSETS, market_crosscheck, *CHECKS],
        selection=dg.AssetSelection.assets(market_crosscheck),
        partition_key=partition_of(JOB, str(FIRST)),
        resources={"exchanges": ExchangesResource(), "lake": LakeIOManager(), "postgres": PostgresIOManager()},
        raise_on_error=False,
    )

    assert result.success, failures(result)
    (check,) = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed, check.severity) == ("markets_agree", False, dg.AssetCheckSeverity.WARN)
    found = lake.open(MARKET_CROSSCHECK, [ADDRESS]).table().to_pylist()
    assert {row["currency_pair"]: row["severity"] for row in found} == {
        "BTC_USDT": "ok",
        "ETH_BUSD": "warn",
        "DOGE_USDT": "info",
    }
    (event,) = result.get_asset_materialization_events()
    assert event.materialization.metadata["findings_warn"].value == 1
    read = {key.to_user_string() for key in market_crosscheck.dependency_keys}
    assert read >= {"marts/markets/dim_asset", "marts/markets/fct_prices_daily"}
