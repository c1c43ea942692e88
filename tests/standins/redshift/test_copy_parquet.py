"""COPY of Parquet files: by position, strict in count and type, and where its errors are told."""

from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest

from tests.standins.redshift.conftest import refused

FIVE = pa.table(
    {
        "x": pa.array([1, 2, None], pa.int64()),
        "y": pa.array(["a", "", None], pa.string()),
        "z": pa.array([10**37, None, -5], pa.decimal128(38, 0)),
        "d": pa.array([date(2024, 1, 2), None, None], pa.date32()),
        "b": pa.array([True, False, None], pa.bool_()),
    }
)
FIVE_COLUMNS = "id bigint, note varchar(3), wei decimal(38,0), day date, ok boolean"


def test_parquet_goes_by_position(cursor, redshift, bucket):
    cursor.execute(f"create table t ({FIVE_COLUMNS})")
    files = [bucket.parquet(f"p/part-{number}.parquet", FIVE) for number in range(2)]
    manifest = bucket.manifest("m.json", *files)
    cursor.execute(f"copy t from '{manifest}' iam_role '{redshift.iam_role}' format as parquet manifest")
    cursor.execute("select pg_last_copy_count()")
    assert cursor.fetchone()[0] == 6
    cursor.execute("select * from t order by id")
    assert [tuple(row) for row in cursor.fetchall()[::2]] == [
        (1, "a", Decimal(10**37), date(2024, 1, 2), True),
        (2, "", None, None, False),
        (None, None, Decimal(-5), None, None),
    ]
    loaded = redshift.query("select filename, lines_scanned from stl_load_commits order by filename")
    assert [(row["filename"], row["lines_scanned"]) for row in loaded] == [(uri, 3) for uri, _ in files]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ("id bigint, note varchar(3), wei decimal(38,0), day date", "number of columns"),
        (f"{FIVE_COLUMNS}, more bigint", "number of columns"),
        (FIVE_COLUMNS.replace("id bigint", "id integer"), ".x'"),
        (FIVE_COLUMNS.replace("decimal(38,0)", "decimal(38,2)"), ".z'"),
        (FIVE_COLUMNS.replace("varchar(3)", "bigint"), ".y'"),
        (FIVE_COLUMNS.replace("day date", "day timestamp"), ".d'"),
        (FIVE_COLUMNS.replace("id bigint", "id bigint not null"), "NULL value in NOT NULL column id"),
    ],
)
def test_parquet_is_strict_in_count_and_type(cursor, redshift, bucket, columns, said):
    cursor.execute(f"create table t ({columns})")
    uri, _ = bucket.parquet("p/part.parquet", FIVE)
    statement = f"copy t from '{uri}' iam_role '{redshift.iam_role}' format parquet"
    message = refused(cursor, statement)
    assert "Spectrum Scan Error" in message
    assert said in message
    assert uri in message
    (logged,) = redshift.query("select message from svl_s3log")
    assert logged["message"] in message
    assert redshift.query("select * from stl_load_errors") == []


def test_parquet_texts_are_measured_in_bytes(cursor, redshift, bucket):
    cursor.execute("create table t (note varchar(5))")
    uri, _ = bucket.parquet("p/part.parquet", pa.table({"note": ["ééé"]}))
    message = refused(cursor, f"copy t from '{uri}' iam_role '{redshift.iam_role}' format parquet")
    assert "Table: 5, Data: 6" in message


def test_a_broken_parquet_file_is_named(cursor, redshift, bucket):
    cursor.execute("create table t (id bigint)")
    uri = bucket.put("p/part.parquet", b"PAR1 nothing PAR1")
    assert uri in refused(cursor, f"copy t from '{uri}' iam_role '{redshift.iam_role}' format parquet")


def test_columnar_manifests_need_each_files_length(cursor, bucket):
    cursor.execute(f"create table t ({FIVE_COLUMNS})")
    uri, length = bucket.parquet("p/part.parquet", FIVE)
    bare, wrong = bucket.manifest("bare.json", (uri, None)), bucket.manifest("wrong.json", (uri, length + 1))
    assert "content_length" in refused(cursor, f"copy t from '{bare}' iam_role 'arn' format parquet manifest")
    assert "bytes" in refused(cursor, f"copy t from '{wrong}' iam_role 'arn' format parquet manifest")
