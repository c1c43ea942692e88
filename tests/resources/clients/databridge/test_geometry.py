"""Geometries in any spelling end as one form of EWKT, as NULL, or as an error that names column and record."""

import time

import pytest

from core.errors import InvalidAnswer
from resources.clients.databridge.geometry import GeometryColumn, GeometryFacts, srid_of_sde


def normal(text, kind="geometry", srid=2272):
    facts = GeometryFacts()
    return GeometryColumn("shape", kind, srid).normal(text, 7, facts), facts


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("POINT  ( 2712205.711 259685.276)", "point", "SRID=2272;POINT(2712205.711 259685.276)"),
        ("SRID=2272;POINT(1 2)", "point", "SRID=2272;POINT(1 2)"),
        ("srid = 2272 ; point z (1 2 3)", "point", "SRID=2272;POINT(1 2)"),
        ("POINT ZM(1 2 3 4)", "point", "SRID=2272;POINT(1 2)"),
        ("POINT(1e3 -0.5)", "geometry", "SRID=2272;POINT(1e3 -0.5)"),
        ("POLYGON (( 0 0, 0 1, 1 1, 0 0))", "polygon", "SRID=2272;MULTIPOLYGON(((0 0,0 1,1 1,0 0)))"),
        ("POLYGON((0 0,0 9,9 9,0 0),(1 2,1 3,2 3,1 2))", "multipolygon",
         "SRID=2272;MULTIPOLYGON(((0 0,0 9,9 9,0 0),(1 2,1 3,2 3,1 2)))"),
        ("MULTIPOLYGON(((0 0,0 1,1 1,0 0)))", "polygon", "SRID=2272;MULTIPOLYGON(((0 0,0 1,1 1,0 0)))"),
        ("LINESTRING(0 0,1 1)", "line", "SRID=2272;LINESTRING(0 0,1 1)"),
        ("LINESTRING M (0 0 5,1 1 6)", "multilinestring", "SRID=2272;MULTILINESTRING((0 0,1 1))"),
        ("MULTIPOLYGON(EMPTY,((0 0,0 1,1 1,0 0)), EMPTY)", "polygon", "SRID=2272;MULTIPOLYGON(((0 0,0 1,1 1,0 0)))"),
        ("MULTIPOINT((0 0),(1 1))", "geometry", "SRID=2272;MULTIPOINT((0 0),(1 1))"),
    ],
)  # fmt: skip
def test_one_form(text, kind, expected):
    assert normal(text, kind)[0] == expected
    assert normal(expected, kind)[0] == expected


@pytest.mark.parametrize(
    "text",
    [None, "", "  ", "POINT EMPTY", "SRID=2272;MULTIPOINT EMPTY", "polygon empty", "POINT Z EMPTY",
     "GEOMETRYCOLLECTION EMPTY", "MULTIPOINT(EMPTY)", "MULTIPOLYGON( EMPTY , EMPTY)", "MULTIPOLYGON((EMPTY))"],
)  # fmt: skip
def test_empty_is_null_in_any_column(text):
    value, facts = normal(text, "point")
    assert (value, facts.empty, facts.bounds) == (None, 1, None)


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        ("SRID=2272;SRID=2272;POINT(1 2)", "point", "names its SRID twice"),
        ("SRID=4326;POINT(1 2)", "point", "has SRID 4326, the column 2272"),
        ("POINT(1)", "point", "no well-known text"),
        ("POINT(1 2", "point", "no well-known text"),
        ("POINT(1 2)x", "point", "no well-known text"),
        ("POINT(nan 1)", "point", "no well-known text"),
        ("hello", "point", "no well-known text"),
        ("CURVE(1 2)", "point", "CURVE"),
        ("MULTIPOINT(1 2)", "point", "the column takes POINT"),
        ("LINESTRING(0 0,1 1 1)", "line", "different dimensions"),
        ("POLYGON((0 0,0 1,1 1,0 2))", "polygon", "not closed"),
        ("POLYGON((0 0,1 1,0 0))", "polygon", "fewer than four"),
        ("LINESTRING(0 0)", "line", "a line of a single point"),
        ("MULTILINESTRING((0 0,1 1),(2 2))", "multilinestring", "a line of a single point"),
        ("SRID=2272;POINT(1e400 2)", "point", "too large"),
        ("POINT Z (1 2 1e400)", "point", "too large"),
        ("POLYGON((0 0,0 1,1e999 1,0 0))", "polygon", "too large"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(text, kind, reason):
    with pytest.raises(InvalidAnswer, match="Geometry shape, record 7") as refused:
        normal(text, kind)
    assert reason in str(refused.value)


@pytest.mark.parametrize("srid", [0, -1, 1_000_000])
def test_a_column_without_srid_fails_by_name(srid):
    with pytest.raises(InvalidAnswer, match="Geometry shape: SRID"):
        GeometryColumn("shape", "point", srid)


def test_a_type_that_is_none_fails_by_name():
    with pytest.raises(InvalidAnswer, match="geometry_type 'multipoint'"):
        GeometryColumn("shape", "multipoint", 2272)


@pytest.mark.parametrize(
    "text",
    ["POLYGON((" + "1 1," * 300_000, "POINT(" + "9" * 1_000_000, "(" * 100_000],
    ids=lambda value: repr(value)[:20],
)
def test_long_nonsense_is_refused_at_once(text):
    started = time.process_time()
    with pytest.raises(InvalidAnswer):
        normal(text, "polygon")
    assert time.process_time() - started < 2


def test_facts_are_counted():
    facts, column = GeometryFacts(), GeometryColumn("shape", "geometry", 2272)
    for record, text in enumerate(["POINT(1 2)", "POINT Z (5 0 9)", None, "LINESTRING(0 9,3 3)"], 1):
        column.normal(text, record, facts)
    assert dict(facts.types) == {"POINT": 2, "LINESTRING": 1}
    assert (facts.empty, facts.flattened, facts.vertices, facts.bounds) == (1, 1, 4, (0.0, 0.0, 5.0, 9.0))


def test_sde_numbers_its_own_systems():
    assert (srid_of_sde(300046), srid_of_sde(2272), srid_of_sde(4326)) == (2272, 2272, 4326)
