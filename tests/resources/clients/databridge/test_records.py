"""Rows to CSV and back: every value exact, every odd file read or refused by the record's number."""

import csv
import gzip
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from core.errors import InvalidAnswer
from resources.clients.databridge.records import RecordWriter, encoding_of, in_schema_order, read_records, utc_text
from resources.clients.databridge.schema import Column, TableSchema, parse_schema
from tests.standins.captured import needs_captured_data
from tests.standins.databridge import CAPTURED


def written(*rows, types=("text",)):
    file = io.BytesIO()
    writer = RecordWriter(file, TableSchema(tuple(Column(f"c{at}", kind) for at, kind in enumerate(types))))
    for row in rows:
        writer.write(row)
    writer.finish()
    return file.getvalue().decode(), writer


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, '""'), ("", '""'), (" ", " "), ("é Ω", "é Ω"), ('a"b', '"a""b"'), ("a,b", '"a,b"'), ("a\nb", '"a\nb"'),
        (Decimal("12345678901234567890.123400"), "12345678901234567890.123400"), (Decimal("0E-8"), "0E-8"),
        (2**70, str(2**70)), (True, "True"), (date(2020, 2, 29), "2020-02-29"), (b"\x00\xff", "\\x00ff"),
        (datetime(2020, 1, 1), "2020-01-01 00:00:00-05:00"),
        (datetime(2020, 7, 1, 12, 0, 0, 123456), "2020-07-01 12:00:00.123456-04:00"),
        (datetime(2020, 11, 1, 1, 30), "2020-11-01 01:30:00-04:00"),
        (datetime(2020, 3, 8, 2, 30), "2020-03-08 02:30:00-05:00"),
        (datetime(2020, 7, 1, tzinfo=UTC), "2020-07-01 00:00:00+00:00"),
        (["é", 1], '"[""é"", 1]"'), ({"a": None}, '"{""a"": null}"'),
        ({"lat": Decimal("39.950"), "zip": Decimal("19107.0")}, '"{""lat"": 39.95, ""zip"": 19107}"'),
        ([Decimal("0.1234567890123456789"), Decimal("NaN")], '"[""0.1234567890123456789"", ""NaN""]"'),
        (["x\x00", "\\u0000"], '"[""x"", ""\\\\u0000""]"'),
    ],
)  # fmt: skip
def test_cells(value, cell):
    assert written([value])[0] == f"c0\r\n{cell}\r\n"


def test_nuls_are_left_out_of_any_row_and_counted():
    text, writer = written(*([["x"]] * 600), ["a\x00b\x00"])
    assert text.endswith("ab\r\n")
    assert writer.nuls == 2
    assert writer.rows == 601


def test_what_no_cell_holds_is_named():
    with pytest.raises(InvalidAnswer, match="Record 1: c0 holds half a character"):
        written(["\ud800"])
    with pytest.raises(InvalidAnswer, match="Record 2 has 2 values, the header 1"):
        written(["a"], ["a", "b"])


def read(tmp_path, data):
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    return list(read_records(path, "t.csv"))


def test_odd_files_of_others(tmp_path):
    assert read(tmp_path, b"\xef\xbb\xbfA,B\r\n1,\r\n") == [["a", "b"], ["1", None]]
    assert read(tmp_path, b'a,b\r\nx"y, 2020-01-01\r\n"l\nf", \r\n') == [
        ["a", "b"],
        ['x"y', " 2020-01-01"],
        ["l\nf", " "],
    ]
    assert read(tmp_path, b"a\n\xe9\n") == [["a"], ["é"]]
    assert read(tmp_path, "a\né\n".encode()) == [["a"], ["é"]]
    assert read(tmp_path, b"a\nx\x00y\n") == [["a"], ["xy"]]
    long = "9" * 200_000
    assert read(tmp_path, f"a\n{long}\n".encode())[1] == [long]


def test_an_encoding_is_seen_behind_the_first_megabyte(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"a\n" + b"x" * (1 << 20) + b"\xe9")
    assert encoding_of(path) == "latin-1"


@pytest.mark.parametrize("data", [b"a,b\n1,2,3\n", b"a,b\n1\n"])
def test_a_row_of_another_width_is_named(tmp_path, data):
    with pytest.raises(InvalidAnswer, match="record 1 has . cells, the header 2"):
        read(tmp_path, data)


def test_a_file_without_header_is_named(tmp_path):
    with pytest.raises(InvalidAnswer, match="no header"):
        read(tmp_path, b"")


def test_a_missing_column_is_named():
    with pytest.raises(InvalidAnswer, match="no column b"):
        in_schema_order([], ["a"], TableSchema((Column("b", "text"),)))


@needs_captured_data
@pytest.mark.parametrize("name", ["bike_racks.csv.gz", "farmers_markets.csv", "police_districts.csv.gz",
                                  "etl_tools_point.csv", "etl_tools_point_table_2272.csv"])  # fmt: skip
def test_city_files_have_the_records_that_were_counted(tmp_path, name):
    data = (CAPTURED / name).read_bytes()
    expected = json.loads((CAPTURED / "expected.json").read_text())[name]
    header, *rows = read(tmp_path, gzip.decompress(data) if name.endswith(".gz") else data)
    assert header == [cell.lower() for cell in expected["header"]]
    assert len(rows) == expected["records"]
    assert sum(cell is None for row in rows for cell in row) == expected["empty_cells"]


@needs_captured_data
def test_the_polygon_fixture_is_refused_for_its_row_with_one_cell_too_many(tmp_path):
    with pytest.raises(InvalidAnswer, match="record 1 has 6 cells, the header 5"):
        read(tmp_path, (CAPTURED / "etl_tools_polygon.csv").read_bytes())


@needs_captured_data
def test_the_point_fixture_is_written_in_the_one_form():
    schema = parse_schema((CAPTURED / "etl_tools_point.json").read_bytes(), "etl_tools_point.json")
    header, *rows = read_records(CAPTURED / "etl_tools_point.csv", "etl_tools_point.csv")
    file = io.BytesIO()
    writer = RecordWriter(file, schema)
    for row in in_schema_order(rows, header, schema):
        writer.write(row)
    writer.finish()
    cells = list(csv.DictReader(io.StringIO(file.getvalue().decode(), newline="")))
    assert len(cells) == writer.rows == 9
    assert all(cell["shape"].startswith("SRID=2272;POINT(") for cell in cells)
    assert cells[0]["objectid"] == rows[0][0]


def test_moments_of_manifests_sort_as_texts():
    assert utc_text(datetime(2024, 1, 2, tzinfo=UTC)) == "2024-01-02T00:00:00.000000Z"
