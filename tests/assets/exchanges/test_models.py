"""The views of days and gaps on DuckDB, PostgreSQL and Redshift (its stand-in), by dbt's real adapters."""

from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest

from assets.exchanges.resample import DAY_MS
from assets.exchanges.tables import OHLCV_1D, OHLCV_GAPS, TABLES
from core.windows import DayWindow, start_of
from resources.clients.duckdb.warehouse import DuckDbWarehouse
from resources.clients.lake.s3_store import S3ObjectStore
from resources.clients.redshift.login import Login
from resources.clients.redshift.warehouse import Redshift, RedshiftAddress
from resources.io_managers.postgres_warehouse import PostgresWarehouseIOManager
from tests.dbt_project.engines import Engine

pytestmark = pytest.mark.xdist_group("dbt")
SPOT, DUMPS = "ccxt.binance.spot.v7", "binance.binance.spot.v7"
DAYS = [date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 4)]


def bar(job, day, pair, close, minutes=1440, **more):
    row = {"job": job, "day": day, "currency_pair": pair, "timestamp": start_of(day) * 1000, "n_minutes": minutes}
    row |= dict(zip(("open", "high", "low", "close"), map(Decimal, ("10", "99", "0.00000001", close)), strict=True))
    row |= {"volume": Decimal(3), "quote_volume": Decimal("33.3"), "trades": 7, "vwap": Decimal("11.1")}
    return row | {"is_complete": minutes * 60_000 == DAY_MS} | more


def gap(first, minutes, kind="source_gap", status="outage"):
    at = start_of(DAYS[1]) * 1000 + first * 60_000
    row = {"job": SPOT, "day": DAYS[1], "currency_pair": "ETH_BUSD", "first_missing": at, "minutes": minutes}
    row |= {"reason": "why"}
    return row | {"last_missing": at + (minutes - 1) * 60_000, "gap_class": kind, "status": status}


BARS = [
    *(bar(SPOT, day, "BTC_USDT", close) for day, close in zip(DAYS, ("10", "11", "12"), strict=True)),
    bar(SPOT, DAYS[1], "ETH_BUSD", "5", 1430, quote_volume=None, trades=None, vwap=None),
    bar(DUMPS, DAYS[1], "BTC_USDT", "11.5"),
]
GAPS = [
    gap(3, 4),
    gap(100, 6),
    gap(1439, 1, "unfetched", "unavailable"),
]


@pytest.fixture(params=["duckdb", "postgres", "redshift"])
def engine(request, tmp_path, monkeypatch):
    match request.param:
        case "duckdb":
            warehouse = DuckDbWarehouse(str(tmp_path / "warehouse.duckdb"))
        case "postgres":
            request.getfixturevalue("database")
            monkeypatch.setenv("HEADWATER_STAGE", "test")
            warehouse = PostgresWarehouseIOManager().warehouse()  # with the grants of dbt's own user
        case _:
            bucket, redshift = request.getfixturevalue("s3_bucket"), request.getfixturevalue("redshift")
            login = Login(redshift.user, redshift.password)
            address = RedshiftAddress(redshift.host, redshift.port, redshift.database, lambda: login)
            warehouse = Redshift(address, S3ObjectStore(bucket, "headwater"), redshift.iam_role)
    warehouse.migrate(*TABLES)
    for table, rows in ((OHLCV_1D, BARS), (OHLCV_GAPS, GAPS)):
        for job in (SPOT, DUMPS):
            of_job = pa.Table.from_pylist([row for row in rows if row["job"] == job], schema=table.arrow_schema)
            warehouse.replace_with(table, DayWindow(DAYS[0], DAYS[-1]), of_job, {"job": job})
    return Engine(warehouse, tmp_path, room="exchanges")


def view(engine, name, *columns, order):
    rows = engine.warehouse.query(f"SELECT {', '.join(columns)} FROM exchanges.{name} ORDER BY {order}").to_pylist()
    return [tuple(row[column] for column in columns) for row in rows]


def test_the_views_show_the_same_on_every_warehouse(engine):
    engine.build()

    columns = ("job", "day", "currency_pair", "base_currency", "quote_currency", "close", "trades", "is_complete")
    days = view(engine, "fct_ohlcv_daily", *columns, "simple_return", order="job, currency_pair, day")
    assert [row[:5] for row in days] == [
        (DUMPS, DAYS[1], "BTC_USDT", "BTC", "USDT"),
        *((SPOT, day, "BTC_USDT", "BTC", "USDT") for day in DAYS),
        (SPOT, DAYS[1], "ETH_BUSD", "ETH", "BUSD"),
    ]
    assert [row[5] for row in days] == [Decimal(close) for close in ("11.5", "10", "11", "12", "5")]
    assert [row[6:8] for row in days] == [(7, True)] * 4 + [(None, False)]
    # The second day's is of the day before; the fourth's would be of two days.
    assert [None if row[8] is None else round(float(row[8]), 12) for row in days] == [None, None, 0.1, None, None]

    columns = ("currency_pair", "day", "gap_class", "status", "gaps", "minutes", "longest_minutes")
    assert view(engine, "fct_gaps_daily", *columns, order="gap_class") == [
        ("ETH_BUSD", DAYS[1], "source_gap", "outage", 2, 10, 6),
        ("ETH_BUSD", DAYS[1], "unfetched", "unavailable", 1, 1, 1),
    ]
