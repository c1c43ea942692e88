"""Our bars beside others': what must be equal, what may differ, and what cannot be compared."""

from dataclasses import replace
from decimal import Decimal

from assets.exchanges.crosscheck import (
    against_exchange,
    closes,
    market_limits,
    perpetual_limits,
    reconciled,
    relative,
    worst,
)
from assets.exchanges.resample import HOUR_MS, resampled
from core.settings.exchanges import Exchanges
from resources.clients.exchanges.bars import MINUTE_MS, Bar, bar_of_row
from resources.clients.exchanges.columns import Bars
from tests.standins.exchanges import recorded

START = 1_704_067_200_000


def minute(at, **more):
    bar = Bar(
        START + at * MINUTE_MS,
        *map(Decimal, ("10", "12", "9", "11", "3")),
        Decimal(33),
        7,
        START + (at + 1) * MINUTE_MS - 1,
    )
    return replace(bar, **more)


HOURS = resampled([minute(at) for at in range(90)], HOUR_MS)


def exchange_hour(hour=0, **more):
    bar = Bar(
        START + hour * HOUR_MS, *map(Decimal, ("10", "12", "9", "11", "180")), close_ms=START + (hour + 1) * HOUR_MS - 1
    )
    return replace(bar, **more)


def severities(findings):
    return [(finding.field, finding.severity) for finding in findings]


def test_a_complete_hour_is_the_exchanges_own():
    assert severities(against_exchange("A_B", HOURS[:1], [exchange_hour()], HOUR_MS)) == [("all", "ok")]


def test_a_price_that_differs_and_a_volume_beyond_rounding_alarm():
    other = exchange_hour(close=Decimal("11.01"), volume=Decimal("180.00001"))
    assert severities(against_exchange("A_B", HOURS[:1], [other], HOUR_MS)) == [("close", "error"), ("volume", "error")]
    rounded = exchange_hour(volume=Decimal("180.000001"))
    assert severities(against_exchange("A_B", HOURS[:1], [rounded], HOUR_MS)) == [("all", "ok")]


def test_incomplete_short_and_missing_bars_are_told_and_not_compared():
    short = exchange_hour(0, close_ms=START + 90_000)
    found = against_exchange("A_B", HOURS, [short, exchange_hour(1)], HOUR_MS)
    assert severities(found) == [("close_time", "info"), ("n_minutes", "info")]
    assert severities(against_exchange("A_B", [], [exchange_hour()], HOUR_MS)) == [("bar", "error")]
    assert severities(against_exchange("A_B", HOURS[:1], [], HOUR_MS)) == [("bar", "warn")]


def test_recorded_irregular_bars_are_never_compared():
    irregular = [one for one in recorded("irregular_klines.json") if one["interval"] == "1h"]
    bars = [bar_of_row(one["kline"], "recorded") for one in irregular]
    found = against_exchange("BTC_USDT", [], bars, HOUR_MS)
    regular = [bar.open_ms for bar in bars if bar.close_ms == bar.open_ms + HOUR_MS - 1]
    assert irregular
    assert {f.at_ms for f in found if f.field == "close_time"} == {b.open_ms for b in bars} - set(regular)


def test_two_vendors_minutes_are_reconciled():
    ours = Bars.of([minute(0), minute(1), minute(2)])
    theirs = Bars.of([minute(0), minute(1, close=Decimal("11.5"), trades=8), minute(3)])
    assert severities(reconciled("A_B", ours, theirs)) == [
        ("close", "error"),
        ("trades", "error"),
        ("bar", "warn"),
        ("bar", "warn"),
    ]
    assert reconciled("A_B", ours, Bars.of([minute(at, quote_volume=None, trades=None) for at in range(3)])) == []


def test_closes_warn_and_alarm_by_their_limits():
    def one(theirs, limits):
        (finding,) = closes("spot_perpetual", {"A_B": HOURS[0]}, {"A_B": theirs and Decimal(theirs)}, limits)
        return finding.severity

    assert [one(theirs, perpetual_limits(Exchanges.read({}))) for theirs in ("11", "11.3", "12.3", None, "0")] == [
        "ok",
        "warn",
        "error",
        "info",
        "info",
    ]
    assert [one(theirs, market_limits(Exchanges.read({}))) for theirs in ("11.05", "11.2", "12")] == [
        "ok",
        "warn",
        "error",
    ]
    narrow = Exchanges.read({"EXCHANGES_PERPETUAL_WARN": "0.001", "EXCHANGES_PERPETUAL_ERROR": "0.02"})
    assert [one(theirs, perpetual_limits(narrow)) for theirs in ("11.005", "11.02", "11.3")] == ["ok", "warn", "error"]


def test_the_worst_of_nothing_is_well():
    assert worst([]) == "ok"
    assert relative(Decimal(1), Decimal(0)) == 1
    assert relative(Decimal(0), Decimal(0)) == 0
