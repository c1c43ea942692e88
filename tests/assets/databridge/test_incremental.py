"""A table that is read in part is staged as one that is read whole, whatever changed; else it is read whole."""

import csv
import io
import itertools
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.databridge import extract as extracting
from assets.databridge.config import DatabridgeConfig, Incremental
from assets.databridge.extract import Run
from assets.databridge.tables import BridgeTable
from resources.clients.databridge.records import TIME_ZONE, utc_text
from resources.clients.databridge.schema import Column, TableSchema
from resources.clients.databridge.staging import Staging
from resources.clients.lake.object_store import MemoryObjectStore
from tests.standins.clock import ManualClock

INCIDENTS = "databridge/police/incidents"


class Table:
    """A source in memory: id, text, when changed by the clock on the wall, and by a number that only rises."""

    def __init__(self, kind, least=None):
        self.kind, self.held, self.least, self.read = kind, {}, least, []

    def __str__(self):
        return "table"

    def schema(self):
        moved = Column("moved", "datetime" if self.kind == "moment" else "numeric")
        return TableSchema((Column("id", "integer", True), Column("said", "text"), moved))

    def count(self):
        return len(self.held)

    def since(self, since):
        part = Table(self.kind, since.least)
        part.held, part.read = self.held, self.read
        return part

    def rows(self, schema):
        for key, (said, moved) in self.held.items():
            if self.least is None or moved is None or moved >= self.least:
                self.read.append(key)
                yield key, said, moved


class BreakingStore(MemoryObjectStore):
    """Breaks off at a write."""

    writes = None

    def write(self, key, data, *headers):
        if self.writes is not None:
            self.writes -= 1
            if self.writes < 0:
                self.writes = None
                raise OSError("power cut")
        super().write(key, data, *headers)


class Days:
    """Extracts of one table, day after day, over a store that may break off."""

    def __init__(self, kind, scratch, start=datetime(2024, 6, 1, tzinfo=UTC), **plan):
        plan = {"key": ("id",), "watermark": "moved", "overlap": 3, **plan}
        config = DatabridgeConfig(carto_users=["a"], incremental=Incremental(**plan), max_shrink_percent=100)
        self.table = BridgeTable("databridge", "d", "t", config, "databridge/d/t.yml")
        self.source, self.store, self.scratch = Table(kind), BreakingStore(), Path(scratch)
        self.clock, self.names = ManualClock(start), itertools.count()

    def moved(self):
        if self.source.kind == "moment":
            return self.clock.now().astimezone(TIME_ZONE).replace(tzinfo=None)
        return next(self.names)

    def change(self, what, key, said):
        self.clock.advance(timedelta(seconds=40))
        if what == "delete":
            self.source.held.pop(key, None)
        else:
            self.source.held[key] = (said or None, self.moved())

    def extract(self, store=None, *, full=False):
        run = Run(f"run{next(self.names)}", None, store or self.store, self.scratch, self.clock)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(extracting, "source_of", lambda *_: self.source)
            return extracting.extract(self.table, run, full=full)

    def staged(self, store=None):
        data = (store or self.store).read(self.table.keys.csv)
        return None if data is None else data.split(b"\r\n")  # texts of these tests hold no such end

    def reached(self):
        return Staging(self.store, self.table.keys).require().reached


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "delete"]),
        st.integers(1, 4),
        st.text(st.sampled_from('a,"\n é0'), max_size=6),
    ),
    max_size=8,
)
LATER = st.sampled_from([timedelta(seconds=1), timedelta(minutes=30), timedelta(days=1)])
# Two minutes before the hour that clocks on walls say twice.
AUTUMN = datetime(2024, 11, 3, 5, 58, tzinfo=UTC)
DAYS = st.lists(st.tuples(CHANGES, st.none() | st.integers(0, 4), st.integers(1, 3), LATER), min_size=1, max_size=6)


@pytest.mark.parametrize("kind", ["moment", "number"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(days=DAYS)
def test_a_series_of_changes_read_in_part_is_the_table_read_whole(kind, days):
    """Broken off at any write and run again, run once more without a change: the same bytes, sorted by row."""
    with tempfile.TemporaryDirectory() as scratch:
        table = Days(kind, scratch, AUTUMN)
        for changes, power_cut, runs, later in days:
            for change in changes:
                table.change(*change)
            table.store.writes = power_cut
            for _ in range(runs):
                try:
                    done = table.extract()
                except OSError:
                    done = table.extract()
                assert (done.manifest is None) == (not table.source.held)
            if done.manifest:
                whole = MemoryObjectStore()
                table.extract(whole)
                assert sorted(table.staged()) == sorted(table.staged(whole))
                assert sorted(done.manifest.columns) == ["id", "moved", "said"]
            table.clock.advance(later)
        assert not list(Path(scratch).glob("*.keys")) + list(Path(scratch).glob("*.changes"))


@pytest.fixture
def days(tmp_path):
    table = Days("moment", tmp_path)
    for key in range(1, 101):
        table.change("put", key, f"row {key}")
    table.extract()
    table.source.read.clear()
    return table


def test_what_did_not_change_is_the_same_file_to_the_byte_and_little_is_read(days):
    before = days.staged()
    assert days.extract().failed == []
    assert days.staged() == before
    # An hour of a clock on the wall, which autumn says twice, and the overlap of three seconds; a row in 40 seconds.
    assert days.source.read == list(range(10, 101))
    days.change("put", 50, "changed")
    days.change("put", 200, "new")
    days.extract()
    expected = [*before]
    expected[50], expected[101:] = days.staged()[50], [days.staged()[101], b""]
    assert days.staged() == expected
    assert (b"changed" in expected[50], b"new" in expected[101]) == (True, True)


def test_a_row_that_changed_in_the_hour_that_autumn_repeats_is_read(tmp_path):
    """Its watermark is lower than the highest before it, by up to an hour."""
    table = Days("moment", tmp_path, AUTUMN)
    for key in (1, 2):
        table.change("put", key, "before")
    table.extract()
    table.change("put", 1, "after")
    assert table.source.held[1][1] == datetime(2024, 11, 3, 1, 0)
    assert "merged" in table.extract().manifest.notes[-1]
    assert [row.split(b",")[1] for row in table.staged()[1:3]] == [b"after", b"before"]


def test_a_table_is_read_whole_when_it_has_to_be_and_says_why(days):
    def notes(**how):
        days.source.read.clear()
        done = days.extract(**how)
        return len(days.source.read) >= len(days.source.held), done.manifest.notes[-1]

    whole, said = notes()
    assert (whole, said.split(" is at least")[0]) == (False, "91 rows read whose moved")
    assert notes(full=True) == (True, "all rows were read: the run asked for it")
    days.clock.advance(timedelta(days=7))
    assert notes() == (True, "all rows were read: the last time was 7 days ago")
    assert days.reached().read_whole_at == utc_text(days.clock.now())
    days.change("delete", 1, "")
    whole, said = notes()
    assert whole
    assert "99 rows were counted, 100 read" in said
    days.source.held[300] = ("late", datetime(2020, 1, 1))
    assert "100 rows were counted, 99 read" in notes()[1]
    assert b"300,late,2020-01-01 00:00:00-05:00" in days.staged()
    days.store.delete(Staging(days.store, days.table.keys).require().key)
    assert notes()[0]
    days.table.config.__dict__["incremental"] = Incremental(key=("id", "said"), watermark="moved")
    assert "by the same schema, key and watermark" in notes()[1]


def test_a_row_without_a_watermark_is_always_read_and_one_of_the_future_hides_nothing(days):
    days.source.held[1] = ("none", None)
    days.source.held[2] = ("future", datetime(9999, 12, 31))
    days.extract(full=True)
    days.source.held[1] = ("changed", None)
    days.change("put", 3, "changed too")
    days.source.read.clear()
    assert "all rows" not in days.extract().manifest.notes[-1]
    assert [row.split(b",")[1] for row in days.staged()[1:4]] == [b"changed", b"future", b"changed too"]
    assert days.source.read[:3] == [1, 2, 3]


def test_a_table_without_any_watermark_is_read_whole(days):
    days.source.held = {1: ("a", None)}
    days.extract(full=True)
    assert days.extract().manifest.notes == ["all rows were read: no row had a watermark"]


class Doubled(Table):
    doubles = ()

    def rows(self, schema):
        yield from super().rows(schema)
        yield from self.doubles

    def count(self):
        return super().count() + len(self.doubles)

    def since(self, since):
        self.least = since.least
        return self


@pytest.mark.parametrize(
    ("row", "said"),
    [((7, "twice", None), "Two rows have id '7'"), ((None, "without", None), "A row has no id")],
)
@pytest.mark.parametrize("full", [True, False])
def test_rows_that_the_key_does_not_tell_apart_fail_by_name_and_nothing_is_staged(days, row, said, full):
    before = days.reached()
    doubled = Doubled("moment")
    doubled.held, doubled.doubles = days.source.held, (row,) if full or row[0] is None else (row, row)
    days.source = doubled
    done = days.extract(full=full)
    ((name, found),) = [(verdict.name, verdict.said) for verdict in done.failed]
    assert (name, said in found, "incremental.key" in found) == ("key", True, True)
    assert days.reached() == before


@pytest.mark.parametrize(
    ("plan", "said"),
    [({"key": ("ident",)}, "incremental names ident"), ({"watermark": "said"}, "watermark said is text")],
)
def test_a_column_that_cannot_serve_is_named(tmp_path, plan, said):
    table = Days("moment", tmp_path, **plan)
    table.change("put", 1, "a")
    ((name, found),) = [(verdict.name, verdict.said) for verdict in table.extract().verdicts]
    assert name == "schema"
    assert said in found


def rows_of(bridge):
    data = bridge.store.read(bridge.tables[INCIDENTS].keys.csv).decode()
    return sorted(csv.reader(io.StringIO(data, newline="")))


def test_incidents_of_a_postgres_are_read_in_part_and_go_live_whole(bridge):
    assert "no run staged" in bridge.extract(INCIDENTS).manifest.notes[-1]
    assert not bridge.load(INCIDENTS).loaded.unchanged
    assert "rows read whose dispatched" in bridge.extract(INCIDENTS).manifest.notes[-1]
    assert bridge.load(INCIDENTS).loaded.unchanged
    bridge.sql(
        "UPDATE gis_police.incidents SET psa = 'late', dispatched = '2024-03-01' WHERE objectid = 1;"
        "INSERT INTO gis_police.incidents VALUES (61, 'x', E'two\\nlines, \"one\"', '2024-03-02')"
    )
    done = bridge.extract(INCIDENTS)
    assert done.failed == []
    assert done.manifest.notes[-1].startswith("27 rows read whose dispatched is at least 2024-01-03 17:00:00+00:00")
    part = rows_of(bridge)
    bridge.clock.advance(timedelta(days=7))
    assert "7 days ago" in bridge.extract(INCIDENTS).manifest.notes[-1]
    assert rows_of(bridge) == part
    assert bridge.load(INCIDENTS).loaded.rows == 61
    assert bridge.live("SELECT psa FROM incidents WHERE objectid IN (1, 61) ORDER BY objectid") == [
        ("late",), ('two\nlines, "one"',)]  # fmt: skip
    bridge.sql("ALTER TABLE gis_police.incidents ADD COLUMN more text")
    assert "by the same schema" in bridge.extract(INCIDENTS).manifest.notes[-1]


def test_geometries_of_merged_rows_are_judged_all_together(bridge):
    name, part = "databridge/ppr/bench_inventory", Incremental(key=("objectid",), watermark="objectid", overlap=5)
    bridge.extract(name, incremental=part)
    bridge.sql("INSERT INTO gis_ppr.bench_inventory VALUES (61, 'B', 1, NULL, 'SRID=2272;POINT(2700000 250000)')")
    merged = bridge.extract(name, incremental=part).manifest
    assert merged.notes == ["7 rows read whose objectid is at least 55, merged into 60"]
    whole = bridge.extract(name).manifest
    assert (merged.geometry, merged.rows, merged.sha256) == (whole.geometry, 61, whole.sha256)
    assert merged.geometry.types == {"POINT": 61}
    assert bridge.load(name).loaded.rows == 61
    bridge.sql("UPDATE gis_ppr.bench_inventory SET shape = 'SRID=4326;POINT(1 1)' WHERE objectid = 60")
    bridge.extract(name, incremental=part)
    assert [verdict.name for verdict in bridge.extract(name, incremental=part).failed] == ["srid"]
