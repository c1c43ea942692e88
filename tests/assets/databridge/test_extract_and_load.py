"""Tables from source to live target over the sandbox: what goes live is what the source had, or nothing."""

import csv
import io

import pytest

from assets.databridge.load import rolled_back
from assets.databridge.planning import planned
from core.errors import LoadRejected, SourceMoved
from resources.clients.databridge.postgres_source import PostgresSource
from sandbox.databridge import world as worlds
from sandbox.databridge.carto import KEY as CARTO_KEY

BENCHES = "databridge/ppr/bench_inventory"


def staged(bridge, name=BENCHES):
    data = bridge.store.read(bridge.tables[name].keys.csv).decode()
    return list(csv.DictReader(io.StringIO(data, newline="")))


def test_every_shipped_table_goes_from_its_source_to_where_its_file_says(bridge):
    for name, table in bridge.tables.items():
        done = bridge.extract(name)
        assert done.failed == [], name
        assert done.manifest.rows == len(staged(bridge, name)) > 0
        for step, wanted in (("carto", table.config.upload_to_carto), ("postgres", table.config.upload_to_postgres)):
            if wanted:
                assert bridge.load(name, step).loaded.rows == done.manifest.rows, name


def test_values_go_through_whole(bridge):
    bridge.extract(BENCHES)
    first = staged(bridge)[0]
    assert first["shape"] == "SRID=2272;POINT(2660037 210053)"
    assert first["seen"] == "2024-01-02 14:14:15.678-05:00"
    live = bridge.load(BENCHES)
    assert live.privacy == "PUBLIC"
    assert bridge.live("SELECT count(*), min(seen)::text, max(the_geom) FROM bench_inventory") == [
        (60, "2024-01-02 19:14:15.678+00", "SRID=2272;POINT(2662220 213180)")]  # fmt: skip
    bridge.extract("databridge/water/inlets")
    bridge.load("databridge/water/inlets", "postgres")
    assert bridge.load("databridge/water/inlets").privacy == "PRIVATE"
    notes = bridge.sql("SELECT note, count(*) FROM water.inlets GROUP BY 1 ORDER BY 1", worlds.TARGET)
    assert notes == [("two\nlines, one", 20), ("é", 20), (None, 20)]


ODD = """
DROP TABLE gis_health.clinics;
CREATE TABLE gis_health.clinics ("ID" int PRIMARY KEY, said text, exact numeric, rough double precision, wall timestamp,
    moment timestamptz, day date, ok boolean, facts jsonb, list int[], raw bytea, kept uuid);
INSERT INTO gis_health.clinics VALUES
    (1, E'two\\nlines, a "quote", \\'one\\' \\\\N \\\\. 中文 é 🏛', 12345678901234567890123.0000000001, 0.1,
     '2024-03-10 02:30:00', '2024-03-10 06:59:59.999999+00', '2024-02-29', true, '{"a": [1, null, "x, \\"y\\""]}',
     '{1,2,NULL}', '\\x00ff', '00000000-aaaa-4bbb-8ccc-000000000001'),
    (2, '', 0.00000001, 1e-300, '2024-11-03 01:30:00.000001', '2024-11-03 05:30:00+00', '0001-01-01', false, 'null',
     '{}', '', NULL),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (4, ' ', -1, 'NaN', '1850-01-01 00:00:00', '9999-12-31 00:00:00+00', '9999-12-31', NULL, '"text"', NULL, NULL,
     NULL),
    (5, E'\\\\.', 1, 'Infinity', '2024-07-01 00:00:00', '1969-12-31 23:59:59+00', '1970-01-01', true, '[]', '{3}',
     NULL, NULL);
"""
COMPARED = (
    "SELECT \"{id}\", NULLIF(said, ''), exact, rough::numeric::text, wall, moment, day, ok, facts::text, "
    "to_jsonb(list)::text, NULLIF(raw{bytea}, ''), kept::text FROM {table} ORDER BY 1"
)


def test_odd_values_are_the_same_in_source_and_live_table(bridge):
    """Line breaks, quotes, both kinds of nothing, digits, DST's edges, the first and last days."""
    name = "databridge/health/clinics"
    bridge.sql(ODD)
    assert bridge.extract(name).failed == []
    rows = len(staged(bridge, name))
    to_postgres = {"upload_to_postgres": True, "postgres_conn_id": "warehouse"}
    assert bridge.load(name, "postgres", indexes=("id",), **to_postgres).loaded.rows == rows == 5
    source = bridge.sql(COMPARED.format(id="ID", bytea="", table="gis_health.clinics"))
    assert bridge.sql(COMPARED.format(id="id", bytea="", table="health.clinics"), worlds.TARGET) == source
    bridge.load(name, upload_to_carto=True)
    moments = dict(bridge.live("SELECT id, (wall AT TIME ZONE 'UTC')::text FROM clinics WHERE id IN (1, 2, 5)"))
    assert moments == {1: "2024-03-10 07:30:00", 2: "2024-11-03 05:30:00.000001", 5: "2024-07-01 04:00:00"}


def verdicts(done):
    return {verdict.name: verdict.passed for verdict in done.verdicts}


@pytest.mark.parametrize(
    ("change", "settings", "check"),
    [
        ("DELETE FROM gis_ppr.bench_inventory", {}, "not_empty"),
        ("DELETE FROM gis_ppr.bench_inventory WHERE objectid > 20", {}, "shrink"),
        ("ALTER TABLE gis_ppr.bench_inventory DROP COLUMN install_year", {}, "schema"),
        ("ALTER TABLE gis_ppr.bench_inventory ADD COLUMN more text", {}, "schema"),
        ("ALTER TABLE gis_ppr.bench_inventory ALTER bench_no TYPE integer USING objectid", {}, "schema"),
        ("UPDATE gis_ppr.bench_inventory SET shape = 'POINT(1' WHERE objectid = 7", {}, "geometry"),
        ("UPDATE gis_ppr.bench_inventory SET shape = 'SRID=4326;POINT(1 1)' WHERE objectid = 7", {}, "srid"),
        ("UPDATE gis_ppr.bench_inventory SET shape = 'SRID=2272;SRID=2272;POINT(1 1)'", {}, "srid"),
        ("SELECT 1", {"bounding_box": (0.0, 0.0, 1.0, 1.0)}, "bounds"),
        ("SELECT 1", {"indexes": ("no_such",)}, "schema"),
    ],
)
def test_what_may_not_go_live_fails_its_check_and_leaves_what_was(bridge, change, settings, check):
    bridge.extract(BENCHES)
    bridge.load(BENCHES)
    before = bridge.store.read(bridge.tables[BENCHES].keys.manifest)
    bridge.sql(change)
    done = bridge.extract(BENCHES, **settings)
    assert check in [verdict.name for verdict in done.failed]
    assert done.manifest is None
    assert bridge.store.read(bridge.tables[BENCHES].keys.manifest) == before
    assert bridge.load(BENCHES).loaded.unchanged
    assert bridge.live("SELECT count(*) FROM bench_inventory") == [(60,)]


def test_drift_can_be_let_through(bridge):
    bridge.extract(BENCHES)
    bridge.load(BENCHES)
    bridge.sql(
        "ALTER TABLE gis_ppr.bench_inventory ADD COLUMN more text; UPDATE gis_ppr.bench_inventory SET more = 'x'"
    )
    assert bridge.extract(BENCHES, schema_drift="warn").manifest.columns[-2:] == ["seen", "shape"]
    assert bridge.extract(BENCHES, schema_drift="evolve").manifest.columns[-2:] == ["more", "shape"]
    bridge.load(BENCHES)
    assert bridge.live("SELECT DISTINCT more FROM bench_inventory") == [("x",)]
    assert bridge.extract(BENCHES).failed == []


def test_a_source_that_changes_while_it_is_read_is_not_staged(bridge, monkeypatch):
    whole = PostgresSource.lines

    def lines(self, schema):
        yield from whole(self, schema)
        bridge.sql("DELETE FROM gis_ppr.bench_inventory WHERE objectid = 1")

    monkeypatch.setattr(PostgresSource, "lines", lines)
    with pytest.raises(SourceMoved, match="it changed meanwhile"):
        bridge.extract(BENCHES)
    assert bridge.store.list("staging/") == []


def test_the_live_table_is_not_shrunk_by_a_run_that_never_saw_it_large(bridge):
    bridge.extract(BENCHES)
    bridge.load(BENCHES)
    bridge.store.delete(bridge.tables[BENCHES].keys.manifest)
    bridge.sql("DELETE FROM gis_ppr.bench_inventory WHERE objectid > 20")
    assert bridge.extract(BENCHES).failed == []
    with pytest.raises(LoadRejected, match="20 rows would replace 60"):
        bridge.load(BENCHES)
    assert bridge.live("SELECT count(*) FROM bench_inventory") == [(60,)]
    assert bridge.load(BENCHES, max_shrink_percent=90).loaded.rows == 20
    assert rolled_back(bridge.tables[BENCHES], "carto", bridge.connections) == 60


def test_a_load_without_an_extract_says_what_to_do(bridge):
    with pytest.raises(LoadRejected, match="Extract the table again"):
        bridge.load(BENCHES)


def test_a_load_takes_the_run_that_was_staged_when_it_began(bridge):
    bridge.extract(BENCHES)
    server = bridge.world.accounts["carto-prod"]

    def extract_meanwhile(moment, sql):
        if sql.startswith("CREATE TABLE") and moment == "before":
            server.fault = lambda moment, sql: None
            bridge.sql("DELETE FROM gis_ppr.bench_inventory WHERE objectid = 1")
            assert bridge.extract(BENCHES).manifest.rows == 59

    server.fault = extract_meanwhile
    assert bridge.load(BENCHES).loaded.rows == 60
    assert bridge.load(BENCHES).loaded.rows == 59


def test_a_dataset_whose_privacy_cannot_be_set_is_live_and_says_so(bridge):
    bridge.extract(BENCHES)
    server = bridge.world.accounts["carto-prod"]
    server.privacies = _Refusing()
    live = bridge.load(BENCHES)
    assert "not PUBLIC" in live.notes[0]


class _Refusing(dict):
    def __setitem__(self, key, value):
        """Keeps nothing."""


def test_a_plan_names_everything_and_writes_nothing(bridge):
    bridge.extract("databridge/water/inlets")
    keys = {entry.key for entry in bridge.store.list("")}
    statements = [len(server.statements) for server in bridge.world.accounts.values()]
    texts = {
        name: planned(table, bridge.connections, bridge.store, bridge.clock) for name, table in bridge.tables.items()
    }
    again = {
        name: planned(table, bridge.connections, bridge.store, bridge.clock) for name, table in bridge.tables.items()
    }
    assert texts == again
    assert {entry.key for entry in bridge.store.list("")} == keys
    assert [len(server.statements) for server in bridge.world.accounts.values()] == statements
    text = texts[BENCHES]
    assert "60 rows" in text
    assert 'COPY "public"."<temporary>"' in text
    assert "cdb_cartodbfytable" in text
    assert 'GRANT SELECT ON "public"."<temporary>" TO "publicuser", "tileuser"' in text
    assert 'RENAME TO "bench_inventory"' in text
    assert "config: carto_users: ('publicuser', 'tileuser')" in text
    assert "carto dataset: PUBLIC" in text
    assert 'postgres SQL: CREATE SCHEMA IF NOT EXISTS "water"' in texts["databridge/water/inlets"]
    assert "carto SQL" not in texts["databridge/311/quarterly_audit"]
    assert bridge.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'water'", worlds.TARGET) == [(0,)]
    assert not [name for name, text in texts.items() if CARTO_KEY in text or "sandbox-app-key" in text]
