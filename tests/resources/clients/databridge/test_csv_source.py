"""A file by others, staged as a table's run: what real files have is taken as it is meant, or named by its record."""

import csv
import gzip
import io
import json

import pytest

from core.errors import InvalidAnswer
from resources.clients.databridge.csv_source import CsvSource
from resources.clients.databridge.records import RecordWriter
from resources.clients.databridge.schema import Column, TableSchema, parse_schema
from resources.clients.databridge.source import read_into
from tests.standins.captured import needs_captured_data
from tests.standins.databridge import CAPTURED

KNOWN = TableSchema(
    (
        Column("id", "integer"), Column("said", "text"), Column("exact", "numeric"), Column("seen", "datetime"),
        Column("shape", "geometry", geometry_type="point", srid=2272),
    ),
    ("id",),
)  # fmt: skip


def cells_of(source):
    file = io.BytesIO()
    writer = RecordWriter(file, source.schema())
    read_into(writer, source)
    assert writer.rows == source.count()
    return list(csv.reader(io.StringIO(file.getvalue().decode(), newline="")))


@pytest.fixture
def file(tmp_path):
    def written(data):
        path = tmp_path / "t.csv"
        path.write_bytes(data)
        return path

    return written


def test_what_real_files_have_is_taken_as_it_is_meant(file):
    path = file(
        b"\xef\xbb\xbfID,Shape,Seen,Exact,Said,More\r\n"
        b'1,POINT (1 2), 2020-11-01 01:30:00,0E-8,x"y,a\r\n'
        b'2,"SRID=2272;MULTIPOINT EMPTY",2020-07-01 12:00:00-04, ,"two\nlines, ""one""", \r\n'
        b"3,,,, ,\r\n"
    )
    header, *rows = cells_of(CsvSource(path, KNOWN))
    assert header == ["id", "seen", "exact", "said", "more", "shape"]
    assert rows == [
        ["1", "2020-11-01 01:30:00-04:00", "0E-8", 'x"y', "a", "SRID=2272;POINT(1 2)"],
        ["2", "2020-07-01 12:00:00-04:00", "", 'two\nlines, "one"', " ", ""],
        ["3", "", "", " ", "", ""],
    ]


def test_latin_1_is_read_as_such_and_a_wrong_width_is_named(file):
    assert cells_of(CsvSource(file(b"id,said\n1,caf\xe9\n"), KNOWN)) == [["id", "said"], ["1", "café"]]
    with pytest.raises(InvalidAnswer, match="record 2 has 3 cells, the header 2"):
        CsvSource(file(b"id,said\n1,a\n2,b,c\n"), KNOWN).count()
    with pytest.raises(InvalidAnswer, match="no header"):
        CsvSource(file(b""), KNOWN).schema()
    with pytest.raises(InvalidAnswer, match="'id' occurs twice"):
        CsvSource(file(b"id,ID\n"), None).schema()


@needs_captured_data
@pytest.mark.parametrize("name", ["bike_racks.csv.gz", "farmers_markets.csv", "police_districts.csv.gz"])
def test_city_files_are_staged_whole(file, name):
    data = (CAPTURED / name).read_bytes()
    expected = json.loads((CAPTURED / "expected.json").read_text())[name]
    source = CsvSource(file(gzip.decompress(data) if name.endswith(".gz") else data), None)
    header, *rows = cells_of(source)
    assert header == [cell.lower() for cell in expected["header"]]
    assert len(rows) == expected["records"]
    assert sum(cell == "" for row in rows for cell in row) == expected["empty_cells"]


@needs_captured_data
def test_the_tools_own_point_fixture_is_staged_in_the_one_form():
    schema = parse_schema((CAPTURED / "etl_tools_point.json").read_bytes(), "etl_tools_point.json")
    header, *rows = cells_of(CsvSource(CAPTURED / "etl_tools_point.csv", schema))
    assert len(rows) == 9
    assert all(dict(zip(header, row, strict=True))["shape"].startswith("SRID=2272;POINT(") for row in rows)
