"""PostgreSQL and SQLAlchemy as sources: typed, exact, of one moment, in bounded memory."""

import csv
import io
import random
import sqlite3
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from core.errors import DatabaseUnavailable, InvalidAnswer, SourceRefused
from resources.clients.databridge import source as sources
from resources.clients.databridge.postgres_source import PostgresSource
from resources.clients.databridge.postgres_sql import PostgresSql
from resources.clients.databridge.records import TIME_ZONE, RecordWriter
from resources.clients.databridge.schema import Column
from resources.clients.databridge.source import Since, read_into
from resources.clients.databridge.sqlalchemy_source import SqlAlchemySource

TABLE = """
CREATE SCHEMA gis_311;
CREATE DOMAIN "geometry(Point,2272)" AS text;
CREATE TABLE gis_311.calls (
    "SHAPE" "geometry(Point,2272)", objectid integer PRIMARY KEY, big bigint NOT NULL, exact numeric(30,10),
    note varchar(9),
    opened timestamp, zoned timestamptz, day date, ok boolean, tags text[], facts jsonb, gdb_geomattr_data bytea
);
INSERT INTO gis_311.calls VALUES ('SRID=2272;POINT(1 2)', 1, 9223372036854775807, 12345678901234567890.0000000001, 'é',
    '2020-01-02 03:04:05.678901', '2020-01-02 03:04:05+00', '2020-02-29', true, '{a,b}', '{"k": 1}', NULL),
    (NULL, 2, 0, NULL, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE VIEW gis_311.seen AS SELECT objectid FROM gis_311.calls;
"""


def cells_of(source):
    """The cells of each row, as who reads the file finds them."""
    file = io.BytesIO()
    read_into(RecordWriter(file, source.schema()), source)
    return list(csv.reader(io.StringIO(file.getvalue().decode(), newline="")))[1:]


@pytest.fixture
def calls(database):
    with psycopg.connect(**database.address.parameters(), autocommit=True) as connection:
        connection.execute(TABLE)
    return PostgresSource(database.address.parameters(), "gis_311", "calls")


def test_columns_and_values_of_postgres(calls):
    schema = calls.schema()
    assert [(column.name, column.type) for column in schema.columns] == [
        ("objectid", "integer"), ("big", "bigint"), ("exact", "numeric"), ("note", "text"), ("opened", "datetime"),
        ("zoned", "timestamp with time zone"), ("day", "date"), ("ok", "boolean"), ("tags", "array"),
        ("facts", "object"), ("shape", "geometry"),
    ]  # fmt: skip
    assert schema.primary_key == ("objectid",)
    assert (schema.geometry.geometry_type, schema.geometry.srid) == ("point", 2272)
    first, second = cells_of(calls)
    assert first == [
        "1", str(2**63 - 1), "12345678901234567890.0000000001", "é", "2020-01-02 03:04:05.678901-05:00",
        "2020-01-02 03:04:05+00", "2020-02-29", "true", '["a", "b"]', '{"k": 1}',
        "SRID=2272;POINT(1 2)",
    ]  # fmt: skip
    assert second == ["2", "0", *[""] * 9]
    assert calls.count() == 2


def test_a_view_is_read_and_rows_are_of_one_moment(calls, database, monkeypatch):
    monkeypatch.setattr(sources, "PIECE", 0)
    view = PostgresSource(database.address.parameters(), "gis_311", "seen")
    lines = view.lines(view.schema())
    assert [bytes(line) for line in next(lines)] == [b"1"]
    with psycopg.connect(**database.address.parameters(), autocommit=True) as connection:
        connection.execute("DELETE FROM gis_311.calls")
    assert [bytes(line) for held in lines for line in held] == [b"2"]
    assert view.count() == 0


def table_of(database, columns, *rows):
    """A table of these columns and rows, as a source."""
    with psycopg.connect(**database.address.parameters(), autocommit=True) as connection:
        connection.execute(f"CREATE TABLE odd ({columns})".encode())
        for row in rows:
            connection.execute(f"INSERT INTO odd VALUES ({', '.join(['%s'] * len(row))})".encode(), row)
    return PostgresSource(database.address.parameters(), "public", "odd")


# Both edges of the time of summer in war and in peace, the years in which it is not localised, and what is no moment.
WALLS = ["1850-01-01 00:00:00", "1899-12-31 23:59:59.999999", "1900-01-01 00:00:00", "1918-03-31 01:59:59",
         "1918-03-31 02:00:00", "1918-10-27 01:30:00", "1942-02-09 01:59:59.5", "1942-02-09 02:30:00",
         "1945-08-14 18:59:59", "1945-09-30 01:30:00", "1974-01-06 02:30:00", "2024-03-10 01:59:59.999999",
         "2024-03-10 02:00:00", "2024-03-10 02:59:59", "2024-03-10 03:00:00", "2024-11-03 00:59:59",
         "2024-11-03 01:00:00", "2024-11-03 01:59:59.999999", "2024-11-03 02:00:00", "2037-11-01 01:30:00",
         "2038-03-14 02:30:00", "2500-07-04 12:00:00", "9999-12-31 23:59:59.999999"]  # fmt: skip


def test_a_moment_without_offset_gets_new_yorks_as_python_knows_it(database):
    chance = random.Random(5)
    start = datetime(1900, 1, 1)
    walls = WALLS + [
        str(start + timedelta(seconds=chance.randrange(8000 * 365 * 86400), microseconds=chance.choice([0, 1, 500000])))
        for _ in range(3000)
    ]
    source = table_of(database, "at timestamp, n int", *[(wall, n) for n, wall in enumerate(walls)])
    for at, n in cells_of(source):
        naive = datetime.fromisoformat(walls[int(n)])
        early = naive < start
        offset = "" if early else str(naive.replace(tzinfo=TIME_ZONE))[-6:]
        wall, written = (at, "") if early else (at[:-6], at[-6:])
        assert (datetime.fromisoformat(wall), written) == (naive, offset), walls[int(n)]


def test_what_is_no_moment_of_the_calendar_stays_as_it_is(database):
    source = table_of(
        database, "at timestamp, n int", ("infinity", 1), ("-infinity", 2), ("0044-03-15 BC", 3), (None, 4)
    )
    assert [at for at, _ in cells_of(source)] == ["infinity", "-infinity", "0044-03-15 00:00:00 BC", ""]


def test_cells_are_as_python_writes_them_whatever_they_hold(database):
    texts = ["a,b", 'say "hi"', "l\nf", "c\rr", "c\r\nl", "", " ", "\\.", "\\N", "é 🏛", None, ",", '"', "a" * 3_000_000]
    source = table_of(database, "n int, said text", *enumerate(texts))
    file, expected = io.BytesIO(), io.BytesIO()
    read_into(RecordWriter(file, source.schema()), source)
    writer = RecordWriter(expected, source.schema())
    for row in enumerate(texts):
        writer.write(row)
    writer.finish()
    assert file.getvalue() == expected.getvalue()


def test_a_table_of_one_column_has_a_line_for_each_row(database):
    source = table_of(database, "n int", (1,), (None,), (3,))
    file = io.BytesIO()
    read_into(RecordWriter(file, source.schema()), source)
    assert file.getvalue() == b'n\r\n1\r\n""\r\n3\r\n'


def test_a_character_of_zero_in_json_is_left_out_and_a_backslash_before_one_is_not(database):
    source = table_of(database, "n int, said json", (1, r'{"a": "x\u0000y"}'), (2, r'["\\u0000", "\\\u0000"]'))
    assert [said for _, said in cells_of(source)] == ['{"a": "xy"}', r'["\\u0000", "\\"]']


def test_settings_of_server_or_user_change_no_cell(database):
    row = "2024-01-02 03:04:05+00", "2024-01-02", b"\x01", 0.1 + 0.2, timedelta(days=1, hours=2)
    source = table_of(database, "at timestamptz, day date, raw bytea, f double precision, i interval", row)
    options = "-c TimeZone=Asia/Tokyo -c DateStyle=German -c bytea_output=escape -c extra_float_digits=-5"
    source._parameters |= {"options": f"{options} -c IntervalStyle=iso_8601"}
    expected = ["2024-01-02 03:04:05+00", "2024-01-02", "\\x01", "0.30000000000000004", "1 day 02:00:00"]
    assert cells_of(source) == [expected]


def test_a_server_that_breaks_off_in_the_middle_is_told_as_such(database, monkeypatch):
    monkeypatch.setattr(sources, "PIECE", 0)
    with psycopg.connect(**database.address.parameters(), autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE odd AS SELECT n, repeat('x', 1000) AS said FROM generate_series(1, 30000) AS n"
        )
        source = PostgresSource(database.address.parameters(), "public", "odd")
        lines = source.lines(source.schema())
        assert len(next(lines)) == 1
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY%'")
        with pytest.raises(DatabaseUnavailable, match=r"public\.odd: .*Check that it runs, then run again"):
            list(lines)


def test_what_is_no_utf8_is_named(database, postgres_server):
    name = f"{database.address.database}_ascii"
    with psycopg.connect(**postgres_server.parameters(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0".encode())
    parameters = replace(database.address, database=name).parameters()
    with psycopg.connect(**parameters, autocommit=True) as connection:
        connection.execute(rb"CREATE TABLE odd AS SELECT 1 AS n, E'caf\xe9' AS said")
    source = PostgresSource(parameters, "public", "odd")
    with pytest.raises(InvalidAnswer, match=r"public\.odd: invalid byte sequence .* 0xe9\. Mend it in the source"):
        cells_of(source)
    with psycopg.connect(**postgres_server.parameters(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


SINCE = [
    ("wall", datetime(2024, 1, 2, 3, 4, 5), ["2024-01-02 03:04:04.9", "2024-01-02 03:04:05", "infinity", None]),
    ("zoned", datetime(2024, 1, 2, 8, 4, 5, tzinfo=UTC),
     ["2024-01-02 03:04:04-05", "2024-01-02 03:04:05-05", "2024-01-02 08:05+00", None]),
    ("day", date(2024, 1, 2), ["2024-01-01", "2024-01-02", "2024-01-03", None]),
    ("whole", -3, ["-4", "-3", "9223372036854775807", None]),
    ("exact", 12, ["11.99", "12.00", "12.01", None]),
]  # fmt: skip


@pytest.mark.parametrize(("column", "least", "values"), SINCE)
def test_postgres_gives_the_rows_since_and_those_without_a_value_and_counts_all(database, column, least, values):
    columns = 'n int, "WALL" timestamp, zoned timestamptz, day date, whole bigint, exact numeric'
    place = ["wall", "zoned", "day", "whole", "exact"].index(column)
    rows = [(n, *[None] * place, value, *[None] * (4 - place)) for n, value in enumerate(values)]
    source = table_of(database, columns, *rows)
    source._parameters |= {"options": "-c TimeZone=Asia/Tokyo -c DateStyle=German"}
    part = source.since(Since(column, least))
    assert [cells[0] for cells in cells_of(part)] == ["1", "2", "3"]
    assert part.count() == source.count() == len(cells_of(source)) == 4


@pytest.mark.parametrize("wrong", [{"dbname": "nothing_there"}, {"user": "nobody_there"}])
def test_a_login_that_is_refused_is_not_tried_again(database, wrong):
    parameters = {**database.address.parameters(), **wrong}
    with pytest.raises(SourceRefused, match="does not exist.*secret"):
        PostgresSource(parameters, "public", "calls").count()
    with pytest.raises(SourceRefused, match="does not exist.*secret"):
        PostgresSql(parameters).run("SELECT 1")


def test_what_is_not_there_is_named(calls, database):
    with pytest.raises(SourceRefused, match=r"gis_311\.nothing: there is no such table"):
        PostgresSource(database.address.parameters(), "gis_311", "nothing").schema()
    with pytest.raises(DatabaseUnavailable, match="Check that it runs"):
        PostgresSource({**database.address.parameters(), "port": 1}, "gis_311", "calls").count()


def test_sqlalchemy_gives_the_rows_since_and_those_without_a_value(tmp_path):
    path = tmp_path / "city.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE trees (id INTEGER PRIMARY KEY, seen DATETIME)")
        moments = ["2024-01-02 03:04:04.000000", "2024-01-02 03:04:05.000000", None]
        connection.executemany("INSERT INTO trees VALUES (?, ?)", enumerate(moments))
    source = SqlAlchemySource(f"sqlite:///{path}", None, "trees")
    for since in (Since("seen", datetime(2024, 1, 2, 3, 4, 5)), Since("id", 1)):
        part = source.since(since)
        assert ([row[0] for row in part.rows(source.schema())], part.count()) == ([1, 2], 3)


def test_sqlalchemy_reads_what_it_knows(tmp_path):
    path = tmp_path / "city.db"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE trees (id INTEGER PRIMARY KEY, name TEXT NOT NULL, height NUMERIC(9,3), shape TEXT)"
        )
        connection.executemany(
            "INSERT INTO trees VALUES (?, ?, ?, ?)", [(1, "oak", 12.5, "POINT (1 2)"), (2, "é", None, None)]
        )
    shape = Column("shape", "geometry", geometry_type="point", srid=2272)
    source = SqlAlchemySource(f"sqlite:///{path}", None, "trees", shape)
    schema = source.schema()
    assert [(column.name, column.type) for column in schema.columns] == [
        ("id", "integer"), ("name", "text"), ("height", "numeric"), ("shape", "geometry")]  # fmt: skip
    assert [tuple(row) for row in source.rows(schema)] == [
        (1, "oak", Decimal("12.500"), "POINT (1 2)"),
        (2, "é", None, None),
    ]
    assert source.count() == 2
    with pytest.raises(SourceRefused, match="no such table"):
        SqlAlchemySource(f"sqlite:///{path}", None, "none").schema()
