"""A city's database: the tables that the shipped files name, some dozens of invented rows each, in a real PostgreSQL.

It stands in for the Oracle of the old system as well: schemas ``gis_<department>``, geometries in PA South (SRID 2272).
Where the server has PostGIS the geometries are its own; without it each is a domain over text, named like the type that
it stands for.
"""

import re
from typing import Any

import psycopg

from sandbox.databridge.carto import has_postgis

ROWS = 60
_QUOTED = re.compile(r'"(geometry\(\w+,[0-9]+\))"')
_DOMAINS = ("Point", "MultiPolygon", "MultiLineString")
_SQUARE = "'SRID=2272;MULTIPOLYGON((('||x||' '||y||','||x+90||' '||y||','||x+90||' '||y+90||','||x||' '||y||')))'"
_PLACE = "CROSS JOIN LATERAL (SELECT 2660000 + n * 37 AS x, 210000 + n * 53 AS y) AS place"
TABLES = {
    "gis_ppr.bench_inventory": (
        'objectid integer PRIMARY KEY, bench_no text, install_year int, seen timestamp, shape "geometry(Point,2272)"',
        "n, 'B-'||n, 1950+n,timestamp '2024-01-02 13:14:15.678' + n*interval '1 h', 'SRID=2272;POINT('||x||' '||y||')'",
    ),
    "gis_311.quarterly_audit": (
        "objectid integer PRIMARY KEY, request_type text, closed_share numeric(9,4)",
        "n, 'Type '||n, n / 7.0",
    ),
    "gis_planning.land_use": (
        'objectid integer PRIMARY KEY, c_dig1 integer, area numeric, shape "geometry(MultiPolygon,2272)"',
        f"n, n % 9, 4050, {_SQUARE}",
    ),
    "gis_opa.properties_public": (
        'objectid integer PRIMARY KEY, opa_account_num text, market_value numeric, shape "geometry(Point,2272)"',
        "n, lpad(n::text, 9, '0'), 100000 + n, 'SRID=2272;POINT('||x||' '||y||')'",
    ),
    "gis_opa.properties_public_test": (
        'objectid integer PRIMARY KEY, opa_account_num text, market_value numeric, shape "geometry(Point,2272)"',
        "n, lpad(n::text, 9, '0'), 1, 'SRID=2272;POINT('||x||' '||y||')'",
    ),
    "gis_streets.legal_cards": (
        'objectid integer PRIMARY KEY, legal_card text, shape "geometry(MultiLineString,2272)"',
        "n, 'Card \"'||n||'\", sheet 1', 'SRID=2272;MULTILINESTRING(('||x||' '||y||','||x+5||' '||y+5||'))'",
    ),
    "gis_police.incidents": (
        "objectid integer PRIMARY KEY, dc_dist text, psa text, dispatched timestamptz",
        "n, lpad((n % 39)::text, 2, '0'), (n % 4)::text, timestamptz '2024-01-02 05:00+00' + n * interval '1 hour'",
    ),
    "water.inlets": (
        "objectid integer PRIMARY KEY, inlet_id text, cleaned date, note text",
        "n, 'I-'||n, date '2023-12-01' + n, CASE n%3 WHEN 0 THEN NULL WHEN 1 THEN E'two\\nlines, one' ELSE 'é' END",
    ),
    "gis_health.clinics": ("objectid integer PRIMARY KEY, name text, beds integer", "n, 'Clinic '||n, n"),
}


def build_city(parameters: dict[str, Any], rows: int = ROWS) -> None:
    """Make the tables in an empty database; a database that has them is left alone."""
    with psycopg.connect(**parameters) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('city'))")
        if connection.execute("SELECT to_regclass('gis_health.clinics')").fetchone() != (None,):
            return
        postgis = has_postgis(connection)
        for kind in () if postgis else _DOMAINS:
            connection.execute(f'CREATE DOMAIN "geometry({kind},2272)" AS text'.encode())
        for name, (columns, values) in TABLES.items():
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {name.split('.')[0]}".encode())
            made = _QUOTED.sub(r"\1", columns) if postgis else columns
            connection.execute(f"CREATE TABLE {name} ({made})".encode())
            statement = f"INSERT INTO {name} SELECT {values} FROM generate_series(1, {rows}) AS n {_PLACE}"
            connection.execute(statement.encode())
