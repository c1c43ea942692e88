"""The universe ``all``: the list of a day is stored before its first symbol, and every later run goes by it."""

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.exchanges.download import Exchange, download, figures
from assets.exchanges.listed import MOST_PAIRS, list_key, pairs_of
from assets.exchanges.names import parse_job
from assets.exchanges.partitions import JOBS
from assets.exchanges.repair import Choice
from assets.exchanges.stored import other_contract
from core.errors import DayMissing, InvalidAnswer, LakeDamaged, SourceRefused
from resources.clients.exchanges.markets import Market
from resources.clients.lake.object_store import MemoryObjectStore
from sandbox.exchanges import binance
from sandbox.exchanges.server import ExchangeServer, Fault
from sandbox.exchanges.world import MINUTE_MS, SAMPLE_START_MS, Listing, World, listings

SPOT, FUTURES = parse_job("ccxt.binance.spot.all"), parse_job("ccxt.binance.futures.all")
DUMPS = parse_job("binance.binance.spot.all")
FIRST = date(2024, 1, 1)
DAY_MS = 1440 * MINUTE_MS
PAIRS = ["BTC_USDT", "ETH_USDT"]
KEY = list_key("", SPOT, FIRST)


@pytest.fixture
def server():
    with ExchangeServer(World(listings(PAIRS), now_ms=SAMPLE_START_MS + DAY_MS + 80 * MINUTE_MS)) as server:
        yield server


@pytest.fixture
def exchange(server, tmp_path):
    settings = {"EXCHANGES_SOURCE": "live", "EXCHANGES_URL": server.root, "EXCHANGES_DUMPS_URL": server.root}
    return Exchange.of({"HEADWATER_HOME": str(tmp_path), **settings})


def pairs_fetched(done):
    return [result.pair for result in done.results]


@pytest.mark.parametrize("job", [SPOT, FUTURES, DUMPS], ids=lambda job: job.key)
def test_every_active_symbol_is_fetched_by_one_list_of_the_exchange(server, exchange, job):
    server.world.listings |= {"XRP_USDT": Listing("XRP_USDT", 6_000, "BREAK"), "币_USDT": Listing("币_USDT", 6_000)}
    done = download(exchange, job, FIRST)

    assert {result.pair: result.outcome for result in done.results} == dict.fromkeys(PAIRS, "complete")
    assert len(server.asked("exchangeInfo")) == 1
    told = {name: value for name, value in figures(done).items() if name.startswith("universe_")}
    assert told == {
        "universe_pairs": 2,
        "universe_listed_at": "2024-01-02T01:20:00+00:00",
        "universe_is_of_a_later_day": False,
        "universe_left_out": "币_USDT",
    }
    facts = exchange.objects.read(exchange.key(job, "BTC_USDT", FIRST)).facts
    assert facts["universe_sha256"] == exchange.pairs(job, FIRST).sha256


def test_a_rerun_goes_by_the_first_list_and_a_new_symbol_is_not_added_to_a_past_day(server, exchange):
    download(exchange, SPOT, FIRST)
    before = exchange.objects.store.read(KEY)
    server.world.listings |= {**listings(["SOL_USDT"]), "ETH_USDT": Listing("ETH_USDT", 230_000, gone=True)}
    server.world.now_ms += 3 * DAY_MS
    done = download(exchange, SPOT, FIRST)

    assert {result.pair: result.outcome for result in done.results} == {"BTC_USDT": "complete", "ETH_USDT": "delisted"}
    assert exchange.objects.store.read(KEY) == before
    assert len(exchange.objects.read(exchange.key(SPOT, "ETH_USDT", FIRST)).bars) == 1440
    assert pairs_fetched(download(exchange, SPOT, date(2024, 1, 4))) == ["BTC_USDT", "SOL_USDT"]


def test_a_repair_of_nothing_asks_nobody(server, exchange):
    download(exchange, SPOT, FIRST)
    server.requests.clear()

    assert download(exchange, SPOT, FIRST, Choice(unfetched=True)).universe["universe_pairs"] == 2
    assert not server.requests


def test_a_day_long_past_takes_the_list_of_today_and_says_so(server, exchange, caplog):
    server.world.now_ms = SAMPLE_START_MS + 2 * DAY_MS
    done = download(exchange, SPOT, FIRST)

    assert figures(done)["universe_is_of_a_later_day"] is True
    assert "ccxt.binance.spot.all 2024-01-01: no list was stored; it gets that of 2024-01-03T00:00:00" in caplog.text


def test_the_list_stands_before_the_first_symbol_is_asked_for(server, exchange):
    server.faults.append(Fault("klines", 451, "not from here", times=9))
    done = download(exchange, SPOT, FIRST)

    assert {result.outcome for result in done.results} == {"failed"}
    assert exchange.pairs(SPOT, FIRST).pairs == tuple(PAIRS)


@pytest.mark.parametrize("job", [SPOT, DUMPS], ids=lambda job: job.key)
def test_without_an_answer_nothing_is_stored(server, exchange, job):
    server.faults.append(Fault("exchangeInfo", 451, "not from here", times=9))

    with pytest.raises(SourceRefused, match="451"):
        download(exchange, job, FIRST)
    assert exchange.objects.store.list("") == []


def test_a_contract_that_only_looks_perpetual_is_none(server, exchange):
    _, document = binance.answer(server.world, "fapi/v1/exchangeInfo", {})
    shares = next(one for one in document["symbols"] if one["symbol"] == "ETHUSDT")
    shares["contractType"] = "TRADIFI_PERPETUAL"
    assert {one["contractType"] for one in document["symbols"]} == {"PERPETUAL", "TRADIFI_PERPETUAL", "CURRENT_QUARTER"}
    server.faults.append(Fault("exchangeInfo", 200, document))

    assert pairs_fetched(download(exchange, FUTURES, FIRST)) == ["BTC_USDT"]


def test_perpetuals_are_held_against_the_same_universe_where_there_is_one():
    jobs = [parse_job(key) for key in JOBS]

    assert other_contract(SPOT, jobs) == FUTURES
    assert other_contract(FUTURES, jobs) == SPOT
    assert other_contract(parse_job("ccxt.binance.spot.v7"), jobs).key == "ccxt.binance.futures.v7.3"
    assert other_contract(parse_job("ccxt.okx.spot.v7.3"), jobs) is None


def markets(pairs):
    return {pair: Market(pair, pair, pair, True, "TRADING") for pair in pairs}


def asked(pairs, at=SAMPLE_START_MS + DAY_MS):
    return lambda: (markets(pairs), at)


def test_a_list_from_before_the_days_end_is_made_whole_by_the_next_fetch():
    store = MemoryObjectStore()
    pairs_of(store, "", SPOT, FIRST, asked(["A_B", "C_D"], SAMPLE_START_MS + DAY_MS - 1))
    assert pairs_of(store, "", SPOT, FIRST).pairs == ("A_B", "C_D")
    assert pairs_of(store, "", SPOT, FIRST, asked(["C_D", "E_F"])).pairs == ("A_B", "C_D", "E_F")
    assert pairs_of(store, "", SPOT, FIRST, asked(["G_H"])).pairs == ("A_B", "C_D", "E_F")


def test_a_list_without_a_symbol_or_with_too_many_is_refused():
    store, many = MemoryObjectStore(), [f"C{number}_USDT" for number in range(MOST_PAIRS + 1)]
    for pairs, count in (([], "0"), (many, "5,001")):
        with pytest.raises(InvalidAnswer, match=f"ccxt.binance.spot.all 2024-01-01: the exchange lists {count} active"):
            pairs_of(store, "", SPOT, FIRST, asked(pairs))
    assert store.list("") == []
    assert len(pairs_of(store, "", SPOT, FIRST, asked(many[1:])).pairs) == MOST_PAIRS


def test_a_day_without_a_list_is_missing_and_of_each_user_apart():
    store = MemoryObjectStore()
    pairs_of(store, "ann/", SPOT, FIRST, asked(["A_B"]))

    with pytest.raises(DayMissing, match="ccxt.binance.spot.all on 2024-01-01"):
        pairs_of(store, "", SPOT, FIRST)
    assert pairs_of(store, "ann/", SPOT, FIRST).pairs == ("A_B",)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"listed_ms": 0, "pairs": ["A_B"]},
        {"listed_ms": SAMPLE_START_MS, "pairs": []},
        {"listed_ms": SAMPLE_START_MS, "pairs": ["A_B", "A_B"]},
        {"listed_ms": SAMPLE_START_MS, "pairs": ["../A_B"]},
        {"listed_ms": SAMPLE_START_MS, "pairs": ["A_B\n"]},
        {"listed_ms": SAMPLE_START_MS, "pairs": ["A_B"] * (MOST_PAIRS + 1)},
        {"listed_ms": SAMPLE_START_MS, "pairs": ["A_B"], "more": []},
    ],
    ids=lambda document: json.dumps(document)[:60],
)
def test_a_stored_list_that_is_none_is_named_and_kept(document):
    store, data = MemoryObjectStore(), json.dumps(document).encode()
    store.write(KEY, data)
    with pytest.raises(LakeDamaged, match=f"memory://{KEY}.*delete it"):
        pairs_of(store, "", SPOT, FIRST, asked(["A_B"]))
    assert store.read(KEY) == data


@given(st.binary(max_size=60) | st.just(b"[" * 100_000) | st.just(b" " * (1 << 20) + b"x"))
def test_any_bytes_are_a_list_or_our_error(data):
    store = MemoryObjectStore()
    store.write(KEY, data)
    with pytest.raises(LakeDamaged):
        pairs_of(store, "", SPOT, FIRST)
