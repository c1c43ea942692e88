import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidAnswer, SettingError, SourceRefused, SourceUnavailable
from resources.clients.http.api import Answer
from resources.clients.markets.blockchair import Blockchair
from resources.clients.markets.coingecko import PRO_ROOT, PUBLIC_ROOT, CoinGecko, error_of
from resources.clients.markets.units import UnitLedger
from sandbox.markets.server import Fault, MarketServer
from tests.standins.markets import DayClock, coin, world

SECRET = "CG-never-to-be-seen"


class CountingLedger(UnitLedger):
    """Without a database."""

    def __init__(self):
        super().__init__(None, "Blockchair", None, DayClock())

    def charge(self, units):
        self.charged += units

    def refund(self, units):
        self.charged -= units


@pytest.fixture
def market():
    with MarketServer(world()) as server:
        yield server


@pytest.fixture
def clock():
    return DayClock()


def client(market, clock, plan="keyless", key=None, root=None):
    return CoinGecko(plan, key, clock, root=root or market.coingecko_root, per_minute=25)


def test_calls_are_spaced_by_the_minutes_allowance(market, clock):
    gecko = client(market, clock)
    for _ in range(3):
        gecko.global_figures()
    assert clock.slept == pytest.approx([2.4, 2.4])


def test_the_daily_points_come_with_the_one_of_this_moment(market, clock):
    chart = client(market, clock).market_chart("bitcoin", "usd", 2)
    midnight, now = chart["prices"][-2], chart["prices"][-1]
    assert midnight[0] % 86_400_000 == 0
    assert now[0] % 86_400_000 != 0
    assert market.requests[-1].parameters["interval"] == "daily"


def test_plans_ask_their_own_host_with_their_own_header(market, clock):
    assert CoinGecko("demo", SECRET, clock).http.root == PUBLIC_ROOT
    assert CoinGecko("pro", SECRET, clock).http.root == PRO_ROOT
    client(market, clock, "demo", SECRET).global_figures()
    assert market.requests[-1].headers["x-cg-demo-api-key"] == SECRET
    client(market, clock, "pro", SECRET, market.pro_root).global_figures()
    assert market.requests[-1].headers["x-cg-pro-api-key"] == SECRET
    assert all(SECRET not in f"{request.path}{request.parameters}" for request in market.requests)


def test_a_key_of_the_other_plan_is_told_apart_by_the_remedy(market, clock):
    with pytest.raises(SourceRefused, match="COINGECKO_PLAN=pro"):
        client(market, clock, "pro", SECRET).global_figures()
    with pytest.raises(SourceRefused, match="COINGECKO_PLAN=demo"):
        client(market, clock, "demo", SECRET, market.pro_root).global_figures()
    assert len(market.requests) == 2


def test_a_plan_with_a_key_fails_early_without_one(clock):
    with pytest.raises(SettingError, match="COINGECKO_API_KEY is not set"):
        CoinGecko("demo", None, clock)


@pytest.mark.parametrize(
    "body",
    [
        {"status": {"error_code": 10005, "error_message": "plan restricted"}},
        {"error": {"status": {"error_code": 10005, "error_message": "plan restricted"}}},
        {"error": "plan restricted"},
    ],
)
def test_all_three_shapes_of_an_error_are_read(body, market, clock):
    market.faults.append(Fault("global", 401, body))
    with pytest.raises(SourceRefused, match="plan restricted"):
        client(market, clock).global_figures()
    assert len(market.requests) == 1


def test_an_error_under_a_good_status_is_an_error(market, clock):
    market.faults.append(Fault("global", 200, {"error": {"status": {"error_code": 10002, "error_message": "no key"}}}))
    with pytest.raises(SourceRefused, match="COINGECKO_API_KEY"):
        client(market, clock).global_figures()


@pytest.mark.parametrize("fault", [Fault("global", status) for status in (408, 429, 500, 503)], ids=str)
def test_what_may_pass_is_tried_again(fault, market, clock):
    market.faults.append(fault)
    assert client(market, clock).global_figures()["total_market_cap"]["usd"] == 10**12
    assert len(market.requests) == 2


@pytest.mark.parametrize("broken", [Fault("global", None), Fault("global", 200, '{"data": {"total')], ids=str)
def test_a_line_that_breaks_is_tried_again(broken, market, clock):
    market.faults.append(broken)
    assert client(market, clock).global_figures()


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_what_cannot_pass_is_not(status, market, clock):
    market.faults.append(Fault("global", status, {"error": "no"}, times=9))
    with pytest.raises(SourceRefused):
        client(market, clock).global_figures()
    assert len(market.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_an_address_that_leads_elsewhere_is_told_with_its_setting_and_not_followed(status, market, clock):
    there = "https://elsewhere.example.com/v3/global"
    market.faults += [
        Fault("/global", status, "", {"Location": f"{there}?x_cg_demo_api_key=planted"}),
        Fault("bitcoin/stats", status, "", {"Location": f"{there}?key=planted"}),
    ]
    blockchair = Blockchair(CountingLedger(), clock, root=market.blockchair_root)
    for ask, setting in (
        (client(market, clock).global_figures, "COINGECKO_URL"),
        (lambda: blockchair.stats("bitcoin"), "BLOCKCHAIR_URL"),
    ):
        with pytest.raises(
            SourceRefused, match=f"leads to {there}, and redirects are not followed: set {setting}"
        ) as told:
            ask()
        assert "planted" not in str(told.value)
    assert len(market.requests) == 2


def test_the_servers_own_pause_is_kept(market, clock):
    market.faults.append(Fault("global", 429, headers={"Retry-After": "37"}))
    client(market, clock).global_figures()
    assert 37 in clock.slept


def test_a_pause_too_long_is_left_to_the_run(market, clock):
    market.faults.append(Fault("global", 429, headers={"Retry-After": "86400"}))
    with pytest.raises(SourceUnavailable, match="429"):
        client(market, clock).global_figures()
    assert len(market.requests) == 1


def test_an_outage_is_named_with_address_and_remedy(market, clock):
    market.faults.append(Fault("", 503, times=99))
    with pytest.raises(SourceUnavailable, match=r"CoinGecko: no usable answer to http.*/global after 6 .*run again"):
        client(market, clock).global_figures()


def test_no_key_in_any_message_or_log(market, clock, caplog):
    caplog.set_level(logging.DEBUG)
    gecko = client(market, clock, "demo", SECRET)
    market.faults.append(Fault("global", 403, {"error": "no"}))
    with pytest.raises(SourceRefused) as refused:
        gecko.global_figures()
    market.faults.append(Fault("global", 503, times=9))
    with pytest.raises(SourceUnavailable) as unavailable:
        gecko.global_figures()
    assert SECRET not in f"{refused.value}{unavailable.value}{gecko.http!r}{caplog.text}"


def test_history_beyond_the_plan_is_refused_with_the_reason(market, clock):
    with pytest.raises(SourceRefused, match="365 days"):
        client(market, clock).market_chart("bitcoin", "usd", 400)


@given(st.integers(0, 1100), st.integers(1, 250))
def test_every_coin_once_whatever_the_number_of_pages(count, doubled):
    coins = [coin(f"coin-{at}", [1]) for at in range(count)]
    with MarketServer(world(coins=coins)) as server:
        gecko = CoinGecko("keyless", None, DayClock(), root=server.coingecko_root)
        found = gecko.markets([entry.id for entry in coins] or ["none"], "usd")
        assert sorted(entry["id"] for entry in found) == sorted(entry.id for entry in coins)
        assert len(server.requests) == count // 250 + 1


def test_a_coin_that_moves_between_pages_counts_once(market, clock):
    page = [{"id": f"coin-{at}"} for at in range(250)]
    market.faults += [Fault("markets", 200, page), Fault("markets", 200, [{"id": "coin-249"}, {"id": "coin-250"}])]
    assert len(client(market, clock).markets([f"coin-{at}" for at in range(251)], "usd")) == 251


@pytest.mark.parametrize(("coins", "pages"), [(3, 1), (249, 1), (250, 2), (600, 3)])
def test_full_pages_without_end_end(coins, pages, market, clock):
    """A proxy that passes over `page`, or over `ids`, answers every page alike."""
    market.faults.append(Fault("markets", 200, [{"id": f"coin-{at}"} for at in range(250)], times=99))
    found = client(market, clock).markets([f"coin-{at}" for at in range(coins)], "usd")
    assert (len(found), len(market.requests)) == (250, pages)


def test_an_answer_of_another_form_is_no_data(market, clock):
    market.faults.append(Fault("global", 200, []))
    with pytest.raises(InvalidAnswer, match="global"):
        client(market, clock).global_figures()


@given(st.integers(100, 599).filter(lambda status: status != 200), st.text(max_size=20))
def test_no_bad_status_passes_for_good(status, text):
    code, _ = error_of(Answer(status, None, text))
    assert code is not None


@pytest.mark.parametrize("code", [10006, "10006"])
@pytest.mark.parametrize("status", [429, 403, 200])
@pytest.mark.parametrize("wrapped", [True, False])
def test_the_months_spent_credits_are_told_from_the_minutes_limit(code, status, wrapped):
    body = {"status": {"error_code": code, "error_message": "monthly credit limit reached"}}
    document = {"error": body} if wrapped else body
    assert error_of(Answer(status, document, "")) == (10006, "monthly credit limit reached")
    minute = {"status": {"error_code": 429, "error_message": "too many"}}
    assert error_of(Answer(429, minute, ""))[0] == 429
