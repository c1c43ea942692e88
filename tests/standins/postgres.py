"""A real PostgreSQL for tests: one server per session, a database of its own for each test that asks."""

import shutil
import tempfile
import uuid
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from resources.clients.postgres.database import Postgres
from resources.clients.postgres.embedded import DBT_ROLE, RAW_SCHEMA, embedded_postgres, grants
from resources.clients.postgres.server import EmbeddedServer

# What tests write need not survive a power cut: waiting for the disk is most of a test's time on a busy machine.
IN_MEMORY = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


@pytest.fixture(scope="session")
def postgres_server():
    """Where the session's server is. In it, this user may connect as any role, as it may on no other embedded one."""
    home = Path(tempfile.mkdtemp(prefix="headwater-postgres-"))
    server = EmbeddedServer(home, ("all",), IN_MEMORY)
    server.start()
    yield embedded_postgres(home)
    server.release()
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
