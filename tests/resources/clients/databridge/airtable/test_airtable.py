"""Airtable and the geocoder: pages, columns that only some records have, addresses that are not known."""

import json

import pytest

from core.errors import InvalidAnswer, SourceMoved, SourceRefused, SourceUnavailable
from resources.clients.databridge.airtable import source
from resources.clients.databridge.airtable.geocoding import GeocodedSource, Geocoder
from resources.clients.databridge.airtable.source import AirtableSource
from sandbox.databridge.apps import APP, KEY, Apps


@pytest.fixture
def apps():
    server = Apps()
    yield server
    server.stop()


def services(apps, clock, key=KEY, table="immigrant_services"):
    return AirtableSource(APP, key, table, clock, apps.airtable)


def geocoded(apps, clock, added=("lat", "lon", "shape"), query=("street_address",), removed=()):
    return GeocodedSource(services(apps, clock), Geocoder(KEY, clock, apps.ais), query, added, removed)


def test_columns_are_those_that_any_record_has(apps, clock):
    source = services(apps, clock)
    schema = source.schema()
    assert [(column.name, column.type) for column in schema.columns] == [
        ("id", "text"), ("name", "text"), ("street_address", "text"), ("languages", "array")]  # fmt: skip
    rows = list(source.rows(schema))
    assert rows[0] == ["rec00000000000001", "Service 1", "1 Market St", ["Español", "中文"]]
    assert rows[1][3] is None
    assert source.count() == 12


def test_all_pages_are_read_once(apps, clock):
    apps.services = [{"id": f"rec{number}", "fields": {"Name": str(number)}} for number in range(250)]
    source = services(apps, clock)
    assert (source.count(), len(list(source.rows(source.schema())))) == (250, 250)
    assert len(apps.requests) == 3


def page(*ids, offset=None):
    records = [{"id": f"rec{number}", "fields": {"Name": str(number)}} for number in ids]
    return 200, json.dumps({"records": records} | ({"offset": offset} if offset else {})).encode()


def test_a_page_without_a_record_is_not_the_end(apps, clock):
    apps.answers = [page(1, offset="a"), page(offset="b"), page(2)]
    assert services(apps, clock).count() == 2
    assert [request.rsplit("offset=")[-1] for request in apps.requests[1:]] == ["a", "b"]


@pytest.mark.parametrize("second", [page(1, 2, offset="b"), page(3, 2), page(3, 3)])
def test_a_record_that_comes_twice_is_no_second_row(apps, clock, second):
    apps.answers = [page(1, 2, offset="a"), second]
    with pytest.raises(SourceMoved, match="record rec[123] came twice"):
        services(apps, clock).count()


def test_pages_have_an_end(apps, clock, monkeypatch):
    monkeypatch.setattr(source, "MOST_PAGES", 3)
    apps.answers = [page(offset="a")] * 4
    with pytest.raises(InvalidAnswer, match="more than 3 pages"):
        services(apps, clock).count()
    apps.answers = [(200, json.dumps({"records": [], "offset": ["a"]}).encode())]
    with pytest.raises(InvalidAnswer, match="offset"):
        services(apps, clock).count()


def test_pages_that_are_no_longer_kept_are_asked_for_by_the_next_try(apps, clock):
    apps.answers = [page(1, offset="a"), (422, b'{"error": "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"}')]
    with pytest.raises(SourceMoved, match="no longer kept"):
        services(apps, clock).count()


def test_an_answer_of_the_geocoder_that_is_no_json_is_no_unknown_address(apps, clock):
    apps.answers = [(200, b"<html>down for maintenance</html>"), (200, b'{"features": [')]
    assert Geocoder(KEY, clock, apps.ais).located("1 Market St") == (-75.161, 39.95)


def test_addresses_become_points_and_unknown_ones_null(apps, clock):
    source = geocoded(apps, clock)
    schema = source.schema()
    assert schema.names == ["id", "name", "street_address", "languages", "lat", "lon", "shape"]
    assert (schema.geometry.geometry_type, schema.geometry.srid) == ("point", 4326)
    rows = list(source.rows(schema))
    assert rows[0][4:] == [39.95, -75.161, "SRID=4326;POINT(-75.161 39.95)"]
    assert rows[4][4:] == [None, None, None]


def test_fields_can_be_left_out_and_have_to_be_there(apps, clock):
    assert geocoded(apps, clock, ("shape",), removed=("languages",)).schema().names == [
        "id", "name", "street_address", "shape"]  # fmt: skip
    with pytest.raises(InvalidAnswer, match="query_fields names street"):
        geocoded(apps, clock, query=("street",)).schema()


def test_what_is_wrong_is_told_without_the_key(apps, clock):
    with pytest.raises(SourceRefused, match="401") as refused:
        services(apps, clock, key="a-wrong-key-of-airtable").count()
    assert "a-wrong-key" not in str(refused.value)
    apps.answers = [(500, b"")] * 20
    with pytest.raises(SourceUnavailable, match="Airtable"):
        services(apps, clock).count()
    apps.answers = []
    with pytest.raises(SourceRefused, match="AIS: HTTP 403"):
        Geocoder("another-key-of-the-city", clock, apps.ais).located("1 Market St")


@pytest.mark.parametrize(
    "body", [b'{"features": []}', b'{"features": [{"geometry": null}]}', b"[]", b'{"features": 3}']
)
def test_an_answer_without_a_point_is_an_unknown_address(apps, clock, body):
    apps.answers = [(200, body)]
    assert Geocoder(KEY, clock, apps.ais).located("1 Market St") is None


def test_a_point_outside_the_earth_is_refused(apps, clock):
    apps.answers = [(200, b'{"features": [{"geometry": {"coordinates": [2712205, 259685]}}]}')]
    with pytest.raises(InvalidAnswer, match="no longitude and latitude"):
        Geocoder(KEY, clock, apps.ais).located("1 Market St")
