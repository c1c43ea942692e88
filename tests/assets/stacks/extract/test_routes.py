"""Every endpoint's contract, against the sandbox and against recorded answers; and what happens when it is broken."""

import gzip
import json

import pytest

from assets.stacks.extract import routes
from assets.stacks.transform.prices import series
from assets.stacks.transform.stacking import Cycles, pools, stackers
from core.errors import InvalidAnswer, QuotaSpent, SettingError, SourceMoved, SourceRefused, SourceUnavailable
from resources.clients.http.api import HttpApi
from resources.clients.lake.object_store import MemoryObjectStore
from resources.clients.markets.coingecko import require_no_error
from resources.clients.stacks.answers import Bundle, RawAnswer, RawAnswers, required, results, whole
from resources.clients.stacks.api import AnswerApi, Route
from resources.stacks import StacksResource
from sandbox.stacks.chain import make_chain
from sandbox.stacks.server import SILENCE, Fault, StacksServer, now_of
from sandbox.stacks.story import Story
from tests.standins.clock import ManualClock
from tests.standins.stacks import REAL, needs_real_rows

CHAIN = make_chain(Story(days=3))
KEY = "a-key-that-nobody-may-see"


@pytest.fixture
def server():
    with StacksServer(CHAIN, now_of(CHAIN)) as served:
        yield served


@pytest.fixture
def clock():
    return ManualClock()


def api(root, clock, header="x-api-key"):
    return AnswerApi(HttpApi("Stacks API", root, clock, headers={header: KEY}), clock, "STACKS_API_KEY")


def test_the_nodes_state(server, clock):
    bundle = routes.node_state(api(server.root, clock), clock)
    assert {answer.name for answer in bundle.answers} == {"info", "pox", "fee", "supply", "signers"}
    assert bundle.absent() == {}
    cycles = Cycles.of(bundle.document("pox"))
    assert cycles.start(cycles.number) <= cycles.height < cycles.end
    assert whole(bundle.document("fee"), "fee") == 1
    assert stackers(results(bundle.pages("signers"), "signing_key")) == sum(
        number + (0 if number == 3 else 100 * number + 1) for number in range(7)
    )


def test_everything_else_that_is_asked(server, clock):
    assert routes.cycles(api(server.root, clock), clock).pages("cycles")[0]["total"] >= 1
    coingecko = api(server.coingecko_root, clock)
    hourly = routes.prices(coingecko, clock)
    for symbol in routes.COINS:
        assert len(series(hourly.document(symbol), "prices")) > 90 * 23
    daily = series(routes.market_series(coingecko, clock).document("series"), "market_caps")
    assert len(daily) == 181
    assert required(routes.coin(coingecko, clock).document("coin"), "market_data", "ath", "usd") > 0
    assert "interval" not in server.requests[2].parameters
    lunar = AnswerApi(
        HttpApi("LunarCrush", server.lunar_root, clock, headers={"Authorization": f"Bearer {KEY}"}), clock, "KEY"
    )
    assert routes.lunar(lunar, clock).document("spot")["data"]["galaxy_score"] == 61.5


@pytest.mark.parametrize("status", [404, 410])
def test_an_optional_route_that_is_absent_is_an_answer_with_its_reason(server, clock, status):
    server.absent = {"/extended/": status}
    bundle = routes.node_state(api(server.root, clock), clock)
    assert bundle.pages("signers") == []
    assert bundle.document("supply") is None
    assert str(status) in bundle.absent()["signers"]
    assert len(server.requests) == 5  # none was tried again


def test_a_route_that_is_needed_names_what_took_its_place(server, clock):
    server.absent = {"/v2/pox": 410}
    with pytest.raises(SourceRefused, match=r"v2/pox: 410 .*switched off"):
        routes.node_state(api(server.root, clock), clock)
    with pytest.raises(SourceRefused, match="use extended/v3/tokens/stx/supply"):
        api(server.root, clock).ask(Route("supply", "extended/v1/stx_supply", {}))


def test_an_address_that_leads_elsewhere_says_where(server, clock):
    server.faults = [Fault("/v2/info", 308, "", {"Location": "https://elsewhere.example.com/v2/info"})]
    with pytest.raises(SourceRefused, match="leads to https://elsewhere.example.com/v2/info, and redirects are not"):
        routes.node_state(api(server.root, clock), clock)
    assert len(server.requests) == 1


TRANSIENT = [
    Fault("/v2/info", 429, {"error": "slow down"}, {"Retry-After": "7"}),
    Fault("/v2/info", 500, "oops", times=2),
    Fault("/v2/info", None),
    Fault("/v2/info", None, SILENCE),
    Fault("/v2/info", 200, "<html>maintenance</html>", {"Content-Type": "text/html"}),
    Fault("/v2/info", 200, gzip.compress(b'{"a": 1}' * 500)[:-20], {"Content-Encoding": "gzip"}),
]


@pytest.mark.parametrize("fault", TRANSIENT, ids=["429", "500", "dropped", "silent", "html", "gzip"])
def test_what_may_go_away_is_tried_again(server, clock, fault):
    server.faults = [Fault(fault.path, fault.status, fault.body, dict(fault.headers), fault.times)]
    asked = api(server.root, clock)
    if fault.body is SILENCE:
        asked.http = HttpApi("Stacks API", server.root, clock, timeout=0.3)
    bundle = routes.node_state(asked, clock)
    (info,) = [answer for answer in bundle.answers if answer.name == "info"]
    assert info.attempt == fault.times + 1
    assert info.document["stacks_tip_height"] == CHAIN.tip["block_height"]
    if fault.headers.get("Retry-After"):
        assert clock.monotonic() >= 7


def test_what_does_not_go_away_ends_in_time(server, clock):
    server.faults = [Fault("/v2/info", 503, "down", times=1000)]
    with pytest.raises(SourceUnavailable, match="6 attempts"):
        routes.node_state(api(server.root, clock), clock)


def test_an_error_in_an_answer_of_status_200_is_an_error(server, clock):
    server.faults = [Fault("/v2/info", 200, {"Response": "Error", "Message": "no"})]
    with pytest.raises(SourceRefused, match="v2/info"):
        routes.node_state(api(server.root, clock), clock)


@pytest.fixture
def coingecko(server, monkeypatch):
    """CoinGecko as the room's resource asks it, beside a node of one's own."""

    def asked(plan="keyless", key=""):
        monkeypatch.setenv("STACKS_DB_HOST", "stacks-db.example.com")
        monkeypatch.setenv("COINGECKO_PLAN", plan)
        monkeypatch.setenv("COINGECKO_API_KEY", key)
        monkeypatch.setenv("COINGECKO_URL", server.coingecko_root)
        return StacksResource().prices()

    return asked


def told(code, message, status):
    return Fault("/coins/", status, {"status": {"error_code": code, "error_message": message}}, times=99)


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (told(10006, "monthly credit limit reached", 429), QuotaSpent, "next month"),
        (told(10006, "monthly credit limit reached", 200), QuotaSpent, "COINGECKO_PLAN=keyless"),
        (told(10012, "too old", 401), SourceRefused, "365 days"),
        (told(10010, "wrong key", 400), SourceRefused, "COINGECKO_PLAN=pro"),
    ],
)
def test_what_coingecko_says_by_its_own_codes_counts_here_too(fault, error, words, server, coingecko):
    server.faults = [fault]
    with pytest.raises(error, match=words):
        routes.prices(coingecko(), ManualClock())
    assert len(server.requests) == 1


def test_a_minutes_limit_told_under_a_good_status_is_tried_again(server, clock):
    server.faults = [told(429, "slow down", 200)]
    server.faults[0].times = 1
    asked = AnswerApi(HttpApi("CoinGecko", server.coingecko_root, clock), clock, "KEY", require_no_error)
    assert routes.coin(asked, clock).answers[0].attempt == 2


def test_a_plan_with_a_key_is_not_asked_without_one(coingecko):
    with pytest.raises(SettingError, match="COINGECKO_API_KEY is not set, and the demo plan needs it"):
        coingecko("demo")
    assert coingecko("demo", KEY).http.headers == {"x-cg-demo-api-key": KEY}


def test_a_listing_that_moves_is_begun_anew_and_ends(server, clock):
    page = {"limit": 250, "offset": 0, "total": 9, "results": [{"signing_key": str(at)} for at in range(250)]}
    server.faults = [Fault("/signers", 200, page), Fault("/signers", 200, page | {"total": 251})]
    bundle = routes.node_state(api(server.root, clock), clock)
    assert len(list(results(bundle.pages("signers"), "signing_key"))) == 7
    endless = [page | {"total": 10_000 + number} for number in range(2000)]
    server.faults = [Fault("/signers", 200, body) for body in endless]
    with pytest.raises(SourceMoved):
        routes.node_state(api(server.root, clock), clock)


def test_the_sample_of_prices_is_none_for_a_node_of_ones_own(coingecko, server):
    with pytest.raises(SettingError, match="COINGECKO_PLAN=sample has no prices for the node behind STACKS_DB_HOST"):
        coingecko("sample")
    assert server.requests == []


def test_an_entry_on_two_pages_stands_for_one_that_was_not_seen(server, clock):
    """Between two pages a signer left and another came: the total is the same, and each page is as it should be."""
    first = {"total": 251, "results": [{"signing_key": str(at)} for at in range(250)]}
    server.faults = [
        Fault("/signers", 200, first),
        Fault("/signers", 200, {"total": 251, "results": first["results"][-1:]}),
    ]
    bundle = routes.node_state(api(server.root, clock), clock)
    assert len(list(results(bundle.pages("signers"), "signing_key"))) == 7  # asked again from the first page
    twice = [{"total": 2, "results": [{"cycle_number": 84}] * 2}]
    server.faults = [Fault("/pox/cycles", 200, page, times=9) for page in twice]
    with pytest.raises(SourceMoved, match="do not add up"):
        routes.cycles(api(server.root, clock), clock)


def test_a_spent_budget_is_waited_out(clock):
    with StacksServer(CHAIN, now_of(CHAIN), budget=2) as server:
        routes.node_state(api(server.root, clock), clock)
    assert clock.monotonic() >= 17 * 3


@pytest.mark.parametrize(
    ("remaining", "reset", "seconds"),
    [("0", "17", 17), ("-3", "17", 17), ("0", "nan", 60), ("0", "inf", 60), ("0", "9" * 400, 60), ("0", "-5", 60),
     ("0", "", 60), ("1", "17", 0), ("many", "17", 0)],
)  # fmt: skip
def test_a_budget_is_waited_for_a_minute_at_most_whatever_the_header_says(clock, remaining, reset, seconds):
    headers = {"RateLimit-Remaining": remaining, "RateLimit-Reset": reset}
    with StacksServer(CHAIN, now_of(CHAIN)) as server:
        server.faults = [Fault("/v2/info", 200, {"stacks_tip_height": 1}, headers)]
        asked, started = api(server.root, clock), clock.monotonic()
        for path in ("v2/info", "v2/pox"):
            asked.ask(Route("any", path, {}))
    assert clock.monotonic() - started == seconds


def test_a_route_that_is_going_away_is_told_while_it_still_answers(server, clock, caplog):
    header = {"Warning": '299 - "Deprecated: see https://docs.hiro.so"'}
    server.faults = [Fault("/v2/fees", 200, "1", header)]
    bundle = routes.node_state(api(server.root, clock), clock)
    assert whole(bundle.document("fee"), "fee") == 1
    (told,) = [record.getMessage() for record in caplog.records if record.name == "headwater.stacks"]
    assert "v2/fees/transfer" in told
    assert "Deprecated" in told


def test_kept_answers_never_change_and_hold_no_key(server, clock):
    server.faults = [Fault("/v2/fees", 200, json.dumps({"echo": KEY}))]
    store = MemoryObjectStore()
    raw = RawAnswers(store)
    bundle = routes.node_state(api(server.root, clock), clock)
    key = raw.keep(bundle)
    assert raw.newest("node_state") == bundle
    assert KEY not in gzip.decompress(store.read(key)).decode()
    before = store.read(key)
    assert raw.keep(bundle) == key
    other = Bundle("node_state", bundle.observed_at, bundle.answers[:1])
    assert raw.keep(other) != key
    assert store.read(key) == before


@pytest.mark.parametrize(
    "body",
    ["{", "[]", '{"results": 3}', "null", '"' + "9" * 5000 + '"', "[" * 100_000],
    ids=lambda value: repr(value)[:20],
)
def test_a_body_that_is_no_page_ends_as_an_error_of_ours(body):
    answer = RawAnswer("signers", "http://localhost/signers", 200, "", 1, body)
    with pytest.raises(InvalidAnswer):
        list(results(Bundle("x", ManualClock().now(), (answer,)).pages("signers"), "signing_key"))


@pytest.mark.parametrize("value", [None, True, "1e3", "9" * 41, [], "0x1", float("nan")])
def test_a_number_that_is_none_is_refused(value):
    with pytest.raises(InvalidAnswer):
        whole(value, "it")


@needs_real_rows
def test_recorded_answers_are_understood():
    def recorded(name):
        return json.loads((REAL / "api" / name).read_text())

    cycles = Cycles.of(recorded("v2_pox.json"))
    assert (cycles.length, cycles.number) == (2100, (812_345 - 666_050) // 2100)
    signers = list(results([recorded("extended_v2_pox_cycle_signers.json")], "signing_key"))
    assert stackers(signers) > 5000
    number, top = pools(signers, {"STRYYQQ9M8KAF4NS7WNZQYY59X93XEKR31JP64CP": "a pool"})
    assert number["total_pools"] == len(top)
    assert top["a pool"]["value"] == 686_251_350_000.0
    assert len(list(results([recorded("extended_v2_pox_cycles.json")], "cycle_number"))) == 3
    assert whole(required(recorded("v2_info.json"), "stacks_tip_height"), "height") == 1_832_097
    assert whole(recorded("v2_fees_transfer.json"), "fee") == 1
    assert whole(required(recorded("extended_v3_tokens_stx_supply.json"), "total"), "total") == 1_470_469_916_700_000
