"""COPY of text files: every format and option, what is refused, and what the system tables say afterwards."""

import bz2
import gzip
import json
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
import redshift_connector

from tests.standins.redshift.conftest import refused


@pytest.fixture
def copied(cursor, redshift, bucket):
    """Makes a table of these columns, copies one file into it, and gives its rows in order."""

    def copy(columns, body, options, key="in/file"):
        cursor.execute("drop table if exists t")
        cursor.execute(f"create table t ({columns})")
        uri = bucket.put(key, body)
        cursor.execute(f"copy t from '{uri}' iam_role '{redshift.iam_role}' {options}")
        cursor.execute("select * from t order by 1")
        return [tuple(row) for row in cursor.fetchall()]

    return copy


PAIRS = "id bigint, note varchar(10)"


@pytest.mark.parametrize(
    ("body", "options"),
    [
        (b"1|a\n2|b\n", ""),
        (b"1|a\r\n2|b\r\n", "delimiter '|'"),
        (b"1\ta\n2\tb\n", r"delimiter '\t'"),
        (b"1,a\n2,b\n", "csv"),
        (b'"1";"a"\n2;b\n', "format as csv delimiter as ';'"),
        (b"1,%a%\n2,b\n", "csv quote as '%'"),
        (b'"1"|"a"\n2|b\n', "removequotes"),
        (b"id,note\n1,a\n2,b\n", "csv ignoreheader 1"),
        (b"id,note\n1,a\n2,b\n", "csv ignoreheader as 1 maxerror as 0 compupdate off statupdate off"),
        (b"1,a\n\n2,b\n", "csv ignoreblanklines"),
        (gzip.compress(b"1,a\n2,b\n", mtime=0), "csv gzip"),
        (bz2.compress(b"1,a\n2,b\n"), "csv bzip2"),
        (pa.compress(b"1,a\n2,b\n", codec="zstd", asbytes=True), "csv zstd"),
        (b'{"id": 1, "note": "a"}\n{"note": "b", "id": 2}', "json 'auto'"),
        (b'{"ID": 1, "Note": "a"} {"ID": 2, "NOTE": "b"}', "format as json 'auto ignorecase'"),
        (gzip.compress(b'{"id": 1, "note": "a", "more": [1]}{"id": 2, "note": "b"}', mtime=0), "json 'auto' gzip"),
        (b"1,a  \n2,b\n", "csv trimblanks"),
        (b"1,a\n2,b\n", "csv region 'us-east-1'"),
    ],
)
def test_text_formats_and_their_options(copied, body, options):
    assert copied(PAIRS, body, options) == [(1, "a"), (2, "b")]


@pytest.mark.parametrize(
    ("body", "options", "expected"),
    [
        (b"1,\n", "csv", [(1, "")]),
        (b"1,\n", "csv emptyasnull", [(1, None)]),
        (b"1,   \n", "csv", [(1, "   ")]),
        (b"1,   \n", "csv blanksasnull", [(1, None)]),
        (b"1,none\n", "csv null as 'none'", [(1, None)]),
        (b"1|\\N\n", "", [(1, None)]),
        (b",a\n", "csv", [(None, "a")]),
        (b'1,"a ""b"",\nc"\n', "csv", [(1, 'a "b",\nc')]),
        (b"1|a\\|b\n", "escape", [(1, "a|b")]),
        (b"1,0123456789abc\n", "csv truncatecolumns", [(1, "0123456789")]),
        ("1,ééééééé\n".encode(), "csv truncatecolumns", [(1, "ééééé")]),
        (b"1\n", "csv fillrecord", [(1, None)]),
        (b"1,a\xffb\n", "csv acceptinvchars as '^'", [(1, "a^b")]),
        (b'{"id": 1}{"id": 2, "note": null}', "json 'auto'", [(1, None), (2, None)]),
        (b'{"id": 1, "note": {"a": 1}}', "json 'auto'", [(1, '{"a":1}')]),
    ],
)  # fmt: skip
def test_what_becomes_null_or_shorter(copied, body, options, expected):
    assert copied(PAIRS, body, options) == expected


TYPED = "a smallint, b integer, c bigint, d decimal(10,2), e double precision, f boolean, g date, h timestamp"


def test_types_of_text(copied):
    line = b"1,2,3,4.555,0.5,t,2024-01-02,2024-01-02 03:04:05.678\n,,,,,,,\n"
    moment = datetime(2024, 1, 2, 3, 4, 5, 678000)
    assert copied(TYPED, line, "csv roundec")[0][3] == Decimal("4.56")
    assert copied(TYPED, line, "csv") == [
        (1, 2, 3, Decimal("4.55"), 0.5, True, date(2024, 1, 2), moment),
        (None,) * 8,
    ]


@pytest.mark.parametrize(
    ("columns", "value", "options", "expected"),
    [
        ("a date", b"02.01.2024", "dateformat 'DD.MM.YYYY'", date(2024, 1, 2)),
        ("a date", b"2024-01-02", "dateformat as 'auto'", date(2024, 1, 2)),
        ("a timestamp", b"02/01/2024 03:04", "timeformat 'DD/MM/YYYY HH24:MI'", datetime(2024, 1, 2, 3, 4)),
        ("a timestamp", b"1704164645", "timeformat 'epochsecs'", datetime(2024, 1, 2, 3, 4, 5)),
        ("a timestamp", b"1704164645678", "timeformat 'epochmillisecs'", datetime(2024, 1, 2, 3, 4, 5, 678000)),
        ("a decimal(38,0)", b"1" * 38, "", Decimal("1" * 38)),
        ("a varchar(max)", b"x" * 65535, "", "x" * 65535),
    ],
)
def test_formats_of_moments_and_the_widest_values(copied, columns, value, options, expected):
    assert copied(columns, value + b"\n", f"csv {options}") == [(expected,)]


@pytest.mark.parametrize(
    ("columns", "line", "error"),
    [
        ("a smallint", b"32768", ("a", 1207, "Overflow, Value '32768'")),
        ("a integer", b"x", ("a", 1207, "Invalid digit, Value 'x'")),
        ("a bigint", b"9223372036854775808", ("a", 1207, "Overflow")),
        ("a decimal(38,0)", b"1" * 39, ("a", 1214, "Overflow for NUMERIC")),
        ("a boolean", b"maybe", ("a", 1210, "Unknown boolean format")),
        ("a date", b"2024-02-30", ("a", 1205, "Invalid Date Format")),
        ("a timestamp", b"noon", ("a", 1206, "Invalid timestamp")),
        ("a varchar(5)", "ééé".encode(), ("a", 1204, "String length exceeds DDL length")),
        ("a bigint not null", b"\\N", ("a", 1213, "Missing data for not-null field")),
        ("a bigint, b bigint", b"1", ("", 1202, "Delimiter not found")),
        ("a bigint", b"1|2", ("", 1202, "Extra column(s) found")),
        ("a varchar(5)", b"a\xff", ("", 1220, "invalid or unsupported UTF8")),
    ],
)
def test_a_line_that_does_not_fit_is_named(copied, redshift, columns, line, error):
    colname, code, reason = error
    with pytest.raises(redshift_connector.ProgrammingError, match="Load into table 't' failed"):
        copied(columns, line + b"\n", "", key="in/bad.txt")
    (recorded,) = redshift.query("select * from stl_load_errors")
    assert recorded["filename"].endswith("in/bad.txt")
    assert (recorded["line_number"], recorded["colname"], recorded["err_code"]) == (1, colname, code)
    assert reason in recorded["err_reason"]
    assert redshift.query("select * from t") == []


def test_maxerror_leaves_out_that_many_lines(copied, redshift):
    body = b"".join(b"x|bad\n" if number % 4 == 0 else b"%d|good\n" % number for number in range(12))
    with pytest.raises(redshift_connector.ProgrammingError):
        copied(PAIRS, body, "maxerror 2")
    assert redshift.query("select count(*) from t") == [{"count": 0}]
    assert len(copied(PAIRS, body, "maxerror 3")) == 9
    lines = redshift.query("select line_number from stl_load_errors order by query, line_number")
    assert [row["line_number"] for row in lines] == [1, 5, 9, 1, 5, 9]


def test_json_by_paths(copied, bucket):
    paths = bucket.put("paths.json", json.dumps({"jsonpaths": ["$.block.number", "$['notes'][1]"]}).encode())
    body = b'{"block": {"number": 7}, "notes": ["x", "y"]}\n{"block": {}, "notes": []}'
    assert copied(PAIRS, body, f"json '{paths}'") == [(7, "y"), (None, None)]
    wrong = bucket.put("wrong.json", json.dumps({"jsonpaths": ["$.a"]}).encode())
    with pytest.raises(redshift_connector.ProgrammingError, match="Number of jsonpaths"):
        copied(PAIRS, body, f"json '{wrong}'")


def test_broken_json_is_a_load_error(copied, redshift):
    with pytest.raises(redshift_connector.ProgrammingError, match="stl_load_errors"):
        copied(PAIRS, b'{"id": 1}\n{"id": \n', "json 'auto'")
    (error,) = redshift.query("select line_number, err_reason from stl_load_errors")
    assert error["line_number"] == 2


def test_a_manifest_takes_exactly_what_it_lists(cursor, redshift, bucket):
    cursor.execute("create table t (id bigint)")
    one, _, gone = (bucket.put(f"in/{name}", name[:1].encode() + b"\n") for name in ("1.csv", "2.csv", "3.csv"))
    bucket.delete(gone)

    def copy(*uris, mandatory=True):
        manifest = bucket.manifest("m.json", *((uri, None) for uri in uris), mandatory=mandatory)
        cursor.execute(f"copy t from '{manifest}' credentials 'aws_iam_role={redshift.iam_role}' csv manifest")
        cursor.execute("select pg_last_copy_count()")
        return cursor.fetchone()[0]

    assert copy(one) == 1
    assert copy(one, gone, mandatory=False) == 1
    with pytest.raises(redshift_connector.ProgrammingError, match="Cannot find mandatory file"):
        copy(one, gone)
    with pytest.raises(redshift_connector.ProgrammingError, match="None of the files"):
        copy(gone, mandatory=False)
    assert redshift.query("select count(*) from t") == [{"count": 2}]
    nothing = bucket.put("m.json", b"[")
    assert "not in correct JSON format" in refused(cursor, f"copy t from '{nothing}' iam_role 'arn' csv manifest")


def test_a_key_is_a_prefix(cursor, bucket):
    cursor.execute("create table t (id bigint)")
    plain = bucket.put("in/tx.csv", b"1\n")
    bucket.put("in/tx.csv.gz", b"2\n")
    cursor.execute(f"copy t from '{plain}' iam_role 'arn' csv")
    cursor.execute("select count(*) from t")
    assert cursor.fetchone()[0] == 2
    assert "prefix" in refused(cursor, f"copy t from '{plain}nothing' iam_role 'arn' csv")


def test_columns_are_filled_by_name_and_others_by_default(cursor, redshift, bucket):
    cursor.execute("create table t (id bigint, kind varchar(9) default 'plain', note varchar(9))")
    uri = bucket.put("in/file", b"hello,1\n")
    cursor.execute(f"copy t (note, id) from '{uri}' iam_role '{redshift.iam_role}' csv")
    assert redshift.query("select * from t") == [{"id": 1, "kind": "plain", "note": "hello"}]
    assert "does not exist" in refused(cursor, f"copy t (nope) from '{uri}' iam_role 'arn' csv")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("csv", "IAM_ROLE or CREDENTIALS"),
        ("iam_role 'arn' csv maxerror many", "MAXERROR"),
        ("iam_role 'arn' csv escape", "ESCAPE"),
        ("iam_role 'arn' format parquet maxerror 3", "MAXERRORS"),
        ("iam_role 'arn' format parquet gzip", "COMPRESSION"),
        ("iam_role 'arn' format avro 'auto'", "avro"),
        ("iam_role 'arn' csv turbo", "turbo"),
    ],
)
def test_what_copy_does_not_take(cursor, bucket, options, said):
    cursor.execute("create table t (id bigint)")
    assert said in refused(cursor, f"copy t from '{bucket.put('in/file', b'1')}' {options}")


def test_noload_checks_without_loading(copied, redshift):
    assert copied(PAIRS, b"1,a\n", "csv noload") == []
    with pytest.raises(redshift_connector.ProgrammingError):
        copied(PAIRS, b"x,a\n", "csv noload")
    assert len(redshift.query("select * from stl_load_errors")) == 1
