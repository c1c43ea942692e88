"""Geometries in lines of CSV are what they are row by row: the same cells, the same facts, the same refusals."""

import csv
import io

import pytest

from core.errors import InvalidAnswer
from resources.clients.databridge.records import RecordWriter
from resources.clients.databridge.schema import Column, TableSchema

POINTS = ["SRID=2272;POINT(1 2)", "SRID=2272;POINT(-3.5 0)", "SRID=2272;POINT(2712205.711 259685.27612345678901)",
          None]  # fmt: skip
ODD = ["POINT Z (1 2 3)", "SRID=2272;POINT(1e3 .5)", "SRID=2272;POINT(+7 8.)", "POINT EMPTY",
       "SRID=2272;POINT  ( 9 9 )", "SRID=2272;POINT(1e-05 99999999999999999)", " "]  # fmt: skip
POLYGONS = ["SRID=2272;POLYGON((0 0,0 1,1 1,0 0))", "SRID=2272;MULTIPOLYGON(((0 0,0 9,9 9,0 0)))", None,
            "SRID=2272;MULTIPOLYGON EMPTY"]  # fmt: skip


def schema_of(kind, *, first=False):
    shape = Column("shape", "geometry", geometry_type=kind, srid=2272)
    others = (Column("id", "integer"), Column("said", "text"))
    return TableSchema((shape, *others) if first else (*others, shape))


def both(schema, rows, at_once):
    """The file and facts by rows, and by lines, so many at a time."""
    by_rows, by_lines = io.BytesIO(), io.BytesIO()
    one, other = RecordWriter(by_rows, schema), RecordWriter(by_lines, schema)
    text = io.StringIO(newline="")
    for row in rows:
        one.write(row)
    csv.writer(text, lineterminator="\0").writerows(rows)
    lines = [line.encode() for line in text.getvalue().split("\0")[:-1]]
    for start in range(0, len(lines), at_once):
        other.write_lines(lines[start : start + at_once])
    one.finish()
    other.finish()
    return (by_rows.getvalue(), one.rows, one.geometry), (by_lines.getvalue(), other.rows, other.geometry)


@pytest.mark.parametrize(
    ("kind", "shapes"),
    [("point", POINTS), ("point", POINTS + ODD), ("geometry", POINTS + ODD + POLYGONS), ("polygon", POLYGONS),
     ("point", [None, None]), ("line", ["SRID=2272;LINESTRING(0 0,1 1)"])],
)  # fmt: skip
@pytest.mark.parametrize("at_once", [1, 3, 1000])
@pytest.mark.parametrize("first", [False, True])
def test_lines_end_as_rows_do(kind, shapes, at_once, first):
    schema = schema_of(kind, first=first)
    said = ['two\nlines, "one"', "", "é", "\r\n,SRID=2272;POINT(0 0)\r\n"]
    rows = [(number, said[number % 4], shape) for number, shape in enumerate(shapes)]
    expected, found = both(schema, [(row[2], *row[:2]) for row in rows] if first else rows, at_once)
    assert found == expected


@pytest.mark.parametrize(
    "shape", ["SRID=4326;POINT(1 2)", "POINT(1)", "SRID=2272;SRID=2272;POINT(1 2)", "LINESTRING(0 0,1 1)"]
)
def test_a_wrong_geometry_is_named_with_its_record(shape):
    writer = RecordWriter(io.BytesIO(), schema_of("point"))
    writer.write_lines([b"1,a,SRID=2272;POINT(1 2)"] * 5)
    with pytest.raises(InvalidAnswer, match="Geometry shape, record 7"):
        writer.write_lines([b"6,b,", f'7,c,"{shape}"'.encode()])


HEAD = "SRID=2272;POINT("


@pytest.mark.parametrize(
    "shapes",
    [
        [f"{HEAD}1 2)3 4)", HEAD], [f"{HEAD}1 2", f"{HEAD})"], [f"1 2){HEAD}"], [f"{HEAD}{HEAD}1 2)", "3 4)"],
        [f"{HEAD}1 2){HEAD}3 4)", ")"], [f"{HEAD}1 2 3)", f"{HEAD}1)"], [f"{HEAD}1 -)"], [f"{HEAD}--1 2)"],
        [f"{HEAD}1-2 3)"], [f"{HEAD})"], [f"{HEAD}1 2)\n"], [f"{HEAD}1 2\n3 4)"], [f"{HEAD} 1 2)"],
        [f"{HEAD}1 2 )"], [f"{HEAD}0123 .5)"], [f"{HEAD}1. 2)"], [f"{HEAD}1.2.3 4)"], [f"{HEAD}1 2) "],
        [f"{HEAD}1 2)", f"{HEAD}1 2)", f"{HEAD}nan 2)"], [f"{HEAD}1_0 2)"], [f"{HEAD}١ 2)"],
    ],
    ids=range(21),
)  # fmt: skip
def test_what_is_nearly_a_point_is_judged_as_row_by_row(shapes):
    def outcome(at_once):
        schema, file = schema_of("point"), io.BytesIO()
        writer, other = RecordWriter(file, schema), io.StringIO(newline="")
        try:
            for number, shape in enumerate(shapes):
                if at_once:
                    other = io.StringIO(newline="")
                    csv.writer(other, lineterminator="\r\n").writerow((number, "", shape))
                    lines.append(other.getvalue()[:-2].encode())
                else:
                    writer.write((number, "", shape))
            if at_once:
                writer.write_lines(lines)
        except InvalidAnswer as error:
            return str(error)
        writer.finish()
        return file.getvalue(), writer.geometry

    lines = []
    assert outcome(at_once=True) == outcome(at_once=False)


def test_rows_that_are_not_as_many_as_were_sent_are_refused():
    writer = RecordWriter(io.BytesIO(), schema_of("point"))
    with pytest.raises(InvalidAnswer, match="2 were read where 1 were sent"):
        writer.write_lines([b"1,a,\r\n2,b,"])
