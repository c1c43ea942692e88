"""Knack over HTTP: names, types, values and moments, pages of any number, answers that are wrong."""

import csv
import io
import json
import tracemalloc
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from core.errors import InvalidAnswer, SourceMoved, SourceRefused, SourceUnavailable
from resources.clients.databridge.knack.names import column_name, column_names
from resources.clients.databridge.knack.source import KnackSource, moment_of, value_of
from resources.clients.databridge.records import RecordWriter
from resources.clients.databridge.source import read_into
from sandbox.databridge.apps import APP, FIELDS, KEY, Apps, class_record
from tests.standins.captured import needs_captured_data
from tests.standins.databridge import CAPTURED

EASTERN = ZoneInfo("America/New_York")


@pytest.fixture
def apps():
    server = Apps()
    yield server
    server.stop()


def knack(apps, clock, number=4, key=KEY):
    return KnackSource((APP, key), number, EASTERN, clock, apps.knack)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Facility ID", "facility_id"), ("ID", "i_d"), ("URL", "u_r_l"), ("Days (Open)", "days_open"),
        ("A - B", "a__b"), ("Zip/Postal Code", "zip/_postal_code"), ("Contact Phone #", "contact_phone_#"),
    ],
)  # fmt: skip
def test_names_are_those_of_the_old_extract(label, name):
    assert column_name(label) == name


def test_two_labels_of_one_column_are_named():
    with pytest.raises(InvalidAnswer, match="'Program' and 'program' both become the column 'program'"):
        column_names(["Program", "program"], "Knack object_4")
    with pytest.raises(InvalidAnswer, match="'id' and 'id'"):
        column_names(["id", "id"], "Knack object_4")


def test_columns_and_values(apps, clock):
    source = knack(apps, clock)
    schema = source.schema()
    assert [(column.name, column.type) for column in schema.columns] == [
        ("id", "string"), ("class_name", "string"), ("facility_id", "array"), ("starts_at", "datetime"),
        ("days_open", "array"), ("seats", "number"), ("address", "object"), ("active", "boolean"),
    ]  # fmt: skip
    assert schema.primary_key == ("id",)
    rows = list(source.rows(schema))
    assert (len(rows), source.count()) == (40, 40)
    assert rows[0][1:] == [
        "Class é 1", [f"{1:024x}"], datetime(2024, 2, 15, 22, 30, tzinfo=UTC), ["Monday", "Friday"], 1,
        {"street": "1 Example St", "city": "Philadelphia"}, False,
    ]  # fmt: skip


@pytest.mark.parametrize("records", [0, 1, 1000, 1001, 2500])
@pytest.mark.parametrize("as_text", [False, True])
def test_pages_of_any_number(apps, clock, records, as_text):
    apps.objects["object_9"], apps.text_pages = (FIELDS, [class_record(number) for number in range(records)]), as_text
    source = knack(apps, clock, 9)
    rows = [row[0] for row in source.rows(source.schema())]
    assert rows == [f"{number:024x}" for number in range(records)]
    assert len(apps.requests) == 1 + max(1, -(-records // 1000))


def test_numbers_in_an_address_stay_numbers(apps, clock, tmp_path):
    parts = {"street": "1 Example St", "latitude": 39.9526, "longitude": -75.0}
    apps.objects["object_4"] = (FIELDS, [class_record(1) | {"field_6_raw": parts, "field_1_raw": parts}])
    source = knack(apps, clock)
    with (tmp_path / "t.csv").open("w+b") as file:
        read_into(RecordWriter(file, source.schema()), source)
        file.seek(0)
        (row,) = csv.DictReader(io.StringIO(file.read().decode(), newline=""))
    assert json.loads(row["address"]) == json.loads(row["class_name"]) == parts


def test_an_object_of_any_size_takes_the_same_memory(apps, clock, monkeypatch):
    """Records of a hundred pages, each of which is let go again. The first run makes what is made once."""
    source = knack(apps, clock)
    schema = source.schema()
    record, peaks = {key: value for key, value in class_record(1).items() if key != "id"}, []

    def page(number, size):
        records = [record | {"id": f"{number * size + at:024x}"} for at in range(size)]
        return {"records": records, "total_pages": pages}

    monkeypatch.setattr(source, "_page", page)
    for pages in (10, 10, 100):
        tracemalloc.start()
        assert sum(1 for _ in source.rows(schema)) == 1000 * pages
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.1 * peaks[1]


def test_a_record_that_moves_between_pages_is_seen(apps, clock):
    records = [class_record(number) for number in range(1500)]
    apps.objects["object_9"] = (FIELDS, records)
    source = knack(apps, clock, 9)
    rows = source.rows(source.schema())
    next(rows)
    records.insert(0, class_record(9999))
    with pytest.raises(SourceMoved, match="came twice"):
        list(rows)


def test_a_page_without_records_is_not_passed_over(apps, clock, monkeypatch):
    source = knack(apps, clock)
    schema = source.schema()
    pages = [{"records": [class_record(1)]}, {"records": []}, {"records": [class_record(3)]}]
    monkeypatch.setattr(source, "_page", lambda page, size: pages[page - 1] | {"total_pages": 3})
    assert source.count() is None  # not every app says how many there are
    with pytest.raises(SourceMoved, match="page 2 of 3 has no records"):
        list(source.rows(schema))


@pytest.mark.parametrize(
    ("status", "body"), [(429, b"{}"), (500, b"oops"), (200, b"<html>"), (200, b"[1]"), (200, b'{"records": 3}')]
)
def test_what_may_go_away_is_tried_again_and_then_told(apps, clock, status, body):
    apps.answers = [(status, body)] * 2
    assert knack(apps, clock).count() == 40
    apps.answers = [(status, body)] * 20
    with pytest.raises(SourceUnavailable, match="Knack"):
        knack(apps, clock).count()


def test_a_wrong_key_or_object_is_refused_without_the_key(apps, clock):
    with pytest.raises(SourceRefused, match="401") as refused:
        knack(apps, clock, key="a-wrong-key-of-knack").schema()
    assert "a-wrong-key-of-knack" not in str(refused.value)
    with pytest.raises(SourceRefused, match="404"):
        knack(apps, clock, 77).schema()


@pytest.mark.parametrize("fields", [None, [], [{"key": "field_1"}], [3], {"a": 1}])
def test_fields_that_are_none_are_named(apps, clock, fields):
    apps.answers = [(200, json.dumps({"fields": fields}).encode())]
    if fields == []:
        assert knack(apps, clock).schema().names == ["id"]
    else:
        with pytest.raises(InvalidAnswer, match="no key, label and type"):
            knack(apps, clock).schema()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"timestamp": "07/01/2024 12:00 am"}, datetime(2024, 7, 1, 4, tzinfo=UTC)),
        ({"timestamp": "01/01/2024 12:00 pm"}, datetime(2024, 1, 1, 17, tzinfo=UTC)),
        ({"timestamp": "11/03/2024 01:30 am"}, datetime(2024, 11, 3, 5, 30, tzinfo=UTC)),
        ("07/01/2024", datetime(2024, 7, 1, 4, tzinfo=UTC)),
        ({"timestamp": ""}, None),
    ],
)
def test_moments_are_the_apps_own_time(value, expected):
    assert moment_of(value, EASTERN) == expected


@pytest.mark.parametrize("value", ["13/01/2024", "now", {"timestamp": 3}, [1]])
def test_what_is_no_moment_is_named(value):
    with pytest.raises(InvalidAnswer, match="no moment"):
        moment_of(value, EASTERN)


@needs_captured_data
def test_a_real_object_has_the_columns_types_and_values_that_were_worked_out(apps, clock):
    expected = json.loads((CAPTURED / "knack/expected.json").read_text())
    fields = json.loads((CAPTURED / "knack/fields.json").read_text())["fields"]
    records = json.loads((CAPTURED / "knack/records_page_1.json").read_text())["records"]
    apps.objects["object_9"] = (fields, records)
    source = knack(apps, clock, 9)
    schema = source.schema()
    assert schema.names == expected["header"]
    assert [column.type for column in schema.columns] == expected["types"]
    rows = list(source.rows(schema))
    assert len(rows) == len(expected["rows"])
    for row, cells in zip(rows, expected["rows"], strict=True):
        for column, value, cell in zip(schema.columns, row, cells, strict=True):
            if column.type in ("array", "object"):
                assert value == (json.loads(cell) if cell else None), column.name
            elif column.type == "datetime" and cell:
                # The old extract called the app's local time UTC.
                assert value.astimezone(EASTERN).strftime("%Y-%m-%dT%H:%M:%SZ") == cell, column.name
            elif not cell.startswith("{"):
                # What was Python's own writing of a dict is JSON now.
                assert ("" if value is None else str(value)) == cell, column.name
            else:
                assert json.loads(value), column.name


def test_a_field_that_a_record_lacks_is_null():
    assert value_of({}, {"key": "field_1", "type": "number"}, EASTERN) is None
    assert value_of({"field_1": ""}, {"key": "field_1", "type": "date_time"}, EASTERN) is None
    assert (
        value_of({"field_1_raw": {"full": "2155550100"}}, {"key": "field_1", "type": "phone"}, EASTERN) == "2155550100"
    )
