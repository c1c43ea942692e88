"""Schemas: real ones read, types mapped, changes told; each wrong one refused by name."""

import json

import pytest

from core.errors import InvalidAnswer, LoadRejected
from resources.clients.databridge.schema import Column, TableSchema, differences, parse_schema, settle_drift
from tests.standins.captured import needs_captured_data
from tests.standins.databridge import CAPTURED


def schema_of(*columns, key=()):
    return TableSchema(tuple(columns), key)


def parse(document):
    return parse_schema(json.dumps(document).encode(), "schemas/311/t.json")


@needs_captured_data
def test_every_hand_kept_schema_is_read_or_named():
    read, refused = [], []
    for path in sorted((CAPTURED / "schemas").glob("*.json")):
        try:
            read.append(parse_schema(path.read_bytes(), path.name))
        except InvalidAnswer as error:
            refused.append((path.name, str(error)))
    assert all(name in said for name, said in refused)
    assert len(read) >= 24
    assert len(refused) <= 1
    assert {schema.geometry.srid for schema in read if schema.geometry} == {2272}
    assert any(column.type == "date" for schema in read for column in schema.columns)


@pytest.mark.parametrize(
    ("kind", "carto", "postgres"),
    [
        ("string", "text", "text"), ("number", "numeric", "numeric"), ("float", "numeric", "numeric"),
        ("double precision", "numeric", "numeric"), ("integer", "integer", "integer"),
        ("boolean", "boolean", "boolean"),
        ("time", "time", "time"), ("object", "jsonb", "jsonb"), ("array", "jsonb", "jsonb"), ("date", "date", "date"),
        ("datetime", "timestamp with time zone", "timestamp without time zone"),
        ("timestamp without time zone", "timestamp with time zone", "timestamp without time zone"),
        ("text", "text", "text"), ("numeric(10,2)", "numeric(10,2)", "numeric(10,2)"), ("bigint", "bigint", "bigint"),
    ],
)  # fmt: skip
def test_types(kind, carto, postgres):
    column = Column("c", kind)
    assert (column.sql_type("carto"), column.sql_type("postgres")) == (carto, postgres)


@pytest.mark.parametrize(
    ("kind", "column"),
    [("point", "Point"), ("line", "Linestring"), ("polygon", "MultiPolygon"), ("MULTIPOLYGON", "MultiPolygon"),
     ("multilinestring", "MultiLineString"), ("geometry", "Geometry")],
)  # fmt: skip
def test_geometry_types(kind, column):
    assert Column("shape", "geometry", geometry_type=kind, srid=2272).sql_type("carto") == f"geometry({column},2272)"


FIELD = {"name": "a", "type": "text"}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({}, "missing required field `fields`"),
        ({"fields": []}, "0 fields"),
        ({"fields": 3}, "array"),
        ({"fields": [FIELD, FIELD]}, "'a' occurs twice"),
        ({"fields": [{"name": "A", "type": "text"}, FIELD]}, "'a' occurs twice"),
        ({"fields": [{"name": "", "type": "text"}]}, "1 to 63 bytes"),
        ({"fields": [{"name": "x" * 64, "type": "text"}]}, "1 to 63 bytes"),
        ({"fields": [{"name": "a\x00", "type": "text"}]}, "printable"),
        ({"fields": [{"name": "a", "type": "text); DROP TABLE t; --"}]}, "no name of a type"),
        ({"fields": [{"name": "s", "type": "geometry"}]}, "needs geometry_type and srid"),
        ({"fields": [{"name": "s", "type": "geometry", "geometry_type": "point"}]}, "needs geometry_type and srid"),
        ({"fields": [{"name": "s", "type": "geometry", "geometry_type": "point", "srid": 0}]}, "SRID 0"),
        ({"fields": [FIELD], "primaryKey": ["id"]}, "primaryKey names 'id'"),
    ],
)
def test_wrong_schemas_are_refused_by_name(document, reason):
    with pytest.raises(InvalidAnswer) as refused:
        parse(document)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b'{"fields": [{"srid":: 2272}]}', b"[" * 100_000, b" " * (1 << 21)],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_no_schema_is_refused(data):
    with pytest.raises(InvalidAnswer, match="Schema there"):
        parse_schema(data, "there")


def test_a_schema_survives_its_own_json():
    schema = schema_of(
        Column("id", "integer", required=True),
        Column("day", "date", format="fmt:%Y-%m-%d %H:%M:%S"),
        Column("shape", "geometry", geometry_type="polygon", srid=2272),
        key=("id",),
    )
    assert parse_schema(schema.dump(), "x") == schema


OLD = schema_of(Column("a", "text"), Column("b", "numeric"))


def test_names_of_types_are_compared_by_what_they_become():
    assert differences(OLD, schema_of(Column("b", "number"), Column("a", "string"))) == []
    assert differences(OLD, schema_of(Column("a", "integer"), Column("c", "text"))) == [
        "column c is new",
        "column b is gone",
        "column a was text and is integer",
    ]


def test_drift():
    now = schema_of(Column("a", "text"), Column("c", "text"))
    with pytest.raises(LoadRejected, match="column c is new; column b is gone"):
        settle_drift("311/t", OLD, now, "fail")
    assert settle_drift("311/t", OLD, now, "evolve")[0] == now
    kept, said = settle_drift("311/t", OLD, now, "warn")
    assert kept.names == ["a"]
    assert len(said) == 2
    assert settle_drift("311/t", None, now, "fail") == (now, [])
    with pytest.raises(LoadRejected, match="none of the columns"):
        settle_drift("311/t", OLD, schema_of(Column("z", "text")), "warn")


@pytest.mark.parametrize("form", ["fmt:%Y-%m-%d %H:%M:%S", "any", None])
def test_a_hand_kept_date_of_moments_loads_as_date_and_says_so(form):
    kept = schema_of(Column("seen", "date", format=form))
    for drift in ("fail", "warn"):
        schema, said = settle_drift("311/t", kept, schema_of(Column("seen", "datetime")), drift)
        assert schema == kept
        assert said == ["column seen is a date by the schema and loses its time"]
    assert settle_drift("311/t", kept, schema_of(Column("seen", "date")), "fail") == (kept, [])
    assert settle_drift("311/t", kept, schema_of(Column("seen", "datetime")), "evolve")[0].columns[0].type == "datetime"


def test_a_hand_kept_whole_number_is_what_oracle_calls_a_number():
    kept, now = schema_of(Column("n", "integer")), schema_of(Column("n", "numeric"))
    assert settle_drift("311/t", kept, now, "fail") == (kept, [])
    assert settle_drift("311/t", kept, now, "evolve") == (now, ["column n was integer and is numeric"])
    with pytest.raises(LoadRejected, match="column n was numeric and is integer"):
        settle_drift("311/t", now, kept, "fail")
