"""The graph of a job's day in Dagster, from the sample exchange to rows: what a rerun, a revision and a failure do."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import uuid4

import dagster as dg
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from assets.exchanges import download as program
from assets.exchanges.assets import LAKE_ASSETS, ohlcv_1m_raw, universe
from assets.exchanges.checks import CHECKS
from assets.exchanges.download import Exchange
from assets.exchanges.filled import read_filled
from assets.exchanges.names import parse_job
from assets.exchanges.partitions import JOBS, partition_of
from assets.exchanges.stored import stored_days
from assets.exchanges.tables import MARKET_CROSSCHECK, OHLCV_1D, OHLCV_1M, OHLCV_GAPS, VENDOR_CROSSCHECK
from assets.exchanges.universe import load
from core.errors import DayMissing
from core.partitions import PartitionAddress
from resources.clients.exchanges.profiles import profile_of
from resources.clients.lake.lake import Lake
from resources.ecs import PipesEcsTasks
from resources.exchanges import RETRIES, ExchangesResource
from resources.io_managers.lake import LakeIOManager
from resources.retries import Retries
from sandbox.exchanges.server import ExchangeServer, Fault
from sandbox.exchanges.world import MINUTE_MS, SAMPLE_PAIRS, SAMPLE_START_MS, Listing, World, listings
from tests.standins.clock import ManualClock
from tests.standins.ecs import Ecs

SPOT, DUMPS, OKX = "ccxt.binance.spot.v7", "binance.binance.spot.v7", "ccxt.okx.spot.v7.3"
ALL = "ccxt.binance.spot.all"
FIRST = date(2024, 1, 1)
LAKE_CHECKS = [check for check in CHECKS if MARKET_CROSSCHECK.name not in str(check.check_key)]
PAIRS = ("BTC_USDT", "ETH_USDT", "BNB_USDT", "SOL_USDT")


@pytest.fixture
def server(monkeypatch, home):
    """An exchange with four pairs, which are all that the universe has."""
    small = load("v7")
    small = type(small)("v7", dict.fromkeys([*small.pairs, ("ccxt", "okx")], PAIRS), small.sha256)
    monkeypatch.setattr("assets.exchanges.listed.load", lambda _: small)
    with ExchangeServer(World(listings(PAIRS))) as server:
        monkeypatch.setenv("EXCHANGES_SOURCE", "live")
        monkeypatch.setenv("EXCHANGES_URL", server.root)
        monkeypatch.setenv("EXCHANGES_DUMPS_URL", server.root)
        yield server


def run(job=SPOT, day="2024-01-01", assets=(*LAKE_ASSETS[1:], *LAKE_CHECKS), last=None, **config):
    resources = {"exchanges": ExchangesResource(), "lake": LakeIOManager()}
    key = partition_of(job, day)
    first, end = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
    return dg.materialize(
        list(assets),
        partition_key=None if last else key,
        tags={first: str(key), end: str(partition_of(job, last))} if last else None,
        run_config={"ops": {ohlcv_1m_raw.op.name: {"config": config}}},
        resources=resources,
        raise_on_error=False,
    )


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


def test_a_coin_that_is_split_at_midnight_is_a_jump(server):
    assert run().success
    listing = server.world.listings["ETH_USDT"]
    server.world.listings["ETH_USDT"] = replace(listing, start=listing.start // 1000)
    second = run(day="2024-01-02")

    assert second.success  # somebody should look at it
    (check,) = [one for one in second.get_asset_check_evaluations() if one.check_name == "no_jump"]
    assert not check.passed
    assert "ETH_USDT went from" in check.metadata["first_problems"].value
    assert check.metadata["problems"].value == 1


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


def test_a_repair_asks_for_the_symbols_that_lack_minutes_or_are_named(server, home, monkeypatch):
    monkeypatch.setenv("EXCHANGES_ON_MISSING", "warn")
    server.faults.append(Fault("symbol=ETHUSDT", 451, "no", times=99))
    (event,) = run(assets=[ohlcv_1m_raw]).get_asset_materialization_events()
    assert event.materialization.metadata["minutes_unfetched"].value == 1440
    exchange = Exchange.of({"HEADWATER_HOME": str(home)})
    store = exchange.objects.store
    before = {found.key: store.read(found.key) for found in store.list("v3/")}
    server.faults.clear()

    def repaired(**config):
        server.requests.clear()
        (event,) = run(assets=[ohlcv_1m_raw], **config).get_asset_materialization_events()
        asked = {request.parameters["symbol"] for request in server.asked("klines")}
        return asked, event.materialization.metadata["minutes_unfetched"].value

    assert repaired(pairs=["BTC_USDT"]) == ({"BTCUSDT"}, 1440)
    assert repaired(unfetched_only=True) == ({"ETHUSDT"}, 0)
    assert repaired(unfetched_only=True) == (set(), 0)
    assert server.requests == []
    after = {found.key: store.read(found.key) for found in store.list("v3/")}
    assert {key: after[key] for key in before} == before
    assert len(after) == 4
    assert "SHIB_USDT" in reasons(run(assets=[ohlcv_1m_raw], pairs=["SHIB_USDT"]))[0]


def test_each_day_of_a_range_has_its_checks_and_its_figures(server, home):
    result = run(day="2024-01-01", last="2024-01-02")

    assert result.success, reasons(result)
    keys = {str(partition_of(SPOT, day)) for day in ("2024-01-01", "2024-01-02")}
    told = [(check.check_name, check.partition, check.passed) for check in result.get_asset_check_evaluations()]
    assert sorted(told) == sorted((check.check_key.name, key, True) for check in LAKE_CHECKS for key in keys)
    raw = [event for event in result.get_asset_materialization_events() if event.asset_key == ohlcv_1m_raw.key]
    assert {event.partition: event.materialization.metadata["rows"].value for event in raw} == dict.fromkeys(keys, 5760)


def test_a_whole_day_of_an_exchange_with_other_paging_habits(server, home):
    result = run(OKX)

    assert result.success, reasons(result)
    assert all(check.passed for check in result.get_asset_check_evaluations())
    days = rows(home, OHLCV_1D, OKX).to_pylist()
    assert {row["currency_pair"]: row["n_minutes"] for row in days} == dict.fromkeys(PAIRS, 1440)
    findings = rows(home, VENDOR_CROSSCHECK, OKX).to_pylist()
    assert [row["kind"] for row in findings].count("exchange_1h") == 24 * 4
    assert {row["severity"] for row in findings} == {"ok"}
    paths = {request.path for request in server.requests}
    assert "api/v5/market/history-candles" in paths or "api/v5/market/candles" in paths


def test_a_day_with_quiet_minutes_can_be_read_whole_and_stays_as_it_is(server, home, monkeypatch):
    server.world.absent = True  # as Kraken and Crypto.com are, which no partition is of
    silent = replace(profile_of("okx"), empty_minute="absent")
    monkeypatch.setattr("assets.exchanges.assets.profile_of", lambda _: silent)
    result = run(OKX, assets=LAKE_ASSETS[1:4])
    assert result.success, reasons(result)
    exchange = Exchange.of({"HEADWATER_HOME": str(home)})
    before = {found.key: exchange.objects.store.read(found.key) for found in exchange.objects.store.list("")}
    found = read_filled(exchange, parse_job(OKX), FIRST)

    assert before == {found.key: exchange.objects.store.read(found.key) for found in exchange.objects.store.list("")}
    assert len(found) == 1440 * len(PAIRS)
    stored = rows(home, OHLCV_1M, OKX)
    by_bar = [("currency_pair", "ascending"), ("timestamp", "ascending")]
    bars = found.filter(pc.is_null(found.column("gap_class"))).select(stored.column_names)
    assert bars.to_pylist() == stored.sort_by(by_bar).to_pylist()
    quiet = found.filter(pc.equal(found.column("gap_class"), "no_trade"))
    assert len(quiet) > 10
    assert all(quiet.slice(len(PAIRS)).column("filled").to_pylist())
    with pytest.raises(DayMissing):
        read_filled(exchange, parse_job(OKX), date(2024, 1, 2))


def test_a_whole_day_of_all_that_the_exchange_lists(server, home):
    server.world.listings |= {"XRP_USDT": Listing("XRP_USDT", 6_000, "BREAK"), **listings(["LTC_USDT"])}
    result = run(ALL)

    assert result.success, reasons(result)
    assert all(check.passed for check in result.get_asset_check_evaluations())
    days = rows(home, OHLCV_1D, ALL).to_pylist()
    assert {row["currency_pair"]: row["n_minutes"] for row in days} == dict.fromkeys([*PAIRS, "LTC_USDT"], 1440)
    raw = next(event for event in result.get_asset_materialization_events() if event.asset_key == ohlcv_1m_raw.key)
    assert raw.materialization.metadata["universe_pairs"].value == 5
    assert raw.materialization.metadata["universe_is_of_a_later_day"].value is True


def test_a_day_of_all_without_a_list_says_what_to_materialize(server, home):
    result = dg.materialize(
        [*LAKE_ASSETS[1:]],
        selection=dg.AssetSelection.assets(LAKE_ASSETS[2]),
        partition_key=partition_of(ALL, "2024-01-01"),
        resources={"exchanges": ExchangesResource(), "lake": LakeIOManager()},
        raise_on_error=False,
    )
    assert "list of active symbols of ccxt.binance.spot.all on 2024-01-01, is not there" in reasons(result)[0]
    assert not server.requests


def old_frame(pair, minutes, known, close=1.5):
    """Rows as the old command stored them: floats, with an index that is called as the column is."""
    at = [SAMPLE_START_MS + minute * MINUTE_MS for minute in minutes]
    index = pd.DatetimeIndex(pd.to_datetime(at, unit="ms", utc=True), name="timestamp")
    columns = {"timestamp": at, "open": 1.1, "high": 2.0, "low": 1.0, "close": close, "volume": 30.25}
    more = {"currency_pair": pair, "exchange_id": "binance", "knowledge_timestamp": pd.Timestamp(known, tz="UTC")}
    frame = pd.DataFrame(columns | more, index=index)
    return frame.assign(year=index.year.astype("int32"), month=index.month.astype("int32"))


def test_days_of_the_old_layout_are_explained_and_resampled_like_any_other(server, home):
    dataset = home / "lake" / parse_job(SPOT).signature().path
    frames = [
        old_frame("BTC_USDT", range(1440), "2024-01-02"),
        old_frame("BTC_USDT", range(60), "2024-01-03", close=1.7),  # a retry, which appended
        old_frame("ETH_USDT", [*range(600), *range(610, 2880)], "2024-01-03"),
    ]
    for frame in frames:
        table, parts = pa.Table.from_pandas(frame), ["currency_pair", "year", "month"]
        assert "__index_level_0__" in table.column_names
        pq.write_to_dataset(table, dataset, partition_cols=parts, basename_template=f"{uuid4()}-{{i}}.parquet")
    done = dg.materialize(
        [*LAKE_ASSETS[1:], *LAKE_CHECKS],
        selection=dg.AssetSelection.assets(*LAKE_ASSETS[2:6]),
        partition_key=partition_of(SPOT, "2024-01-01"),
        resources={"exchanges": ExchangesResource(), "lake": LakeIOManager()},
        raise_on_error=False,
    )

    assert not server.requests
    checks = {check.check_name: check.passed for check in done.get_asset_check_evaluations()}
    assert checks == {
        "sound_minutes": True,
        "no_jump": True,
        "every_minute_explained": True,
        "complete": False,  # whoever looked then did not look twice
    }
    days = {row["currency_pair"]: row for row in rows(home, OHLCV_1D).to_pylist()}
    assert {pair: (row["n_minutes"], row["volume"]) for pair, row in days.items()} == {
        "BTC_USDT": (1440, 1440 * Decimal("30.25")),
        "ETH_USDT": (1430, 1430 * Decimal("30.25")),
    }
    closes = [row["close"] for row in rows(home, OHLCV_1M).to_pylist() if row["currency_pair"] == "BTC_USDT"]
    assert closes == [Decimal("1.7")] * 60 + [Decimal("1.5")] * 1380
    gaps = {(row["currency_pair"], row["gap_class"], row["minutes"]) for row in rows(home, OHLCV_GAPS).to_pylist()}
    whole = {(pair, "unfetched", 1440) for pair in PAIRS[2:]}
    assert gaps == {("ETH_USDT", "unfetched", 10), *whole}

    assert run(assets=[ohlcv_1m_raw]).success
    assert len(stored_days(Exchange.of({"HEADWATER_HOME": str(home)}), parse_job(SPOT), FIRST)[1].bars) == 1440


def test_a_fetch_takes_nothing_back_of_what_only_the_old_layout_has(server, home, monkeypatch):
    monkeypatch.setenv("EXCHANGES_ON_MISSING", "warn")
    dataset = home / "lake" / parse_job(SPOT).signature().path
    for pair in ("BTC_USDT", "ETH_USDT"):
        table = pa.Table.from_pandas(old_frame(pair, range(1440), "2024-01-02"))
        pq.write_to_dataset(table, dataset, partition_cols=["currency_pair", "year", "month"])
    server.world.listings["ETH_USDT"] = Listing("ETH_USDT", 230_000, gone=True)
    server.world.missing["BTC_USDT"] = {SAMPLE_START_MS + minute * MINUTE_MS for minute in range(100, 110)}

    assert run(assets=[ohlcv_1m_raw]).success
    exchange = Exchange.of({"HEADWATER_HOME": str(home)})
    stored = {one.pair: one for one in stored_days(exchange, parse_job(SPOT), FIRST)}
    assert [len(stored[pair].bars) for pair in ("BTC_USDT", "ETH_USDT")] == [1440, 1440]
    quotes = stored["BTC_USDT"].bars.rows.column("quote_volume")
    assert quotes.is_null().to_numpy(zero_copy_only=False).nonzero()[0].tolist() == list(range(100, 110))
    assert not stored["BTC_USDT"].revised


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
    assert program.main([SPOT, "2024-01-02", "--pairs", "BTC_USDT"]) == 0
    assert '"symbols": 1' in capsys.readouterr().out
    server.faults.clear()
    assert program.main([SPOT, "2024-01-02", "--unfetched"]) == 0
    assert '"symbols_complete": 1' in capsys.readouterr().out
    assert program.main(["nothing", "2024-01-02"]) == 1


@pytest.fixture
def on_ecs(server, home, monkeypatch):
    """ECS, in stage test of user ann: the program runs in a process that knows nothing but its request."""
    settings = {"HEADWATER_STAGE": "test", "EXCHANGES_USER": "ann", "LAKE_URI": str(home / "lake")}
    settings |= {
        "EXCHANGES_EXECUTION": "ecs",
        "EXCHANGES_ECS_CLUSTER": "test-cluster",
        "EXCHANGES_REQUIRED": "BTC_USDT",
    }
    settings |= {"EXCHANGES_ECS_SUBNETS": "subnet-1,subnet-2", "EXCHANGES_ECS_SECURITY_GROUPS": "sg-1"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    ecs = Ecs()
    monkeypatch.setattr(ExchangesResource, "ecs", lambda _: PipesEcsTasks(ecs, ecs, ManualClock()))
    return ecs


def test_the_same_program_runs_as_a_task_with_this_runs_settings(on_ecs, server, home):
    result = run(assets=[ohlcv_1m_raw], pairs=["BTC_USDT", "ETH_USDT"])

    assert result.success, reasons(result)
    (request,) = on_ecs.requests
    (container,) = request["overrides"]["containerOverrides"]
    environ = {entry["name"]: entry["value"] for entry in container["environment"] if "PIPES" not in entry["name"]}
    assert container["name"] == request["taskDefinition"] == "cmamp-test-ann"
    pairs = ["--pairs", "BTC_USDT,ETH_USDT"]
    assert container["command"] == ["python", "-m", "assets.exchanges.download", SPOT, "2024-01-01", *pairs]
    assert environ == {
        "HEADWATER_STAGE": "test",
        "EXCHANGES_USER": "ann",
        "EXCHANGES_SOURCE": "live",
        "EXCHANGES_URL": server.root,
        "EXCHANGES_DUMPS_URL": server.root,
        "EXCHANGES_REQUIRED": "BTC_USDT",
        "LAKE_URI": str(home / "lake"),
    }
    assert request["networkConfiguration"]["awsvpcConfiguration"]["subnets"] == ["subnet-1", "subnet-2"]
    assert {"key": "user", "value": "ann"} in request["tags"]
    (event,) = result.get_asset_materialization_events()
    assert event.materialization.metadata["symbols_complete"].value == 2
    store = Exchange.of({"HEADWATER_HOME": str(home), "LAKE_URI": str(home / "lake")}).objects.store
    assert len(store.list("ann/v3/")) == 2


def test_a_failed_task_tells_which_symbols(on_ecs, server):
    server.faults.append(Fault("symbol=ETHUSDT", 451, "no", times=99))
    result = run(assets=[ohlcv_1m_raw], pairs=["BTC_USDT", "ETH_USDT"])

    assert not result.success
    assert "exit code 75" in reasons(result)[0]
    assert "1 of 2 symbols are not complete: ETH_USDT failed" in reasons(result)[0]


def test_a_task_is_tried_again_where_the_run_itself_would_be(on_ecs, server, monkeypatch):
    tried = Retries(1, 0.0)
    monkeypatch.setitem(RETRIES, "test", tried)
    server.faults.append(Fault("symbol=ETHUSDT", 451, "no", times=1))
    result = run(assets=[ohlcv_1m_raw], pairs=["BTC_USDT", "ETH_USDT"])

    assert result.success, reasons(result)
    assert len(on_ecs.requests) == 2
    server.faults.append(Fault("exchangeInfo", 451, "no", times=99))  # nothing that may pass
    assert not run(assets=[ohlcv_1m_raw], pairs=["BTC_USDT"]).success
    assert len(on_ecs.requests) == 3


def test_locally_there_are_no_tasks_and_it_is_said(on_ecs, monkeypatch):
    monkeypatch.setenv("HEADWATER_STAGE", "local")
    monkeypatch.delenv("EXCHANGES_USER")
    assert "EXCHANGES_EXECUTION=ecs" in reasons(run(assets=[ohlcv_1m_raw]))[0]
    assert on_ecs.requests == []


def test_the_universe_tells_its_hash():
    (event,) = dg.materialize([universe]).get_asset_materialization_events()
    assert event.materialization.metadata["v7 sha256"].value == load("v7").sha256
