"""The room's assets in Dagster: what is there for each file, and what a run records when it goes well and when not."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

from assets.databridge.extract import VERDICTS
from assets.databridge.factory import assets_of, key_of, request_of
from assets.databridge.loading import load_tree
from assets.databridge.telling import LIVE_CHECKS
from resources.clients.databridge.postgres_source import PostgresSource
from resources.clients.databridge.staging import Staging
from resources.databridge import RETRIES, DatabridgeResource
from resources.retries import Retries

ROOT = Path(__file__).parents[3]
BENCHES = "databridge/ppr/bench_inventory"


@pytest.fixture
def resource(bridge, home, monkeypatch):
    """The resource over the test's own sandbox and store."""
    monkeypatch.setattr(DatabridgeResource, "connections", lambda self: bridge.connections)
    monkeypatch.setattr(DatabridgeResource, "store", lambda self: bridge.store)
    return DatabridgeResource()


def materialized(bridge, resource, name, instance=None, **changes):
    table = bridge._table(name, changes)
    return dg.materialize(assets_of(table), resources={"databridge": resource}, raise_on_error=False, instance=instance)


def checks(result):
    return {check.check_name: check.passed for check in result.get_asset_check_evaluations()}


def test_a_table_is_staged_and_live_with_every_check(bridge, resource):
    result = materialized(bridge, resource, "databridge/water/inlets")
    assert result.success
    assert checks(result) == dict.fromkeys([*VERDICTS, *LIVE_CHECKS], True)
    events = {
        event.materialization.asset_key.to_user_string(): event.materialization.metadata
        for event in result.get_asset_materialization_events()
    }
    assert set(events) == {
        "lake/databridge/databridge/water/inlets",
        "carto/databridge/carto_phl/water/inlets",
        "postgres/databridge/warehouse/water/inlets",
    }
    assert {found["rows"].value for found in events.values()} == {60}
    assert all(found["plot"].value.startswith("![rows](data:image/png;base64,") for found in events.values())


def test_a_run_of_an_incremental_table_may_ask_for_all_rows(bridge, resource):
    name = "databridge/police/incidents"
    staged = [asset for asset in assets_of(bridge.tables[name]) if asset.key == key_of(bridge.tables[name], "staged")]
    said = []
    for config in ({}, {}, {"ops": {staged[0].op.name: {"config": {"full": True}}}}):
        result = dg.materialize(staged, resources={"databridge": resource}, run_config=config)
        assert checks(result) == dict.fromkeys([*VERDICTS, "key"], True)
        (event,) = result.get_asset_materialization_events()
        said.append(event.materialization.metadata["notes"].value)
    command = request_of(resource, bridge.tables[name], "staged", "run", full=True)["containerOverrides"]["command"]
    assert command[-3:] == ["staged", "run", "--full"]
    assert ["no run staged" in said[0], "merged into 60" in said[1], "the run asked for it" in said[2]] == [True] * 3


def test_a_failed_check_is_recorded_by_name_and_keeps_the_live_table(bridge, resource):
    assert materialized(bridge, resource, BENCHES).success
    bridge.sql("DELETE FROM gis_ppr.bench_inventory")
    with dg.DagsterInstance.ephemeral() as instance:
        result = materialized(bridge, resource, BENCHES, instance)
        assert not result.success
        assert checks(result)["not_empty"] is False
        (failure,) = [event for event in result.all_events if event.is_step_failure]
        assert "not_empty: 0 rows" in str(failure.step_failure_data)
        assert not [event for event in result.all_events if event.event_type_value == "STEP_UP_FOR_RETRY"]
    assert bridge.live("SELECT count(*) FROM bench_inventory") == [(60,)]


def failed_checks(result):
    return {check.check_name: check.description for check in result.get_asset_check_evaluations() if not check.passed}


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ("short", ("rows", "60 rows were staged, COPY took 59")),
        ("role", ("grants", "nobody_knows")),
        ("small", ("shrink", "60 rows would replace 200")),
    ],
)
def test_a_load_that_may_not_go_live_fails_its_check_by_name(bridge, resource, monkeypatch, damage, expected):
    live = "SELECT count(*), has_table_privilege('tileuser', 'bench_inventory', 'SELECT') FROM bench_inventory"
    assert materialized(bridge, resource, BENCHES).success
    before = bridge.live(live)
    bridge.sql("UPDATE gis_ppr.bench_inventory SET install_year = 1900")
    if damage == "short":
        fetch = Staging.fetch

        def short(self, manifest, scratch):
            path = fetch(self, manifest, scratch)
            path.write_bytes(b"\r\n".join(path.read_bytes().split(b"\r\n")[:-2]) + b"\r\n")
            return path

        monkeypatch.setattr(Staging, "fetch", short)
    if damage == "small":
        bridge.live("INSERT INTO bench_inventory (cartodb_id) SELECT n FROM generate_series(1000, 1139) AS n")
        before = [(200, True)]
    changes = {"carto_users": ("publicuser", "nobody_knows")} if damage == "role" else {}
    result = materialized(bridge, resource, BENCHES, **changes)
    assert not result.success
    (found,) = failed_checks(result).items()
    assert found[0] == expected[0]
    assert expected[1] in found[1]
    assert bridge.live(live) == before


def test_a_source_that_moves_fails_its_check_by_name(bridge, resource, monkeypatch):
    whole = PostgresSource.lines

    def lines(self, schema):
        yield from whole(self, schema)
        bridge.sql("DELETE FROM gis_ppr.bench_inventory WHERE objectid = 1")

    monkeypatch.setattr(PostgresSource, "lines", lines)
    result = materialized(bridge, resource, BENCHES)
    assert not result.success
    assert "60 rows were counted, 60 read, and now there are 59" in failed_checks(result)["rows"]


def test_a_column_without_srid_fails_its_check_by_name(bridge, resource):
    bridge.sql('CREATE DOMAIN "geometry(Point,0)" AS text')
    bridge.sql('ALTER TABLE gis_ppr.bench_inventory ALTER shape TYPE "geometry(Point,0)" USING NULL')
    result = materialized(bridge, resource, BENCHES)
    assert "Geometry shape: SRID 0 names no reference system" in failed_checks(result)["srid"]


def test_the_picture_shows_the_last_run_of_each_day(bridge, resource, monkeypatch):
    drawn = []
    monkeypatch.setattr("assets.databridge.factory.plot_by_day", lambda series: drawn.append(series) or "drawn")
    with dg.DagsterInstance.ephemeral() as instance:
        for rows in (60, 59):
            bridge.sql(f"DELETE FROM gis_health.clinics WHERE objectid > {rows}")
            assert materialized(bridge, resource, "databridge/health/clinics", instance).success
    assert [list(series["rows"].values())[-1] for series in drawn] == [60, 59]
    assert len(drawn[1]["rows"]) <= 2


def test_what_may_pass_is_tried_twice_again_in_production_only_and_what_may_not_is_not(bridge, home, monkeypatch):
    monkeypatch.setattr(DatabridgeResource, "connections", lambda self: bridge.connections)
    monkeypatch.setattr(DatabridgeResource, "store", lambda self: bridge.store)
    assert (RETRIES["prod"].times, RETRIES["prod"].seconds) == (2, 300)
    monkeypatch.setitem(RETRIES, "prod", Retries(RETRIES["prod"].times, 0))

    def retries(stage):
        resource = DatabridgeResource(stage=stage)
        events = materialized(bridge, resource, "knack/carto_phl/ppr/classes").all_events
        return sum(event.event_type_value == "STEP_UP_FOR_RETRY" for event in events)

    for stage, times in {"prod": 2, "preprod": 0, "test": 0, "local": 0}.items():
        bridge.world.apps.answers = [(500, b"")] * 50
        assert retries(stage) == times
    bridge.world.apps.answers = [(401, b"{}")] * 50
    assert retries("prod") == 0


def test_no_secret_is_in_what_a_run_records(bridge, resource):
    with dg.DagsterInstance.ephemeral() as instance:
        result = materialized(bridge, resource, "airtable/oia_services", instance)
        assert result.success
        said = "\n".join(str(entry) for entry in instance.all_logs(result.run_id))
    assert "sandbox-app-key" not in said
    assert "sandbox-carto-key" not in said


GOOD = {"schedule_interval": "0 5 * * *", "upload_to_carto": True, "carto_users": ["publicuser"]}


@pytest.fixture
def old_tree(tmp_path):
    """As many files of each kind as the old repository had: 78 and 20."""
    for number in range(78):
        values = GOOD | {"schedule_interval": False if number < 28 else "0 5 * * *", "upload_to_carto": number >= 3}
        path = tmp_path / f"databridge/d{number % 18}/t{number}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(values))
    for number in range(20):
        account, test = (("carto_phl", ""), ("carto_gsg", "_test"))[number % 2]
        values = GOOD | {"carto_conn_id": account, "knack_object_id": number // 2 + 1, "knack_conn_id": f"knack{test}"}
        path = tmp_path / f"knack/{account}/ppr/k{number // 2}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(values))
    return tmp_path


def test_the_old_files_give_as_many_assets_and_schedules_as_worked_out(old_tree):
    tables = load_tree(old_tree).tables
    definitions = [asset for table in tables for asset in assets_of(table)]
    keys = [key for asset in definitions for key in asset.keys]
    assert len(keys) == len(set(keys)) == 98 + 95
    assert sum(key.path[0] == "lake" for key in keys) == 98
    assert sum(table.config.schedule_interval is not None for table in tables) == 70
    pools = {str(asset.op.pool) for asset in definitions if asset.op.pool}
    assert {pool for pool in pools if pool.startswith("carto_")} == {"carto_carto_phl", "carto_carto_gsg"}
    assert len(pools) == 98 + 2  # one run of a table at a time, one load of an account


@pytest.fixture
def large_tree(tmp_path):
    """A thousand files, a fifth of them Knack's."""
    for number in range(800):
        path = tmp_path / f"databridge/d{number % 18}/t{number}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(GOOD | {"indexes": ["a", "b"]}))
    for number in range(200):
        path = tmp_path / f"knack/carto_gsg/ppr/k{number}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        own = {"carto_conn_id": "carto_gsg", "knack_object_id": number + 1, "knack_conn_id": "knack_test"}
        path.write_text(yaml.safe_dump(GOOD | own))
    return tmp_path


def test_a_thousand_files_and_a_bad_one_are_there_in_seconds_without_network_or_environment(large_tree):
    (large_tree / "databridge/d0/bad.yml").write_text("carto_users: [a]\nuplaod_to_carto: true\n")
    program = (
        "import socket, time\n"
        "import dagster\n"
        "import resources.databridge\n"
        "def refuse(*_, **__): raise AssertionError('network')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "start = time.process_time()\n"
        "from assets.databridge.assets import CONFIGURED\n"
        "from schedules.databridge import ROOM\n"
        "took = time.process_time() - start\n"
        "print(len(ROOM.assets), len(ROOM.jobs), len(ROOM.schedules), len(CONFIGURED.faults), took)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"DATABRIDGE_CONFIG_DIR": str(large_tree)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *counts, seconds = done.stdout.split()[-5:]
    assert counts == ["2000", "1000", "1000", "1"]
    # Some 4 where nothing else runs. A machine that others load counts three times that for the same work.
    assert float(seconds) < 15
    assert "databridge/d0/bad.yml: uplaod_to_carto: no such key" in done.stderr


def test_old_and_slow_tables_are_stale_by_their_files(bridge):
    cards = bridge.tables["databridge/streets/legal_cards"]
    (live,) = [asset for asset in assets_of(cards) if key_of(cards, "carto") in asset.keys]
    (spec,) = live.specs
    assert spec.freshness_policy is not None
    assert cards.config.schedule_interval is None
