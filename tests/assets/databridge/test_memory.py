"""Ten times the rows cost under one and a half times the memory, from the source's cursor to the live table."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).parents[3]
PROGRAM = """
import resource, sys, tempfile
from datetime import UTC, datetime
from pathlib import Path
from resources.clients.databridge.postgres_source import PostgresSource
from resources.clients.databridge.postgres_sql import PostgresSql
from resources.clients.databridge.records import RecordWriter
from resources.clients.databridge.replacing import Replacement, Wanted
from resources.clients.databridge.source import read_into
from resources.clients.databridge.staging import digest_of
url, table = sys.argv[1:]
parameters = {"conninfo": url}
source = PostgresSource(parameters, "public", table)
schema = source.schema()
with tempfile.TemporaryDirectory() as scratch:
    path = Path(scratch, "t.csv")
    with path.open("wb") as file:
        writer = RecordWriter(file, schema)
        read_into(writer, source)
    wanted = Wanted("public", f"{table}_live", schema, digest_of(path)[1], writer.rows, "2024", ("id",))
    assert Replacement(PostgresSql(parameters), wanted, "run", datetime.now(UTC)).load(path).rows == source.count()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_rows(database, postgres_server):
    address = database.address
    url = f"postgresql:///{address.database}?host={address.host}&port={address.port}&user={address.user}"
    peaks = {}
    for rows in (20_000, 200_000):
        with psycopg.connect(**replace(address).parameters(), autocommit=True) as connection:
            connection.execute(
                f"CREATE TABLE t{rows} AS SELECT n AS id, repeat(md5(n::text), 8) AS text, n * 1.5 AS value, "
                f"timestamp '2024-01-01' + n * interval '1 s' AS seen FROM generate_series(1, {rows}) AS n"
            )
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, url, f"t{rows}"],
            cwd=ROOT,
            env=dict(os.environ),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        peaks[rows] = int(done.stdout)
    assert peaks[200_000] < 1.5 * peaks[20_000], peaks


MERGE = """
import resource, sys, tempfile
from pathlib import Path
from resources.clients.databridge.merging import Merged
from resources.clients.databridge.records import RecordWriter
from resources.clients.databridge.schema import Column, TableSchema
from resources.clients.databridge.source import Since
from resources.clients.databridge.watermarks import Watermark
rows = int(sys.argv[1])
schema = TableSchema((Column("id", "integer"), Column("text", "text")))
class Source:
    def since(self, since): return self
    def rows(self, schema): return ((n, "y" * 200) for n in range(rows))
with tempfile.TemporaryDirectory() as scratch:
    staged = Path(scratch, "t.csv")
    with staged.open("wb") as file:
        writer = RecordWriter(file, schema)
        for n in range(rows):
            writer.write((n, "x" * 200))
        writer.finish()
    mark = Watermark("id", "integer")
    merged = Merged(Source(), Since("id", 0), ("id",), mark, staged, Path(scratch, "changes"))
    assert sum(record.endswith(b"y") for piece in merged.lines(schema) for record in piece) == rows
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_what_is_merged():
    peaks = [
        int(subprocess.run([sys.executable, "-c", MERGE, rows], cwd=ROOT, capture_output=True, check=True).stdout)
        for rows in ("10000", "100000")
    ]
    assert peaks[1] < 1.2 * peaks[0], peaks
