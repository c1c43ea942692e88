"""PostgreSQL and SQLAlchemy as sources: typed, exact, of one moment, in bounded memory."""

import sqlite3
from decimal import Decimal

import psycopg
import pytest

from core.errors import DatabaseUnavailable, SourceRefused
from resources.clients.databridge.postgres_source import PostgresSource
from resources.clients.databridge.schema import Column
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
    first, second = calls.rows(schema)
    assert tuple(first) == (
        "1", str(2**63 - 1), "12345678901234567890.0000000001", "é", "2020-01-02 03:04:05.678901-05:00",
        "2020-01-02 03:04:05+00", "2020-02-29", "true", '["a", "b"]', '{"k": 1}',
        "SRID=2272;POINT(1 2)",
    )  # fmt: skip
    assert list(second[:4]) == ["2", "0", None, ""]
    assert calls.count() == 2


def test_a_view_is_read_and_rows_are_of_one_moment(calls, database):
    view = PostgresSource(database.address.parameters(), "gis_311", "seen")
    rows = view.rows(view.schema())
    assert tuple(next(rows)) == ("1",)
    with psycopg.connect(**database.address.parameters(), autocommit=True) as connection:
        connection.execute("DELETE FROM gis_311.calls")
    assert [tuple(row) for row in rows] == [("2",)]
    assert view.count() == 0


def test_what_is_not_there_is_named(calls, database):
    with pytest.raises(SourceRefused, match=r"gis_311\.nothing: there is no such table"):
        PostgresSource(database.address.parameters(), "gis_311", "nothing").schema()
    with pytest.raises(DatabaseUnavailable, match="Check that it runs"):
        PostgresSource({**database.address.parameters(), "port": 1}, "gis_311", "calls").count()


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
