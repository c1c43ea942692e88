"""The real ccxt against the sample exchange: exact rows, closed pages, and each kind of failure met as it should be."""

import contextlib
import gzip
import socket
import threading
import time
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

import pytest
import requests

from core.errors import InvalidAnswer, SourceRefused, SourceUnavailable
from resources.clients.exchanges.bounded import BoundedAdapter
from resources.clients.exchanges.ccxt_source import CcxtSource
from resources.clients.exchanges.fetching import fetch_day
from sandbox.exchanges.server import ExchangeServer, Fault
from sandbox.exchanges.world import MINUTE_MS, SAMPLE_START_MS, Listing, World, listings, sample_world
from tests.standins.clock import ManualClock
from tests.standins.exchanges import recorded

LAST = SAMPLE_START_MS + 10 * MINUTE_MS - 1


@pytest.fixture
def server():
    with ExchangeServer(World(listings(["BTC_USDT", "ETH_USDT"]))) as server:
        yield server


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def source(server, clock):
    source = CcxtSource("binance", "spot", clock, root=server.root)
    yield source
    source.close()


def ten(source, pair="BTC_USDT"):
    return source.bars(source.markets()[pair], SAMPLE_START_MS, LAST, 1000)


@pytest.mark.parametrize(("exchange", "contract"), [("binance", "spot"), ("binance", "futures"), ("okx", "spot")])
def test_a_day_is_whole_and_exact_on_exchanges_with_other_habits(server, exchange, contract):
    source = CcxtSource(exchange, contract, root=server.root)
    market = source.markets()["BTC_USDT"]

    day = fetch_day(partial(source.bars, market), SAMPLE_START_MS, source.now_ms(), source.profile.page)

    rows = server.world.rows(server.world.listings["BTC_USDT"], SAMPLE_START_MS, SAMPLE_START_MS + 1440 * MINUTE_MS - 1)
    assert [(bar.open_ms, bar.close, bar.volume) for bar in day.bars] == [
        (r[0], Decimal(r[4]), Decimal(r[5])) for r in rows
    ]
    assert len(rows) == 1440
    assert day.confirmed
    assert day.requests == -(-1440 // source.profile.page)


def traded(world, pair):
    rows = world.rows(world.listings[pair], SAMPLE_START_MS, SAMPLE_START_MS + 1440 * MINUTE_MS - 1)
    return {row[0]: (Decimal(row[4]), Decimal(row[5])) for row in rows if row[8]}


def test_crypto_com_sends_the_newest_rows_of_a_page_and_no_minute_is_lost_by_that(server):
    source = CcxtSource("cryptocom", "spot", ManualClock(datetime(2024, 1, 4, tzinfo=UTC)), root=server.root)
    market = source.markets()["BTC_USDT"]

    day = fetch_day(partial(source.bars, market), SAMPLE_START_MS, source.now_ms(), source.profile.page)

    assert {bar.open_ms: (bar.close, bar.volume) for bar in day.bars} == traded(server.world, "BTC_USDT")
    assert 1400 < len(day.bars) < 1440
    assert day.confirmed
    assert source.profile.empty_minute == "absent"


@pytest.mark.usefixtures("unthrottled")
def test_kraken_serves_its_newest_minutes_only_and_the_unfinished_one_is_dropped(server):
    server.world.now_ms = SAMPLE_START_MS + 700 * MINUTE_MS + 30_000
    source = CcxtSource("kraken", "spot", root=server.root)
    market = source.markets()["ETH_USDT"]
    assert source.now_ms() == server.world.now_ms

    day = fetch_day(partial(source.bars, market), SAMPLE_START_MS, source.now_ms(), source.profile.page)
    whole = traded(server.world, "ETH_USDT")
    unfinished = {SAMPLE_START_MS + 700 * MINUTE_MS} & set(whole)
    assert {bar.open_ms: (bar.close, bar.volume) for bar in day.bars} == {
        at: values for at, values in whole.items() if at not in unfinished
    }
    assert day.unfinished_dropped == len(unfinished) == 1

    server.world.now_ms = SAMPLE_START_MS + 1520 * MINUTE_MS
    later = fetch_day(partial(source.bars, market), SAMPLE_START_MS, source.now_ms(), source.profile.page)
    assert min(later.bars.times) > SAMPLE_START_MS + 799 * MINUTE_MS
    assert set(later.bars.times) == {at for at in traded(server.world, "ETH_USDT") if at >= min(later.bars.times)}


def test_one_list_of_markets_and_two_pages_closed_at_both_ends(server, source):
    fetch_day(partial(source.bars, source.markets()["BTC_USDT"]), SAMPLE_START_MS, source.now_ms())

    assert len(server.asked("exchangeInfo")) == 1
    assert len(server.asked("time")) == 1
    pages = [request.parameters for request in server.asked("klines")]
    assert [(int(page["startTime"]), int(page["endTime"]), page["limit"]) for page in pages] == [
        (SAMPLE_START_MS, SAMPLE_START_MS + 1000 * MINUTE_MS - 1, "1000"),
        (SAMPLE_START_MS + 1000 * MINUTE_MS, SAMPLE_START_MS + 1440 * MINUTE_MS - 1, "1000"),
    ]


def test_perpetuals_only_and_what_is_told_of_them(server):
    world = server.world
    world.listings["ETH_USDT"] = Listing("ETH_USDT", 230_000, "SETTLING", 1_567_965_420_000, SAMPLE_START_MS)
    markets = CcxtSource("binance", "futures", root=server.root).markets()

    assert set(markets) == {"BTC_USDT", "ETH_USDT"}
    assert markets["BTC_USDT"].symbol == "BTC/USDT:USDT"
    assert markets["BTC_USDT"].listed_ms == 1_567_965_420_000
    assert markets["BTC_USDT"].trading
    assert not markets["ETH_USDT"].trading
    assert markets["ETH_USDT"].delisted_ms == SAMPLE_START_MS


@pytest.mark.parametrize("name", ["exchange_info_spot.json", "exchange_info_usdm.json"])
def test_recorded_lists_of_markets_are_read(server, name):
    document = recorded(name)
    server.faults.append(Fault("exchangeInfo", 200, document))

    markets = CcxtSource("binance", "futures" if "usdm" in name else "spot", root=server.root).markets()

    assert set(markets) == {"BTC_USDT", "ETH_USDT"}
    assert not any("220325" in market.id for market in markets.values())


def test_a_429_is_waited_for_as_long_as_it_says(server, source, clock):
    source.markets()
    server.faults.append(Fault("klines", 429, {"code": -1003, "msg": "slow"}, {"Retry-After": "7"}, times=2))

    assert len(ten(source)) == 10
    assert clock.slept == [7, 7]
    assert not source.patience.banned
    assert source.patience.retries == 2


@pytest.mark.parametrize(
    "fault",
    [
        Fault("klines", 503, "maintenance"),
        Fault("klines", 500, {"code": -1001, "msg": "internal"}),
        Fault("klines", None),
        Fault("klines", 200, "[[170406720000"),
        Fault("klines", 429, {"code": -1003, "msg": "slow"}),
    ],
    ids=lambda fault: str(fault.status or "dropped") + str(fault.body)[:4],
)
def test_what_may_pass_is_asked_again(server, source, clock, fault):
    source.markets()
    server.faults.append(fault)

    assert len(ten(source)) == 10
    assert 0 < sum(clock.slept) <= 1


@pytest.mark.parametrize(
    ("status", "body"),
    [(400, {"code": -1121, "msg": "Invalid symbol."}), (403, "no"), (451, {"code": 0, "msg": "restricted location"})],
)
def test_a_refusal_is_asked_once(server, source, clock, status, body):
    source.markets()
    before = len(server.requests)
    server.faults.append(Fault("klines", status, body, times=9))

    with pytest.raises(SourceRefused, match=str(status)):
        ten(source)
    assert len(server.requests) == before + 1
    assert not clock.slept


def test_a_ban_ends_it_after_five_attempts_and_is_remembered(server, source, clock):
    source.markets()
    server.faults.append(Fault("klines", 418, {"code": -1003, "msg": "banned"}, {"Retry-After": "20"}, times=9))

    with pytest.raises(SourceUnavailable, match="5 attempts.*418"):
        ten(source)
    assert source.patience.banned
    assert clock.slept == [20] * 4


def test_a_ban_that_only_the_answers_words_tell_is_kept(server, source, clock):
    source.markets()
    for seconds in (30, 7_200):
        until = int(clock.now().timestamp() * 1000) + seconds * 1000
        said = f"Way too much request weight used; IP banned until {until}. Please use WebSocket Streams."
        server.faults.append(Fault("klines", 418, {"code": -1003, "msg": said}))

    with pytest.raises(SourceUnavailable, match="2 attempts"):
        ten(source)
    assert clock.slept == [30]
    assert source.patience.banned


def test_a_wait_beyond_ten_minutes_is_left_to_the_runs_retry(server, source, clock):
    source.markets()
    server.faults.append(Fault("klines", 418, "banned", {"Retry-After": "86400"}, times=9))

    with pytest.raises(SourceUnavailable, match="1 attempts"):
        ten(source)
    assert source.patience.banned
    assert not clock.slept


@pytest.mark.parametrize(
    "rows", [{"a": 1}, [[1]], [["x"] * 12], [[SAMPLE_START_MS, *["1"] * 5]] * 1002, [None]], ids=repr
)
def test_rows_that_are_none_are_our_error(server, source, rows):
    source.markets()
    server.faults.append(Fault("klines", 200, rows, times=9))

    with pytest.raises((InvalidAnswer, SourceUnavailable)):
        ten(source)


@pytest.mark.parametrize(
    "document", [[], {"symbols": [7]}, {"symbols": [{"symbol": None}]}, "deep" * 3, {"symbols": "x"}]
)
def test_a_list_of_markets_that_is_none_is_our_error(server, source, document):
    server.faults.append(Fault("exchangeInfo", 200, document, times=9))

    with contextlib.suppress(InvalidAnswer, SourceUnavailable, SourceRefused):
        assert source.markets() == {}


def test_an_answer_too_long_or_too_slow_is_given_up(server):
    for adapter in (BoundedAdapter(most_bytes=100), BoundedAdapter(longest=-1.0)):
        session = requests.Session()
        session.mount("http://", adapter)
        with pytest.raises(requests.RequestException, match="longer than|more than"):
            session.get(f"{server.root}/api/v3/exchangeInfo", timeout=5)


def test_a_server_that_trickles_is_given_up_in_its_head_and_in_its_body():
    served = socket.create_server(("127.0.0.1", 0))
    heads = [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"]

    def trickle():
        for head in heads:
            line, _ = served.accept()
            with line, contextlib.suppress(OSError):
                line.sendall(head)
                while True:
                    line.sendall(b" ")
                    time.sleep(0.02)

    threading.Thread(target=trickle, daemon=True).start()
    with served, requests.Session() as session:
        session.mount("http://", BoundedAdapter(longest=0.3))
        for _ in heads:
            with pytest.raises(requests.Timeout, match=r"more than 0\.3 s"):
                session.get(f"http://127.0.0.1:{served.getsockname()[1]}/", timeout=5)


def test_a_small_body_that_unfolds_is_given_up(server):
    bomb = gzip.compress(b" " * (40 << 20))
    server.faults.append(Fault("klines", 200, bomb, {"Content-Encoding": "gzip"}))
    session = requests.Session()
    session.mount("http://", BoundedAdapter())
    with pytest.raises(requests.ConnectionError, match="unfold"):
        session.get(f"{server.root}/api/v3/klines", timeout=5)


def test_a_page_of_bars_may_not_be_as_long_as_a_list_of_markets(server, source, clock):
    source.markets()
    server.faults.append(Fault("klines", 200, "[" + "[]," * (2 << 20) + "[]]", times=9))

    with pytest.raises(SourceUnavailable, match="5 attempts"):
        ten(source)


def test_the_whole_universe_stays_inside_the_exchanges_own_limits():
    world = sample_world()
    world.listings = listings([f"C{number}_USDT" for number in range(27)])
    with ExchangeServer(world) as server:
        source = CcxtSource("binance", "spot", root=server.root)
        markets = source.markets()
        days = [fetch_day(partial(source.bars, one), SAMPLE_START_MS, source.now_ms()) for one in markets.values()]

    assert [len(day.bars) for day in days] == [1440] * 27
    assert len(server.asked("klines")) == 54
    assert server.heaviest_minute <= 1_200
    assert datetime.fromtimestamp(days[0].bars.times[-1] / 1000, UTC).strftime("%H:%M") == "23:59"
