"""A real PostgreSQL for tests: one server per session, a database of its own for each test that asks."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from resources.clients.postgres.connection import PostgresAddress
from resources.clients.postgres.database import Postgres
from resources.clients.postgres.embedded import DBT_ROLE, RAW_SCHEMA, embedded_postgres, grants
from resources.clients.postgres.server import EmbeddedServer

# The same for all tests: dbt parses the project anew, five seconds, for a database of another name.
DATABASE = "test"


@pytest.fixture(scope="session")
def postgres_server():
    """Where the session's server is. In it, this user may connect as any role, as it may on no other embedded one."""
    home = Path(tempfile.mkdtemp(prefix="headwater-postgres-"))
    server = EmbeddedServer(home, ("all",))
    server.start()
    address = embedded_postgres(home)
    with psycopg.connect(**address.parameters(), autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):  # no test cuts the power
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
    yield address
    server.release()
    shutil.rmtree(home, ignore_errors=True)


def make_anew(server: PostgresAddress, template: str = "template1") -> None:
    """The database of one test, empty or as its template is; the one of the test before goes."""
    with psycopg.connect(**server.parameters(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE {template}")


@pytest.fixture
def database(postgres_server, monkeypatch):
    """A fresh database, also what the POSTGRES_ settings name."""
    make_anew(postgres_server)
    address = replace(postgres_server, database=DATABASE, password="not-asked-for")
    with psycopg.connect(**address.parameters(), autocommit=True) as connection:
        for statement in grants(RAW_SCHEMA, DATABASE, DBT_ROLE):
            connection.execute(statement)
    for variable, value in {
        "POSTGRES_HOST": address.host,
        "POSTGRES_PORT": str(address.port),
        "POSTGRES_DATABASE": DATABASE,
        "POSTGRES_USER": address.user,
        "POSTGRES_PASSWORD": "not-asked-for",
        "POSTGRES_DBT_USER": DBT_ROLE,
        "POSTGRES_DBT_PASSWORD": "not-asked-for",
    }.items():
        monkeypatch.setenv(variable, value)
    return Postgres(address)
