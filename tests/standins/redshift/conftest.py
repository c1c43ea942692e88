"""What the stand-in's own tests share."""

import io
import json

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
        """Address and length of a Parquet file."""
        sink = io.BytesIO()
        pq.write_table(table, sink, compression="zstd")
        return self.put(key, sink.getvalue()), len(sink.getvalue())

    def manifest(self, key, *entries, mandatory=True):
        """A manifest of addresses, each with its length or None."""
        listed = [
            {"url": uri, "mandatory": mandatory} | ({} if length is None else {"meta": {"content_length": length}})
            for uri, length in entries
        ]
        return self.put(key, json.dumps({"entries": listed}).encode())


@pytest.fixture
def bucket(s3_endpoint, s3_bucket):
    return Bucket(s3_endpoint, s3_bucket)


@pytest.fixture
def connection(redshift):
    with redshift.connect() as connected:
        yield connected


@pytest.fixture
def cursor(connection):
    """Outside transactions: every statement commits."""
    connection.autocommit = True
    return connection.cursor()


def rows(cursor, statement):
    cursor.execute(statement)
    return [tuple(row) for row in cursor.fetchall()]


def refused(cursor, statement):
    """What the server says when it refuses."""
    with pytest.raises(redshift_connector.ProgrammingError) as error:
        cursor.execute(statement)
    return f"{error.value.args[0]['M']} {error.value.args[0].get('D', '')}"
