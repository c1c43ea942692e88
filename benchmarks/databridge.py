"""A table from PostgreSQL to the live target, beside plain COPY and ogr2ogr: rows per second, and ratios in one run.

``python -m benchmarks.databridge --rows 1000000`` makes a table with a point in each row, in a server with PostGIS
where the Debian package is installed and else in the embedded one, whose points are texts. Each way ends with the same
rows, one index and fresh statistics:

* plain: ``COPY ... TO STDOUT`` into ``COPY ... FROM STDIN``, nothing looked at;
* ogr2ogr, where it is installed: ``ogr2ogr -f PostgreSQL`` with ``PG_USE_COPY``, nothing looked at but geometries;
* ours: extract (counted, typed, each geometry checked, CSV) and load (temporary table, COPY, counts, swap, proofs).
"""

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from benchmarks.postgis import postgis_server, programs
from resources.clients.databridge.postgres_source import PostgresSource
from resources.clients.databridge.postgres_sql import PostgresSql
from resources.clients.databridge.records import RecordWriter
from resources.clients.databridge.replacing import Replacement, Wanted
from resources.clients.databridge.source import read_into
from resources.clients.databridge.staging import digest_of
from resources.clients.postgres.connection import PostgresAddress
from resources.clients.postgres.embedded import embedded_postgres

DOMAIN = 'CREATE DOMAIN "geometry(Point,2272)" AS text'
SOURCE = """
CREATE TABLE sites AS SELECT n AS id, md5(n::text) AS name, n * 1.25 AS value,
    timestamp '2024-01-01' + n * interval '1 s' AS seen,
    ('SRID=2272;POINT(' || 2660000 + n / 10.0 || ' ' || 210000 + n / 7.0 || ')')::{point} AS shape
FROM generate_series(1, {rows}) AS n
"""


@contextmanager
def server() -> Iterator[tuple[PostgresAddress, bool]]:
    """A new server, and whether it has PostGIS."""
    if found := programs():
        with postgis_server(found) as address:
            yield address, True
        return
    with tempfile.TemporaryDirectory(prefix="headwater-bench-") as home:
        yield embedded_postgres(Path(home)), False


def finished(address: PostgresAddress, table: str) -> None:
    """What a load ends with: an index and fresh statistics."""
    with psycopg.connect(**address.parameters(), autocommit=True) as connection:
        connection.execute(f"CREATE INDEX ON {table} (id)".encode())
        connection.execute(f"VACUUM ANALYZE {table}".encode())


def plain_copy(address: PostgresAddress) -> float:
    """Seconds of COPY out and in."""
    started = time.monotonic()
    with psycopg.connect(**address.parameters()) as reader, psycopg.connect(**address.parameters()) as writer:
        writer.execute("CREATE TABLE plain (LIKE sites)")
        with reader.cursor().copy("COPY sites TO STDOUT") as out, writer.cursor().copy("COPY plain FROM STDIN") as into:
            for piece in out:
                into.write(piece)
    finished(address, "plain")
    return time.monotonic() - started


def by_ogr2ogr(address: PostgresAddress) -> float | None:
    """Seconds of ogr2ogr from the table into another; None where it is not installed."""
    program = shutil.which("ogr2ogr")
    if not program:
        return None
    place = f"PG:host={address.host} port={address.port} dbname={address.database} user={address.user}"
    options = ["-nln", "ogr", "-gt", "65536", "-lco", "SPATIAL_INDEX=NONE", "-lco", "GEOMETRY_NAME=shape"]
    started = time.monotonic()
    subprocess.run(
        [program, "-update", "-f", "PostgreSQL", place, place, "sites", *options],
        check=True,
        env={**os.environ, "PG_USE_COPY": "YES"},
    )
    finished(address, "ogr")
    return time.monotonic() - started


def bridged(address: PostgresAddress, *, postgis: bool) -> tuple[float, float]:
    """Seconds of extract and of load."""
    started = time.monotonic()
    source, sql = PostgresSource(address.parameters(), "public", "sites"), PostgresSql(address.parameters())
    schema = source.schema()
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "sites.csv")
        before = source.count()
        with path.open("wb") as file:
            writer = RecordWriter(file, schema)
            read_into(writer, source)
        if not before == writer.rows == source.count() == sum(writer.geometry.types.values()):
            raise SystemExit(f"{writer.rows:,} rows were read")
        digest = digest_of(path)[1]
        extracted = time.monotonic()
        # Without PostGIS the live column is the text that the domain is.
        columns = schema.columns if postgis else tuple(
            replace(column, type="text") if column.is_geometry else column for column in schema.columns
        )  # fmt: skip
        live = replace(schema, columns=columns)
        wanted = Wanted("public", "live", live, digest, writer.rows, "2024-01-01T00:00:00.000000Z", ("id",))
        done = Replacement(sql, wanted, "benchmark", datetime.now(UTC)).load(path)
    sql.close()
    if not done.rows == writer.rows:
        raise SystemExit(f"{done.rows:,} rows are live")
    return extracted - started, time.monotonic() - extracted


def main() -> None:
    """Make the table, measure each way, print rows per second and ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.databridge")
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with server() as (address, postgis):
        with psycopg.connect(**address.parameters(), autocommit=True) as connection:
            connection.execute(b"CREATE EXTENSION postgis" if postgis else DOMAIN.encode())
            point = "geometry(Point,2272)" if postgis else '"geometry(Point,2272)"'
            connection.execute(SOURCE.format(rows=rows, point=point).encode())
            connection.execute("VACUUM ANALYZE sites")
        plain, ogr = plain_copy(address), by_ogr2ogr(address)
        extract, load = bridged(address, postgis=postgis)
    ours = extract + load
    print(f"rows {rows:,}, {'PostGIS' if postgis else 'points as texts'}")
    print(f"plain COPY {plain:.1f} s, {rows / plain:,.0f} rows/s")
    print(f"ogr2ogr {ogr:.1f} s, {rows / ogr:,.0f} rows/s" if ogr else "ogr2ogr is not installed")
    print(f"extract {extract:.1f} s, load {load:.1f} s, together {rows / ours:,.0f} rows/s")
    print(f"ratio {ours / plain:.2f} times plain COPY{f', {ours / ogr:.2f} times ogr2ogr' if ogr else ''}")


if __name__ == "__main__":
    main()
