"""COPY: every format and option, what is refused, and what the system tables say afterwards."""

import bz2
import gzip
import io
import json
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redshift_connector

from tests.standins.s3 import s3_client


class Bucket:
    """Puts objects, and gives their addresses."""

    def __init__(self, endpoint, name):
        self._client, self.name = s3_client(endpoint), name

    def put(self, key, body):
        self._client.put_object(Bucket=self.name, Key=key, Body=body)
        return f"s3://{self.name}/{key}"

    def delete(self, uri):
        self._client.delete_object(Bucket=self.name, Key=uri.split("/", 3)[3])

    def parquet(self, key, table):
        sink = io.BytesIO()
        pq.write_table(table, sink, compression="zstd")
        return self.put(key, sink.getvalue()), len(sink.getvalue())

    def manifest(self, key, *entries, mandatory=True):
        listed = [
            {"url": uri, "mandatory": mandatory, "meta": {"content_length": length}}
            if length is not None
            else {"url": uri, "mandatory": mandatory}
            for uri, length in entries
        ]
        return self.put(key, json.dumps({"entries": listed}).encode())


@pytest.fixture
def bucket(s3_endpoint, s3_bucket):
    return Bucket(s3_endpoint, s3_bucket)


@pytest.fixture
def cursor(redshift):
    with redshift.connect() as connection:
        connection.autocommit = True
        yield connection.cursor()


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


def refused(cursor, statement):
    """What the server says when it refuses."""
    with pytest.raises(redshift_connector.ProgrammingError) as error:
        cursor.execute(statement)
    return f"{error.value.args[0]['M']} {error.value.args[0].get('D', '')}"


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
        (gzip.compress(b"1,a\n2,b\n"), "csv gzip"),
        (bz2.compress(b"1,a\n2,b\n"), "csv bzip2"),
        (pa.compress(b"1,a\n2,b\n", codec="zstd", asbytes=True), "csv zstd"),
        (b'{"id": 1, "note": "a"}\n{"note": "b", "id": 2}', "json 'auto'"),
        (b'{"ID": 1, "Note": "a"} {"ID": 2, "NOTE": "b"}', "format as json 'auto ignorecase'"),
        (gzip.compress(b'{"id": 1, "note": "a", "more": [1]}{"id": 2, "note": "b"}'), "json 'auto' gzip"),
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
