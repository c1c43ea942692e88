"""The SQL for Oracle, compared with what is expected of it, over a driver of the tests' own. No Oracle ran it."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from core.errors import DatabaseUnavailable, InvalidAnswer, SourceRefused
from resources.clients.databridge.oracle import sde
from resources.clients.databridge.oracle.sde import OracleSource, points_query, select, type_query
from resources.clients.databridge.schema import Column, TableSchema
from resources.clients.databridge.source import Since

COLUMNS = [
    ("OBJECTID", "NUMBER", 0, "N", None),
    ("SHAPE", "ST_GEOMETRY", None, "Y", "SDE"),
    ("OPENED", "DATE", None, "Y", None),
    ("SEEN", "TIMESTAMP(6)", None, "Y", None),
    ("ZONED", "TIMESTAMP(6) WITH TIME ZONE", None, "Y", None),
    ("NAME", "NVARCHAR2", None, "Y", None),
    ("SHARE", "NUMBER", 2, "Y", None),
]


class Driver:
    """Answers by the SQL; remembers what it was asked."""

    def __init__(self, answers):
        self.answers, self.asked = answers, []

    def cursor(self):
        return self

    def close(self):
        pass

    def execute(self, sql, parameters=None):
        self.asked.append(sql)
        self._rows = list(self.answers.get(sql, []))
        if self._rows and isinstance(self._rows[0], Exception):
            raise self._rows[0]

    def fetchall(self):
        return self._rows

    def fetchmany(self, size):
        rows, self._rows = self._rows[:size], self._rows[size:]
        return rows


def source(answers):
    driver = Driver({sde.COLUMNS: COLUMNS, sde.SRID: [(300046,)], **answers})
    return OracleSource(lambda: driver, "db.example.com/GISDBP", "gis_lni", "permits"), driver


TYPES = type_query("gis_lni", "permits", "shape")
POINTS = points_query("gis_lni", "permits", "shape")


def test_columns_by_type_geometry_last_and_a_date_keeps_its_time():
    schema = source({TYPES: [("ST_POLYGON",), ("ST_MULTIPOLYGON",)]})[0].schema()
    assert [(column.name, column.type) for column in schema.columns] == [
        ("objectid", "numeric"),
        ("opened", "datetime"),
        ("seen", "datetime"),
        ("zoned", "timestamp with time zone"),
        ("name", "text"),
        ("share", "numeric"),
        ("shape", "geometry"),
    ]
    assert (schema.geometry.geometry_type, schema.geometry.srid) == ("polygon", 2272)
    assert schema.primary_key == ("objectid",)


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ([("ST_POINT",)], "point"), ([("ST_LINESTRING",)], "linestring"), ([], "geometry"),
        ([("ST_LINESTRING",), ("ST_MULTILINESTRING",)], "multilinestring"), ([("ST_MULTIPOINT",)], "geometry"),
        ([("ST_POINT",), ("ST_POLYGON",)], "geometry"), ([("ST_POINT",), ("ST_MULTIPOINT",)], "geometry"),
    ],
)  # fmt: skip
def test_a_layers_type_is_what_its_rows_have(types, expected):
    assert source({TYPES: types})[0].schema().geometry.geometry_type == expected


SHAPE = TableSchema((Column("name", "text"), Column("shape", "geometry", geometry_type="point", srid=2272)))


def test_the_select_is_one_pass_with_short_geometries_converted_in_it():
    assert select("gis_lni", "permits", SHAPE, 150) == (
        'SELECT "NAME", CASE WHEN sde.st_isempty("SHAPE") = 1 THEN NULL ELSE to_char(sde.st_astext("SHAPE")) END '
        'FROM "GIS_LNI"."PERMITS"'
    )
    assert 'ELSE sde.st_astext("SHAPE") END' in select("gis_lni", "permits", SHAPE, 151)
    assert points_query("gis_311", "t", "shape") == 'SELECT max(sde.st_numpoints("SHAPE")) FROM "GIS_311"."T"'


def test_rows_are_read_in_one_read_only_transaction():
    rows = [("a", "POINT (1 2)"), ("b", None)] * 1500
    bridge, driver = source({POINTS: [(Decimal(12),)], select("GIS_LNI", "PERMITS", SHAPE, 12): rows})
    assert list(bridge.rows(SHAPE)) == rows
    assert driver.asked[1:] == [sde.READ_ONLY, select("GIS_LNI", "PERMITS", SHAPE, 12)]


@pytest.mark.parametrize(
    ("least", "expected"),
    [
        (12345, '"CHANGED" >= 12345'),
        (date(2024, 1, 2), "\"CHANGED\" >= DATE '2024-01-02'"),
        (datetime(2024, 1, 2, 3, 4, 5), "\"CHANGED\" >= TO_DATE('2024-01-02 03:04:05', 'YYYY-MM-DD HH24:MI:SS')"),
    ],
)
def test_the_rows_since_are_those_at_or_above_and_those_without_a_value(least, expected):
    since = Since("changed", least)
    sql = select("gis_lni", "permits", SHAPE, 12, since)
    assert sql == f'{select("gis_lni", "permits", SHAPE, 12)} WHERE {expected} OR "CHANGED" IS NULL'
    bridge, driver = source({POINTS: [(Decimal(12),)], sql: [("a", None)]})
    assert list(bridge.since(since).rows(SHAPE)) == [("a", None)]
    assert driver.asked[-2:] == [sde.READ_ONLY, sql]


def test_moments_with_an_offset_come_as_texts_since_the_driver_would_lose_it():
    types = ["TIMESTAMP(6) WITH TIME ZONE", "TIMESTAMP(6) WITH LOCAL TIME ZONE", "TIMESTAMP(6)"]
    columns = [(f"C{at}", kind, None, "Y", None) for at, kind in enumerate(types)]
    # By a schema kept by hand they are called moments like any other.
    schema = TableSchema(tuple(Column(f"c{at}", "datetime") for at in range(3)))
    text = """to_char(sys_extract_utc("C{}"), 'YYYY-MM-DD HH24:MI:SS.FF6"+00:00"')"""
    sql = f'SELECT {text.format(0)}, {text.format(1)}, "C2" FROM "GIS_LNI"."PERMITS"'
    bridge, driver = source({sde.COLUMNS: columns, sql: [("2024-01-02 03:04:05.000000+00:00", None, None)]})
    bridge.schema()
    assert list(bridge.rows(schema)) == [("2024-01-02 03:04:05.000000+00:00", None, None)]
    assert driver.asked[-1] == sql


def test_a_moment_whose_offset_the_driver_loses_is_no_watermark():
    with pytest.raises(SourceRefused, match="watermark zoned has a time zone"):
        source({})[0].since(Since("zoned", datetime(2024, 1, 2, tzinfo=UTC)))


def test_what_is_wrong_is_named():
    with pytest.raises(SourceRefused, match="GIS_LNI.PERMITS: there is no such table"):
        source({sde.COLUMNS: []})[0].schema()
    with pytest.raises(SourceRefused, match="column X has the type XMLTYPE"):
        source({sde.COLUMNS: [("X", "XMLTYPE", None, "Y", None)]})[0].schema()
    with pytest.raises(InvalidAnswer, match="Geometry shape: SRID 0"):
        source({sde.SRID: []})[0].schema()


def oracle_error(text):
    return type("DatabaseError", (Exception,), {"__module__": "oracledb.exceptions"})(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ORA-12541: no listener", DatabaseUnavailable),
        ("DPY-4011: connection was closed", DatabaseUnavailable),
        ("ORA-01017: invalid username/password", SourceRefused),
        ("ORA-00942: table or view does not exist", SourceRefused),
    ],
)
def test_errors_are_the_products(text, expected):
    with pytest.raises(expected, match="GIS_LNI.PERMITS"):
        source({sde.COLUMNS: [oracle_error(text)]})[0].schema()


def test_moments_keep_time_and_fraction_to_the_cell():
    import io

    from resources.clients.databridge.records import RecordWriter

    file = io.BytesIO()
    writer = RecordWriter(file, TableSchema((Column("opened", "datetime"), Column("seen", "datetime"))))
    writer.write([datetime(2020, 1, 2, 13, 14, 15), datetime(2020, 7, 2, 13, 14, 15, 123456)])
    writer.finish()
    assert file.getvalue().decode().splitlines()[1] == "2020-01-02 13:14:15-05:00,2020-07-02 13:14:15.123456-04:00"


def test_a_call_that_oracle_never_answers_ends(monkeypatch):
    asked = {}

    class Connection:
        call_timeout = 0

    monkeypatch.setattr("oracledb.connect", lambda **given: asked.update(given) or Connection())
    connection = sde.connector("db.example.com", 1521, "GISDBP", "user", "word")()
    assert connection.call_timeout == 3600 * 1000
    assert asked["tcp_connect_timeout"] == 10
