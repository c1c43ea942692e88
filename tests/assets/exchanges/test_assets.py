"""The graph of a job's day in Dagster, from the sample exchange to rows: what a rerun, a revision and a failure do."""

from datetime import date
from decimal import Decimal

import dagster as dg
import pyarrow as pa
import pytest

from assets.exchanges import download as program
from assets.exchanges.assets import LAKE_ASSETS, ohlcv_1m_raw, universe
from assets.exchanges.checks import CHECKS
from assets.exchanges.download import Exchange
from assets.exchanges.names import parse_job
from assets.exchanges.partitions import JOBS, partition_of
from assets.exchanges.tables import OHLCV_1D, OHLCV_1M, OHLCV_GAPS, VENDOR_CROSSCHECK
from assets.exchanges.universe import load
from core.partitions import PartitionAddress
from resources.clients.lake.lake import Lake
from resources.exchanges import ExchangesResource
from resources.io_managers.lake import LakeIOManager
from sandbox.exchanges.server import ExchangeServer, Fault
from sandbox.exchanges.world import MINUTE_MS, SAMPLE_PAIRS, SAMPLE_START_MS, World, listings

SPOT, DUMPS = "ccxt.binance.spot.v7", "binance.binance.spot.v7"
FIRST = date(2024, 1, 1)
PAIRS = ("BTC_USDT", "ETH_USDT", "BNB_USDT", "SOL_USDT")


@pytest.fixture
def server(monkeypatch, home):
    """An exchange with four pairs, which are all that the universe has."""
    small = load("v7")
    small = type(small)("v7", dict.fromkeys(small.pairs, PAIRS), small.sha256)
    for module in ("download", "stored", "checks"):
        monkeypatch.setattr(f"assets.exchanges.{module}.load", lambda _: small)
    with ExchangeServer(World(listings(PAIRS))) as server:
        monkeypatch.setenv("EXCHANGES_SOURCE", "live")
        monkeypatch.setenv("EXCHANGES_URL", server.root)
        monkeypatch.setenv("EXCHANGES_DUMPS_URL", server.root)
        yield server


def run(job=SPOT, day="2024-01-01", assets=(*LAKE_ASSETS[1:], *CHECKS)):
    resources = {"exchanges": ExchangesResource(), "lake": LakeIOManager()}
    key = partition_of(job, day)
    return dg.materialize(list(assets), partition_key=key, resources=resources, raise_on_error=False)


def rows(home, table, job=SPOT, day=FIRST) -> pa.Table:
    lake = Lake(Exchange.of({"HEADWATER_HOME": str(home)}).objects.store)
    return lake.open(table, [PartitionAddress.of(day, {"job": job})]).table()


def reasons(result):
    return [
        event.step_failure_data.user_failure_data.description
        for event in result.filter_events(lambda e: e.is_step_failure)
    ]


def test_the_samples_pairs_are_the_universes():
    assert sorted(SAMPLE_PAIRS) == sorted(load("v7").of(parse_job(SPOT)))
    assert [parse_job(key).key for key in JOBS] == list(JOBS)


def test_a_day_with_an_outage_a_loss_of_the_apis_and_a_revision(server, home):
    world = server.world
    ten = {SAMPLE_START_MS + minute * MINUTE_MS for minute in range(600, 610)}
    world.missing = dict.fromkeys(PAIRS, ten)
    world.hidden["BTC_USDT"] = {SAMPLE_START_MS + 99 * MINUTE_MS}
    assert run(DUMPS).success
    first = run()
    assert first.success
    assert {check.check_name: check.passed for check in first.get_asset_check_evaluations()} == {
        "sound_minutes": True,
        "no_jump": True,
        "others_agree": False,  # one minute only the second vendor has
        "every_minute_explained": True,
        "complete": True,
    }
    gaps = {(row["currency_pair"], row["minutes"], row["status"]) for row in rows(home, OHLCV_GAPS).to_pylist()}
    assert gaps == {*((pair, 10, "outage") for pair in PAIRS), ("BTC_USDT", 1, "unavailable")}
    days = {row["currency_pair"]: row for row in rows(home, OHLCV_1D).to_pylist()}
    assert days["BTC_USDT"]["n_minutes"] == 1429
    assert not days["BTC_USDT"]["is_complete"]

    store = Exchange.of({"HEADWATER_HOME": str(home)}).objects.store
    before = {found.key: store.read(found.key) for found in store.list("v3/")}
    assert run().success
    assert before == {found.key: store.read(found.key) for found in store.list("v3/")}

    world.changed["ETH_USDT"] = {SAMPLE_START_MS: Decimal("1.01")}
    assert run().success
    after = {found.key: store.read(found.key) for found in store.list("v3/")}
    (key,) = [key for key in after if after[key] != before[key]]
    assert "/ccxt/" in key
    assert "ETH_USDT" in key
    minutes = rows(home, OHLCV_1M)
    statuses = minutes.column("status").to_pylist()
    assert statuses.count("revised") == 1


def test_a_complete_day_agrees_with_the_exchanges_own(server, home):
    assert run().success
    findings = rows(home, VENDOR_CROSSCHECK).to_pylist()
    assert {row["severity"] for row in findings} == {"ok"}
    assert len([row for row in findings if row["kind"] == "exchange_1h"]) == 24 * 4


def test_a_failed_symbol_fails_the_run_by_name_and_keeps_the_others(server, home):
    server.faults.append(Fault("symbol=ETHUSDT", 451, "no", times=99))
    result = run(assets=[ohlcv_1m_raw])

    assert not result.success
    assert "1 of 4 symbols are not complete: ETH_USDT failed" in reasons(result)[0]
    exchange = Exchange.of({"HEADWATER_HOME": str(home)})
    stored = [pair for pair in PAIRS if exchange.objects.read(exchange.key(parse_job(SPOT), pair, FIRST))]
    assert stored == ["BTC_USDT", "BNB_USDT", "SOL_USDT"]
    assert server.requests[-1].parameters["symbol"] == "SOLUSDT"


def test_the_policy_may_be_to_warn(server, monkeypatch):
    monkeypatch.setenv("EXCHANGES_ON_MISSING", "warn")
    server.faults.append(Fault("symbol=ETHUSDT", 451, "no", times=99))

    assert run(assets=[ohlcv_1m_raw]).success


def test_test_needs_a_user_whose_data_lies_apart(server, home, monkeypatch):
    monkeypatch.setenv("HEADWATER_STAGE", "test")
    monkeypatch.setenv("LAKE_URI", str(home / "lake"))
    assert "EXCHANGES_USER" in reasons(run(assets=[ohlcv_1m_raw]))[0]
    monkeypatch.setenv("EXCHANGES_USER", "ann")
    assert run(assets=[ohlcv_1m_raw]).success
    store = Exchange.of({"HEADWATER_HOME": str(home)}).objects.store
    assert len(store.list("ann/v3/")) == 4
    assert not store.list("v3/")


def test_elsewhere_a_source_has_to_be_set(home, monkeypatch):
    monkeypatch.setenv("HEADWATER_STAGE", "prod")
    monkeypatch.setenv("LAKE_URI", str(home / "lake"))
    result = run(assets=[ohlcv_1m_raw])

    assert "EXCHANGES_SOURCE is not set" in reasons(result)[0]


def test_the_program_does_the_same_and_its_exit_code_tells(server, home, capsys):
    assert program.main([SPOT, "2024-01-01"]) == 0
    assert '"symbols_complete": 4' in capsys.readouterr().out
    server.faults.append(Fault("symbol=ETHUSDT", 451, "no", times=99))
    assert program.main([SPOT, "2024-01-02"]) == 1
    assert "ETH_USDT failed" in capsys.readouterr().err
    assert program.main(["nothing", "2024-01-02"]) == 1


def test_the_universe_tells_its_hash():
    (event,) = dg.materialize([universe]).get_asset_materialization_events()
    assert event.materialization.metadata["v7 sha256"].value == load("v7").sha256
