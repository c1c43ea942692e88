"""Whatever an API answers, with whatever in the place of any value, ends as a document or as an error of ours."""

import copy
import json
import math
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from assets.stacks.extract import compared, routes
from assets.stacks.public import current, daily
from assets.stacks.transform import spot, stacking
from assets.stacks.transform.prices import Prices, series
from core.errors import HeadwaterError, InvalidAnswer, LakeDamaged, SourceMoved
from resources.clients.http.api import HttpApi
from resources.clients.lake.object_store import MemoryObjectStore
from resources.clients.stacks import api as api_module
from resources.clients.stacks.answers import Bundle, RawAnswer, RawAnswers, results
from resources.clients.stacks.api import AnswerApi, Route
from sandbox.stacks import coingecko, hiro, lunar
from sandbox.stacks.chain import make_chain
from sandbox.stacks.server import Fault, StacksServer, now_of
from sandbox.stacks.story import Story
from tests.standins.clock import ManualClock

CHAIN = make_chain(Story(days=3, blocks_a_day=3))
NOW = now_of(CHAIN)
AT = datetime.fromtimestamp(NOW, UTC)
HOSTILE = [
    None, True, -1, 0, 10**39, 1e308, -5e-324, 0.5, math.inf, math.nan, "", "x" * 5000, "9" * 40, "9" * 41, "-1", "1e9",
    "\x00", [], [[]], {}, {"a": {}}, [1, 2], [[1e308, 1e308]], [[0, 0]] * 40, json.loads("[" * 60 + "]" * 60),
]  # fmt: skip


def hiro_answer(path):
    return hiro.answer(CHAIN, path, {})[1]


def chart():
    found = coingecko.answer(
        "coins/blockstack/market_chart", {"vs_currency": "usd", "days": "30", "interval": "daily"}, NOW
    )[1]
    return {name: points[-29:] for name, points in found.items()}


DOCUMENTS = {
    "info": hiro_answer("/v2/info"),
    "pox": hiro_answer("/v2/pox"),
    "fee": hiro_answer("/v2/fees/transfer"),
    "supply": hiro_answer("/extended/v3/tokens/stx/supply"),
    "signers": hiro_answer("/extended/v2/pox/cycles/3/signers"),
    "cycles": hiro_answer("/extended/v2/pox/cycles"),
    "coin": coingecko.answer("coins/blockstack", {}, NOW)[1],
    "series": chart(),
    "spot": lunar.answer("public/coins/STX/v1", {"authorization": "Bearer x"}, NOW)[1],
    "history": lunar.answer("public/coins/STX/time-series/v2", {"authorization": "Bearer x"}, NOW)[1],
    "seed": {"1610582400": 1.5},
}


def bundle(name, documents):
    answers = [
        RawAnswer(key, f"http://localhost/{key}", 200, "", 1, json.dumps(value)) for key, value in documents.items()
    ]
    return Bundle(name, AT, tuple(answers))


def moment_of(of_all):
    totals = {"whale": None, "median_fee": None, "total_txs_alltime": 1, "total_txs_past24": 1}
    return spot.Moment(NOW, of_all, of_all, totals, None, 3, Prices({NOW: 1.5}), Prices({NOW: 2.5}), 5, 6, NOW)


def consumed(documents):
    """Everything that is made of answers, one after the other; each as far as it comes."""
    of_all = bundle("all", documents)
    sources = SimpleNamespace(
        raw=lambda: SimpleNamespace(newest=lambda _: of_all),
        clock=lambda: SimpleNamespace(now=lambda: AT),
        figures=lambda: SimpleNamespace(names_of_pools={}, legacy=False),
    )
    moment = moment_of(of_all)
    makers = [
        lambda: spot.spot_stats(moment),
        lambda: routes.current_cycle(list(of_all.answers)),
        lambda: current.pools_number(sources, None),
        lambda: current.top_pools(sources, None),
        lambda: current.volumes(sources, None),
        lambda: current.caps(sources, None),
        lambda: current.financial_indicators(sources, None),
        lambda: current.rsi(sources, None),
        lambda: current.rvi(sources, None),
        lambda: current.ema(sources, None),
        lambda: current.lunar_spot(sources, None),
        lambda: current.lunar_history(sources, None),
        lambda: daily._seed(sources),
        lambda: series(of_all.document("series"), "prices"),
        lambda: compared.cycles({1: 5}, results(of_all.pages("cycles"), "cycle_number")).problems,
        lambda: stacking.stackers(results(of_all.pages("signers"), "signing_key")),
    ]
    for make in makers:
        try:
            made = make()
        except HeadwaterError:
            continue
        text = made if isinstance(made, str) else json.dumps(made, allow_nan=False)
        assert "inf" not in text.lower().replace("info", "")
        assert "nan" not in text.lower().replace("finan", "")


def paths(document, most=3):
    """Every place of a document; of a list the first entries and the last one."""
    yield ()
    if isinstance(document, dict):
        places = list(document)
    elif isinstance(document, list):
        places = sorted({*range(min(most, len(document))), len(document) - 1} - {-1})
    else:
        places = []
    for place in places:
        for rest in paths(document[place], most):
            yield (place, *rest)


def replaced(document, path, value):
    if not path:
        return value
    changed = copy.copy(document)
    changed[path[0]] = replaced(document[path[0]], path[1:], value)
    return changed


def test_honest_answers_are_taken():
    consumed(DOCUMENTS)


@pytest.mark.parametrize("unknown", [{}, {"ath": None}, {"ath": {}}, {"ath": {"usd": None}}, {"ath": {"eur": 3}}])
def test_what_coingecko_does_not_know_of_the_coin_is_null_beside_all_other_figures(unknown):
    market = {"ath": {"usd": 3.5}, "ath_change_percentage": {"usd": -40.123}} | unknown
    market |= {"ath_change_percentage": unknown["ath"]} if unknown else {}
    found = spot.spot_stats(moment_of(bundle("all", DOCUMENTS | {"coin": {"market_data": market}})))
    expected = (None, None) if unknown else (3.5, -40.12)
    assert (found["ath"], found["perc_from_ath"]) == expected
    assert found["total_stacked"] > 0
    assert ("ath" in spot.missing(found)) == bool(unknown)  # which the check `complete` warns of


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_hostile_value_in_any_place_ends_as_a_document_or_an_error_of_ours(name):
    for path in paths(DOCUMENTS[name]):
        for value in HOSTILE:
            try:
                consumed(DOCUMENTS | {name: replaced(DOCUMENTS[name], path, value)})
            except Exception as error:
                raise AssertionError(f"{name} at {path} with {value!r:.60}: {error!r}") from error


def listing(clock, server):
    http = HttpApi("Stacks API", server.root, clock)
    return AnswerApi(http, clock, "KEY").ask(Route("signers", "signers", {}, page=2))


PAGES = {
    "a page that is cut": [{"total": 3, "results": [1]}],
    "a total of less": [{"total": 1, "results": [1, 2]}],
    "a total that is negative": [{"total": -1, "results": [1, 2]}],
    "a total of more": [{"total": 5, "results": [1, 2]}, {"total": 5, "results": []}],
    "a total that changes": [{"total": 4, "results": [1, 2]}, {"total": 3, "results": [3]}],
}


@pytest.mark.parametrize("name", PAGES)
def test_pages_that_do_not_add_up_are_asked_for_again_and_then_refused(name):
    clock = ManualClock()
    with StacksServer(CHAIN, NOW) as server:
        server.faults = [Fault("/signers", 200, page) for _ in range(api_module.LISTINGS) for page in PAGES[name]]
        with pytest.raises(SourceMoved, match="do not add up"):
            listing(clock, server)
        # Whole ones after all.
        server.faults = [Fault("/signers", 200, page) for page in PAGES[name]]
        server.faults.append(Fault("/signers", 200, {"total": 1, "results": [1]}))
        assert json.loads(listing(clock, server)[0].body)["total"] == 1


def test_pages_without_end_end(monkeypatch):
    monkeypatch.setattr(api_module, "MOST_PAGES", 5)
    with StacksServer(CHAIN, NOW) as server:
        server.faults = [Fault("/signers", 200, {"results": [1, 2]}, times=100)]
        with pytest.raises(SourceMoved, match="no end after 5 pages"):
            listing(ManualClock(), server)
        monkeypatch.setattr(api_module, "MOST_BYTES", 50)
        with pytest.raises(InvalidAnswer, match="more than 50 characters"):
            listing(ManualClock(), server)


@pytest.mark.parametrize(
    "body", ["[" * 200_000, '{"a": ' + "9" * 500 + "}", '{"a": 1e999999}', '"' + "x" * (65 << 20) + '"'],
    ids=["deep", "digits", "power", "large"],
)  # fmt: skip
def test_an_answer_beyond_all_bounds_is_refused_at_once(body):
    with StacksServer(CHAIN, NOW) as server:
        server.faults = [Fault("/v2/info", 200, body, times=100)]
        clock = ManualClock()
        with pytest.raises(InvalidAnswer):
            routes.node_state(AnswerApi(HttpApi("Stacks API", server.root, clock), clock, "KEY"), clock)
        assert len(server.requests) == 1


@pytest.mark.parametrize("data", [b"", b"\x1f\x8b", b"not gzip"])
def test_a_damaged_bundle_is_named(data):
    store = MemoryObjectStore()
    store.write("raw/stacks/coin/2021.json.gz", data)
    with pytest.raises((InvalidAnswer, LakeDamaged), match=r"raw/stacks/coin/2021\.json\.gz"):
        RawAnswers(store).newest("coin")
