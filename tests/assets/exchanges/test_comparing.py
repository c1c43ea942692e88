"""What a job's day is held against, out of the lake: closes of spot and perpetual at the same minute."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from assets.exchanges.comparing import compared
from assets.exchanges.download import Exchange
from assets.exchanges.names import parse_job
from assets.exchanges.resample import DAY_MS, resampled
from core.windows import start_of
from resources.clients.exchanges.bars import MINUTE_MS, Bar
from resources.clients.exchanges.columns import Bars
from resources.clients.exchanges.objects import SymbolDay

SPOT, FUTURES = parse_job("binance.binance.spot.v7"), parse_job("binance.binance.futures.v7.3")
DAY, PAIR = date(2024, 1, 1), "BTC_USDT"


def bar(minute):
    """A price that doubles in the course of the day."""
    price = Decimal(1000 + minute)
    return Bar(start_of(DAY) * 1000 + minute * MINUTE_MS, price, price, price, price, Decimal(1))


@pytest.mark.parametrize(("minutes", "shown"), [(range(1440), 2439), (range(720), 1719), (range(0), None)])
def test_spot_and_perpetual_are_compared_at_the_last_minute_that_both_have(tmp_path, minutes, shown):
    exchange = Exchange.of({"HEADWATER_HOME": str(tmp_path)})
    ours = [bar(minute) for minute in range(1440)]
    for job, bars in ((SPOT, ours), (FUTURES, map(bar, minutes))):
        day = SymbolDay("binance", PAIR, DAY, Bars.of(bars))
        exchange.objects.put(exchange.key(job, PAIR, DAY), day, datetime(2024, 1, 2, tzinfo=UTC))

    found = compared(exchange, SPOT, [SPOT, FUTURES], DAY, hours={}, days={PAIR: resampled(ours, DAY_MS)})
    told = [(one.kind, one.severity, one.ours, one.theirs) for one in found]
    assert told == ([("spot_perpetual", "ok", shown, shown)] if shown else [])


def test_without_a_common_minute_there_is_nothing_to_compare(tmp_path):
    exchange = Exchange.of({"HEADWATER_HOME": str(tmp_path)})
    ours, theirs = [bar(minute) for minute in range(720, 1440)], [bar(minute) for minute in range(60)]
    for job, bars in ((SPOT, ours), (FUTURES, theirs)):
        day = SymbolDay("binance", PAIR, DAY, Bars.of(bars))
        exchange.objects.put(exchange.key(job, PAIR, DAY), day, datetime(2024, 1, 2, tzinfo=UTC))

    (found,) = compared(exchange, SPOT, [SPOT, FUTURES], DAY, hours={}, days={PAIR: resampled(ours, DAY_MS)})
    assert (found.severity, found.note) == ("info", "nothing to compare with")
