"""Knack and Airtable answer anything: the outcome is rows or the product's error, never another, never without end."""

import copy
import io
import json
from zoneinfo import ZoneInfo

import pytest

from core.errors import HeadwaterError, InvalidAnswer
from resources.clients.databridge.airtable.source import AirtableSource
from resources.clients.databridge.knack.source import KnackSource, value_of
from resources.clients.databridge.records import RecordWriter
from sandbox.databridge.apps import APP, FIELDS, KEY, SERVICES, Apps, class_record

EASTERN = ZoneInfo("America/New_York")
ODD = [None, True, -1, 1e300, "", "\x00", "\ud800", "x" * 5000, [], [[]], {}, {"id": {"a": [1]}}, [{"id": 3}], "1e400"]


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


def variants(document):
    """The document with each of its values replaced by each odd one."""
    paths = []

    def walk(value, path):
        paths.append(path)
        entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, inner in entries:
            walk(inner, (*path, key))

    walk(document, ())
    for path in paths:
        for odd in (*ODD, deep(300)):
            if not path:
                yield odd
                continue
            changed = copy.deepcopy(document)
            place = changed
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = odd
            yield changed


def read(source):
    schema = source.schema()
    writer = RecordWriter(io.BytesIO(), schema)
    source.count()
    for row in source.rows(schema):
        writer.write(row)
    writer.finish()
    return writer.rows


@pytest.fixture
def apps():
    server = Apps()
    yield server
    server.stop()


def outcomes(apps, answers, source):
    """How many of the answers gave rows, and how many the product's error."""
    rows = errors = 0
    for queued in answers:
        apps.answers = queued
        try:
            rows += read(source()) >= 0
        except HeadwaterError:
            errors += 1
    return rows, errors


def body(document):
    return 200, json.dumps(document).encode()


@pytest.mark.slow
def test_any_answer_of_knack(apps, clock):
    page = {"records": [class_record(3)], "current_page": 1, "total_pages": 1, "total_records": 1}
    fields, first = body({"fields": FIELDS}), body(page)
    odd_fields = [[body(document)] * 6 + [first] * 9 for document in variants({"fields": FIELDS[:2]})]
    odd_pages = [[fields, *[body(document)] * 12] for document in variants(page)]
    rows, errors = outcomes(
        apps, odd_fields + odd_pages, lambda: KnackSource((APP, KEY), 4, EASTERN, clock, apps.knack)
    )
    assert rows > 50
    assert errors > 50


@pytest.mark.slow
def test_any_answer_of_airtable(apps, clock):
    page = {"records": SERVICES[:2]}
    rows, errors = outcomes(
        apps,
        [[body(document)] * 6 for document in variants(page)],
        lambda: AirtableSource(APP, KEY, "immigrant_services", clock, apps.airtable),
    )
    assert rows > 50
    assert errors > 20


@pytest.mark.parametrize("identity", [None, "", 3, {"a": 1}])
def test_a_record_of_knack_without_an_id_is_named(apps, clock, identity):
    apps.objects["object_9"] = (FIELDS, [class_record(1) | {"id": identity}])
    source = KnackSource((APP, KEY), 9, EASTERN, clock, apps.knack)
    with pytest.raises(InvalidAnswer, match="a record of page 1 has no id"):
        list(source.rows(source.schema()))


def test_an_address_that_is_a_text_is_json_all_the_same():
    field = {"key": "field_1", "type": "address"}
    assert value_of({"field_1": '1 "Example" St'}, field, EASTERN) == '"1 \\"Example\\" St"'
