"""A table from PostgreSQL to the live target, beside plain COPY of the same table: rows per second, and the ratio.

``python -m benchmarks.databridge --rows 1000000`` makes the table in an embedded PostgreSQL, then copies it by
``COPY ... TO STDOUT`` into ``COPY ... FROM STDIN`` with an index, and takes it through extract (typed, checked, CSV,
proved) and load (temporary table, COPY, count, index, VACUUM, swap, proofs).
"""

import argparse
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from resources.clients.databridge.postgres_source import PostgresSource
from resources.clients.databridge.postgres_sql import PostgresSql
from resources.clients.databridge.records import RecordWriter
from resources.clients.databridge.replacing import Replacement, Wanted
from resources.clients.databridge.source import read_into
from resources.clients.databridge.staging import digest_of
from resources.clients.postgres.connection import PostgresAddress
from resources.clients.postgres.embedded import embedded_postgres

SOURCE = """
DROP TABLE IF EXISTS sites, plain, live, live_old;
DO $$ BEGIN CREATE DOMAIN "geometry(Point,2272)" AS text; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
CREATE TABLE sites AS SELECT n AS id, md5(n::text) AS name, n * 1.25 AS value,
    timestamp '2024-01-01' + n * interval '1 s' AS seen,
    ('SRID=2272;POINT(' || 2660000 + n / 10.0 || ' ' || 210000 + n / 7.0 || ')')::"geometry(Point,2272)" AS shape
FROM generate_series(1, {rows}) AS n
"""


def plain_copy(address: PostgresAddress) -> float:
    """Seconds of COPY out and in, with the same index."""
    started = time.monotonic()
    with psycopg.connect(**address.parameters()) as reader, psycopg.connect(**address.parameters()) as writer:
        writer.execute("CREATE TABLE plain (id int, name text, value numeric, seen timestamp, shape text)")
        with reader.cursor().copy("COPY sites TO STDOUT") as out, writer.cursor().copy("COPY plain FROM STDIN") as into:
            for piece in out:
                into.write(piece)
        writer.execute("CREATE INDEX ON plain (id)")
    with psycopg.connect(**address.parameters(), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE plain")
    return time.monotonic() - started


def bridged(address: PostgresAddress) -> tuple[float, float]:
    """Seconds of extract and of load."""
    started = time.monotonic()
    source, sql = PostgresSource(address.parameters(), "public", "sites"), PostgresSql(address.parameters())
    schema = source.schema()
    # This server has no PostGIS, so the live column is the text that the domain is.
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "sites.csv")
        with path.open("wb") as file:
            writer = RecordWriter(file, schema)
            read_into(writer, source)
        digest = digest_of(path)[1]
        extracted = time.monotonic()
        columns = tuple(replace(column, type="text") if column.is_geometry else column for column in schema.columns)
        live = replace(schema, columns=columns)
        wanted = Wanted("public", "live", live, digest, writer.rows, "2024-01-01T00:00:00.000000Z", ("id",))
        done = Replacement(sql, wanted, "benchmark", datetime.now(UTC)).load(path)
    sql.close()
    if not done.rows == writer.rows == source.count():
        raise SystemExit(f"{done.rows:,} rows are live")
    return extracted - started, time.monotonic() - extracted


def main() -> None:
    """Make the table, measure both, print rows per second and the ratio."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.databridge")
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory(prefix="headwater-bench-") as home:
        address = embedded_postgres(Path(home))
        with psycopg.connect(**address.parameters(), autocommit=True) as connection:
            connection.execute(SOURCE.format(rows=rows).encode())
        plain = plain_copy(address)
        extract, load = bridged(address)
    print(f"rows {rows:,}")
    print(f"plain COPY {plain:.1f} s, {rows / plain:,.0f} rows/s")
    print(f"extract {extract:.1f} s, load {load:.1f} s, together {rows / (extract + load):,.0f} rows/s")
    print(f"ratio {(extract + load) / plain:.1f} times plain COPY; the load alone {load / plain:.1f} times")


if __name__ == "__main__":
    main()
