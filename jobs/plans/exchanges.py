"""Days of bars of two jobs, the second vendor's first: what a minute without a bar was, is told by both."""

from collections.abc import Iterator

from assets.exchanges.download import Exchange
from assets.exchanges.names import parse_job
from assets.exchanges.partitions import partition_of
from core.settings.base import environment
from core.windows import ONE_DAY, DayWindow, day_of
from jobs.plan import Plan, Rows, Step
from resources.io_managers.selected import WarehouseIOManager
from sandbox.exchanges.world import SAMPLE_START_MS

SHOWN_JOBS = ("binance.binance.spot.v7", "ccxt.binance.spot.v7")
DAYS = """
    SELECT day, currency_pair AS pair, open, high, low, close, volume, trades, n_minutes AS minutes, is_complete
    FROM exchanges.fct_ohlcv_daily
    WHERE job = 'ccxt.binance.spot.v7' AND day BETWEEN DATE '{window.first}' AND DATE '{window.last}'
        AND currency_pair IN ('BTC_USDT', 'ETH_USDT', 'XRP_USDT')
    ORDER BY currency_pair, day
"""
GAPS = """
    SELECT job, day, gap_class AS class, status, count(*) AS pairs, sum(minutes) AS minutes
    FROM exchanges.fct_gaps_daily
    WHERE day BETWEEN DATE '{window.first}' AND DATE '{window.last}'
    GROUP BY job, day, gap_class, status ORDER BY day, job, gap_class
"""
HOURS = """
    SELECT cast((timestamp % 86400000) / 3600000 AS integer) AS hour,
        open, high, low, close, volume, vwap, n_minutes AS minutes
    FROM exchanges.ohlcv_1h
    WHERE job = 'ccxt.binance.spot.v7' AND currency_pair = 'BTC_USDT' AND day = DATE '{window.last}'
    ORDER BY timestamp LIMIT 6
"""
SUMMARIES = {
    "exchanges.fct_ohlcv_daily, three of the pairs": DAYS,
    "exchanges.fct_gaps_daily, over all pairs": GAPS,
    "exchanges.ohlcv_1h, the last day's first hours of BTC_USDT": HOURS,
}


def _route() -> str:
    exchange = Exchange.of(environment())
    source = "the sample exchange of this repository" if exchange.is_sample else "the exchanges"
    return f"{source} -> {exchange.objects.store.uri('v3')} -> {WarehouseIOManager().warehouse().uri('exchanges')}"


def _steps(window: DayWindow) -> list[Step]:
    days = [
        _step(f"{parse_job(job).task} {day}", "exchanges_daily_job", str(partition_of(job, str(day))))
        for day in window
        for job in SHOWN_JOBS
    ]
    return [*days, _step("Building the views", "exchanges_views_job", str(window.last))]


def _step(announced: str, job: str, key: str) -> Step:
    return Step(announced, job, key, key)


def _summaries(window: DayWindow) -> Iterator[tuple[str, Rows]]:
    warehouse = WarehouseIOManager().warehouse()
    for title, statement in SUMMARIES.items():
        yield title, warehouse.query(statement.format(window=window)).to_pylist()


def _closing() -> str:
    return (
        "The warning is the sample's own: four minutes of BTC_USDT that only the API lost.\n"
        "The picture of the closes is in the metadata of lake/exchanges/ohlcv_1d: open the graph with `make dev`."
    )


_FIRST = day_of(SAMPLE_START_MS // 1000)
SAMPLE = DayWindow(_FIRST, _FIRST + 2 * ONE_DAY)
PLAN = Plan("Exchanges", _route, _steps, _summaries, _closing, ("exchanges", "lake", "warehouse"), sample=SAMPLE)
