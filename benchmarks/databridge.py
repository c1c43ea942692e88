"""A table from PostgreSQL to the live target, beside plain COPY and ogr2ogr: rows per second, and ratios in one run.

``python -m benchmarks.databridge --rows 1000000`` makes a table with a point in each row, in a server with PostGIS
where the Debian package is installed and else in the embedded one, whose points are texts. Each way ends with the same
rows, one index and fresh statistics:

* plain: ``COPY ... TO STDOUT`` into ``COPY ... FROM STDIN``, nothing looked at;
* ogr2ogr, where it is installed: ``ogr2ogr -f PostgreSQL`` with ``PG_USE_COPY``, nothing looked at but geometries;
* ours: extract (counted, typed, each geometry checked, CSV) and load (temporary table, COPY, counts, swap, proofs).

Seconds are of the clock and of all processors, the server's processes included: on a machine that others use only the
latter say much, since plain COPY and ogr2ogr do their work in three processes at a time.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
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

# Seconds after which the server has taken leave of processes whose connections were closed.
SETTLED = 0.3
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


@dataclass
class Taken:
    """Seconds that something took: of the clock, and of processors by this process, its children and the server."""

    clock: float = 0.0
    processors: float = 0.0

    def over(self, other: "Taken") -> str:
        return f"{self.clock / other.clock:.2f} ({self.processors / other.processors:.2f} by processors)"

    def told(self, rows: int) -> str:
        return f"{self.clock:.1f} s ({self.processors:.1f} s of processors), {rows / self.clock:,.0f} rows/s"


@contextmanager
def taken(address: PostgresAddress) -> Iterator[Taken]:
    """What is done meanwhile, with all connections closed before and after."""
    with psycopg.connect(**address.parameters()) as connection:
        server = psutil.Process(connection.info.backend_pid).parent()

    def spent() -> float:
        time.sleep(SETTLED)
        own, ended = psutil.Process().cpu_times(), server.cpu_times() if server else None
        by_server = ended.children_user + ended.children_system if ended else 0.0
        return own.user + own.system + own.children_user + own.children_system + by_server

    found, before, started = Taken(), spent(), time.monotonic()
    yield found
    found.clock = time.monotonic() - started
    found.processors = spent() - before


def finished(address: PostgresAddress, table: str) -> None:
    """What a load ends with: an index and fresh statistics."""
    with psycopg.connect(**address.parameters(), autocommit=True) as connection:
        connection.execute(f"CREATE INDEX ON {table} (id)".encode())
        connection.execute(f"VACUUM ANALYZE {table}".encode())


def plain_copy(address: PostgresAddress) -> None:
    """COPY out and in."""
    with psycopg.connect(**address.parameters()) as reader, psycopg.connect(**address.parameters()) as writer:
        writer.execute("CREATE TABLE plain (LIKE sites)")
        with reader.cursor().copy("COPY sites TO STDOUT") as out, writer.cursor().copy("COPY plain FROM STDIN") as into:
            for piece in out:
                into.write(piece)
    finished(address, "plain")


def by_ogr2ogr(address: PostgresAddress, program: str) -> None:
    """ogr2ogr from the table into another."""
    place = f"PG:host={address.host} port={address.port} dbname={address.database} user={address.user}"
    options = ["-nln", "ogr", "-gt", "65536", "-lco", "SPATIAL_INDEX=NONE", "-lco", "GEOMETRY_NAME=shape"]
    subprocess.run(
        [program, "-update", "-f", "PostgreSQL", place, place, "sites", *options],
        check=True,
        env={**os.environ, "PG_USE_COPY": "YES"},
    )
    finished(address, "ogr")


def bridged(address: PostgresAddress, *, postgis: bool) -> float:
    """Extract and load; the clock's seconds of the extract."""
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
        extracted = time.monotonic() - started
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
    return extracted


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
        with taken(address) as plain:
            plain_copy(address)
        program = shutil.which("ogr2ogr")
        with taken(address) as ogr:
            if program:
                by_ogr2ogr(address, program)
        with taken(address) as ours:
            extract = bridged(address, postgis=postgis)
    print(f"rows {rows:,}, {'PostGIS' if postgis else 'points as texts'}")
    print(f"plain COPY {plain.told(rows)}")
    print(f"ogr2ogr {ogr.told(rows)}" if program else "ogr2ogr is not installed")
    print(f"ours {ours.told(rows)}; extract {extract:.1f} s, load {ours.clock - extract:.1f} s")
    print(f"ratio to plain COPY {ours.over(plain)}{f', to ogr2ogr {ours.over(ogr)}' if program else ''}")


if __name__ == "__main__":
    main()
