"""A job's day with the real ccxt: all symbols are tried, what is good is stored, and one verdict names the rest."""

from datetime import UTC, date, datetime

import pytest

from assets.exchanges.extract import SHOWN, JobDay, Policy, SymbolResult, fetch_job_day
from assets.exchanges.vendors import CcxtVendor, DumpVendor
from core.errors import DiskRefused, InvalidAnswer, SettingError, SourceUnavailable
from resources.clients.exchanges.ccxt_source import CcxtSource
from resources.clients.exchanges.dumps import BinanceDumps
from resources.clients.exchanges.objects import BarObjects
from resources.clients.lake.object_store import MemoryObjectStore
from sandbox.exchanges.server import ExchangeServer, Fault
from sandbox.exchanges.world import MINUTE_MS, SAMPLE_START_MS, Listing, World, listings
from tests.standins.clock import ManualClock

PAIRS = ["BTC_USDT", "ETH_USDT", "BNB_USDT"]
FIRST = date(2024, 1, 1)
NOW = datetime(2024, 1, 4, 1, 20, tzinfo=UTC)


@pytest.fixture
def server():
    with ExchangeServer(World(listings(PAIRS))) as server:
        yield server


@pytest.fixture
def objects():
    return BarObjects(MemoryObjectStore())


@pytest.fixture
def fetch(server, objects):
    def run(pairs=PAIRS, *, contract="spot", day=FIRST, dumps=False):
        api = CcxtSource("binance", contract, ManualClock(), server.root)
        vendor = (
            DumpVendor(BinanceDumps(contract, ManualClock(), server.root), lambda: api) if dumps else CcxtVendor(api)
        )
        store = lambda one: objects.put(one.pair, one, NOW)  # noqa: E731
        return fetch_job_day(vendor, "binance", pairs, day, facts={}, store=store, now=lambda: NOW)

    return run


def checked(done, policy, subject):
    policy.tell(done.verdict(policy, subject), print)


def outcomes(done):
    return {result.pair: result.outcome for result in done.results}


@pytest.mark.usefixtures("unthrottled")
@pytest.mark.parametrize("contract", ["spot", "futures"])
def test_a_happy_day(fetch, objects, contract):
    done = fetch(contract=contract)

    assert outcomes(done) == dict.fromkeys(PAIRS, "complete")
    assert done.verdict(Policy(), "job") is None
    assert all(len(objects.read(pair).bars) == 1440 for pair in PAIRS)


def test_the_whole_universe_in_one_object_per_symbol_inside_the_exchanges_limits(server, fetch, objects):
    pairs = [f"C{number}_USDT" for number in range(27)]
    server.world.listings = listings(pairs)
    done = fetch(pairs)

    assert outcomes(done) == dict.fromkeys(pairs, "complete")
    assert sorted(found.key for found in objects.store.list("")) == sorted(pairs)
    assert {len(objects.read(pair).bars) for pair in pairs} == {1440}
    assert len(server.asked("klines")) == 54
    assert len(server.asked("exchangeInfo")) == 1
    assert server.heaviest_minute <= 1_200


def test_a_gap_of_ten_is_no_whole_day_and_passes_once_it_is_confirmed(server, fetch, objects):
    server.world.missing["ETH_USDT"] = {SAMPLE_START_MS + minute * MINUTE_MS for minute in range(995, 1005)}
    # The second look fails: nobody knows yet whether the minutes are there.
    first = f"startTime={SAMPLE_START_MS - 30 * MINUTE_MS}"
    server.faults.append(Fault(first, 451, "no"))
    done = fetch()
    assert outcomes(done)["ETH_USDT"] == "failed"
    assert outcomes(done)["BNB_USDT"] == "complete"
    with pytest.raises(SourceUnavailable, match=r"1 of 3 symbols.*ETH_USDT failed.*451"):
        checked(done, Policy(), "job")

    done = fetch()
    found = objects.read("ETH_USDT")
    assert outcomes(done)["ETH_USDT"] == "partial"
    assert done.verdict(Policy(), "job") is None
    assert len(found.bars) == len({bar.open_ms for bar in found.bars}) == 1430
    assert found.facts["confirmed"]


def test_a_delisted_pair_stops_nobody_and_fails_only_where_it_is_required(server, fetch, objects):
    noon = SAMPLE_START_MS + 720 * MINUTE_MS
    server.world.listings["ETH_USDT"] = Listing("ETH_USDT", 230_000, "BREAK", delisted_ms=noon)
    done = fetch([*PAIRS, "ETH_BUSD"])

    assert outcomes(done) == {
        "BTC_USDT": "complete",
        "ETH_USDT": "delisted",
        "BNB_USDT": "complete",
        "ETH_BUSD": "delisted",
    }
    assert len(objects.read("ETH_USDT").bars) == 720
    assert objects.read("ETH_USDT").facts["delisted_ms"] == noon
    assert done.verdict(Policy(), "job") is None
    with pytest.raises(SourceUnavailable, match="ETH_BUSD delisted"):
        checked(done, Policy(required=frozenset({"ETH_BUSD"})), "job")


def test_a_pair_that_is_not_listed_any_more_keeps_what_was_stored(server, fetch, objects):
    fetch()
    server.world.listings["ETH_USDT"] = Listing("ETH_USDT", 230_000, gone=True)

    assert outcomes(fetch())["ETH_USDT"] == "delisted"
    assert len(objects.read("ETH_USDT").bars) == 1440


def test_partial_failure_writes_the_good_and_names_every_bad_one(server, fetch, objects):
    server.world.missing["BTC_USDT"] = {SAMPLE_START_MS + minute * MINUTE_MS for minute in range(1440)}
    server.faults.append(Fault("symbol=ETHUSDT", 451, {"code": 0, "msg": "not from here"}, times=9))
    done = fetch()

    assert outcomes(done) == {"BTC_USDT": "empty", "ETH_USDT": "failed", "BNB_USDT": "complete"}
    with pytest.raises(SourceUnavailable, match="2 of 3.*BTC_USDT empty.*ETH_USDT failed.*451"):
        checked(done, Policy(), "job")
    assert "BTC_USDT empty" in done.verdict(Policy(on_missing="warn"), "job")
    assert objects.read("ETH_USDT") is None
    assert len(objects.read("BNB_USDT").bars) == 1440


def test_a_ban_stops_the_other_symbols(server, fetch):
    server.faults.append(Fault("symbol=BTCUSDT", 418, "banned", {"Retry-After": "86400"}, times=9))
    done = fetch()

    assert outcomes(done) == dict.fromkeys(PAIRS, "failed")
    assert len(server.asked("klines")) == 1


@pytest.mark.usefixtures("unthrottled")
@pytest.mark.parametrize("refused", [DiskRefused("Lake: no space left"), SettingError("Lake: access denied")])
def test_a_lake_that_takes_nothing_is_no_symbols_fault(server, fetch, objects, monkeypatch, refused):
    def put(*_):
        raise refused

    monkeypatch.setattr(objects, "put", put)
    with pytest.raises(type(refused), match="Lake"):
        fetch()
    assert {request.parameters["symbol"] for request in server.asked("klines")} == {"BTCUSDT"}


def test_an_unfinished_day_has_only_what_is_over(server, fetch, objects):
    server.world.now_ms = SAMPLE_START_MS + 10 * MINUTE_MS + 30_000
    done = fetch()

    assert objects.read("BTC_USDT").bars.times[-1] == SAMPLE_START_MS + 9 * MINUTE_MS
    assert done.results[0].unfinished_dropped == 1
    with pytest.raises(SourceUnavailable, match=r"BTC_USDT partial\(10\)"):
        checked(done, Policy(), "job")


@pytest.mark.usefixtures("unthrottled")
def test_not_listed_yet_is_no_fault(server, fetch):
    server.world.listings["ETH_USDT"] = Listing("ETH_USDT", 230_000, listed_ms=SAMPLE_START_MS + 9 * 1440 * MINUTE_MS)
    done = fetch(contract="futures")

    assert outcomes(done)["ETH_USDT"] == "complete"
    assert done.verdict(Policy(), "job") is None


@pytest.mark.usefixtures("unthrottled")
@pytest.mark.parametrize("dumps", [False, True])
def test_a_spot_pair_that_was_not_listed_yet_is_known_by_its_first_bar(server, fetch, objects, dumps):
    noon = SAMPLE_START_MS + 720 * MINUTE_MS
    server.world.listings["ETH_USDT"] = Listing("ETH_USDT", 230_000, listed_ms=noon)
    server.world.listings["BNB_USDT"] = Listing("BNB_USDT", 230_000, listed_ms=noon + 1440 * MINUTE_MS)
    done = fetch(dumps=dumps)

    assert outcomes(done) == {"BTC_USDT": "complete", "ETH_USDT": "partial", "BNB_USDT": "complete"}
    assert done.verdict(Policy(), "job") is None
    assert objects.read("ETH_USDT").facts["listed_ms"] == noon
    assert [result.unfetched for result in done.results] == [0, 0, 0]

    server.world.missing["BTC_USDT"] = {SAMPLE_START_MS}
    fetch(dumps=dumps, day=FIRST)
    first = fetch(["BTC_USDT"], dumps=dumps).results[0]
    assert (first.outcome, first.unfetched) == ("partial", 0)  # an outage: it was listed long before


@pytest.mark.usefixtures("unthrottled")
def test_what_kraken_no_longer_serves_is_unfetched_and_never_quiet(server, objects):
    vendor = CcxtVendor(CcxtSource("kraken", "spot", ManualClock(), server.root))
    store = lambda one: objects.put(one.pair, one, NOW)  # noqa: E731
    third = date(2024, 1, 3)
    (result,) = fetch_job_day(vendor, "kraken", ["BTC_USDT"], third, facts={}, store=store, now=lambda: NOW).results

    assert result.outcome == "partial"
    assert 800 <= result.unfetched == 1440 - result.bars
    assert not objects.read("BTC_USDT").facts["confirmed"]


def test_the_verdict_names_every_bad_symbol():
    many = [SymbolResult(f"C{number}_USDT", "failed", reason="no") for number in range(SHOWN + 10)]
    verdict = JobDay(many).verdict(Policy(), "job")

    assert all(f"C{number}_USDT" in verdict for number in range(SHOWN + 10))
    assert verdict.count("failed: no") == SHOWN


def test_dumps_that_are_missing_or_wrong_fail_their_symbol_only(server, fetch, objects):
    server.faults += [Fault("ETHUSDT-1m-2024-01-01.zip.CHECKSUM", 200, b"0" * 64 + b"  ETHUSDT-1m-2024-01-01.zip\n")]
    server.faults += [Fault("SOLUSDT-1m", 404, b"no", times=9)]
    server.world.listings |= listings(["SOL_USDT"])
    done = fetch([*PAIRS, "SOL_USDT"], dumps=True)

    assert outcomes(done) == {"BTC_USDT": "complete", "ETH_USDT": "failed", "BNB_USDT": "complete", "SOL_USDT": "empty"}
    assert "sha256" in done.results[1].reason
    assert len(objects.read("BNB_USDT").bars) == 1440


def test_why_a_dump_is_missing_or_short_says_the_exchange(server, fetch, objects):
    noon = SAMPLE_START_MS + 720 * MINUTE_MS
    server.world.listings["ETH_USDT"] = Listing("ETH_USDT", 230_000, "BREAK", delisted_ms=noon)
    done = fetch(["BTC_USDT", "ETH_USDT", "ETH_BUSD"], dumps=True)

    assert outcomes(done) == {"BTC_USDT": "complete", "ETH_USDT": "delisted", "ETH_BUSD": "delisted"}
    assert done.verdict(Policy(), "job") is None
    assert objects.read("ETH_USDT").facts["delisted_ms"] == noon
    assert len(server.asked("exchangeInfo")) == 1

    server.faults.append(Fault("exchangeInfo", 451, "not from here", times=9))
    assert outcomes(fetch(["ETH_BUSD"], dumps=True)) == {"ETH_BUSD": "empty"}


def test_an_exchange_that_bans_is_asked_for_no_other_symbol_of_the_dumps(server, fetch):
    noon = SAMPLE_START_MS + 720 * MINUTE_MS
    server.world.listings = {pair: Listing(pair, 1_000, listed_ms=noon) for pair in PAIRS}
    server.faults.append(Fault("v3/klines", 418, "banned", {"Retry-After": "86400"}, times=99))
    done = fetch([*PAIRS, "ETH_BUSD"], dumps=True)

    assert outcomes(done) == dict.fromkeys(PAIRS, "partial") | {"ETH_BUSD": "delisted"}
    assert len(server.asked("v3/klines")) == 1


@pytest.mark.usefixtures("unthrottled")
def test_a_pair_that_is_renamed_in_the_middle_of_the_day_has_two_halves(server, fetch, objects):
    noon = SAMPLE_START_MS + 720 * MINUTE_MS
    server.world.listings |= {
        "ETH_USDT": Listing("ETH_USDT", 230_000, "SETTLING", delisted_ms=noon),
        "POL_USDT": Listing("POL_USDT", 230_000, listed_ms=noon),
    }
    done = fetch(["ETH_USDT", "POL_USDT"], contract="futures")

    assert [(result.pair, result.outcome, result.bars) for result in done.results] == [
        ("ETH_USDT", "delisted", 720),
        ("POL_USDT", "partial", 720),
    ]
    assert done.verdict(Policy(), "job") is None
    assert objects.read("POL_USDT").facts["listed_ms"] == noon


@pytest.mark.parametrize("now", [0, -1, 10**30, "soon", None, [], {}], ids=repr)
def test_an_exchange_whose_time_is_none_stores_nothing(server, fetch, objects, now):
    server.faults.append(Fault("v3/time", 200, {"serverTime": now}, times=9))

    with pytest.raises((InvalidAnswer, SourceUnavailable)):
        fetch()
    assert objects.store.list("") == []


def test_an_exchanges_words_are_one_line_and_no_markdown(server, fetch):
    server.faults.append(Fault("klines", 400, {"code": -1121, "msg": "a\nb ![x](/graphql) <img src=x> `c`"}, times=9))
    (result,) = fetch(["BTC_USDT"]).results

    assert result.outcome == "failed"
    assert not set("\n<>`[]!") & set(result.reason)


def test_a_second_fetch_of_an_unchanged_day_writes_nothing_and_days_come_in_any_order(server, objects, fetch):
    for day in (date(2024, 1, 2), FIRST):
        fetch(day=day)
    hashes = {pair: objects.read(pair).bars.sha256 for pair in PAIRS}
    done = fetch()
    assert not any(result.written.written for result in done.results)
    assert hashes == {pair: objects.read(pair).bars.sha256 for pair in PAIRS}
