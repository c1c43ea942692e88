"""The sandbox in databases of the test's own, and runs over it."""

import uuid
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest

from assets.databridge.extract import Run, extract, run_name
from assets.databridge.load import load
from assets.databridge.loading import load_tree
from core.settings.databridge import SHIPPED
from resources.clients.databridge.connections import Connections
from resources.clients.lake.object_store import MemoryObjectStore
from sandbox.databridge import world as worlds
from tests.standins.databridge import postgis_server

__all__ = ["postgis_server"]


@contextmanager
def sandbox_in(server, monkeypatch):
    """All of the sandbox, in databases of a server that are gone afterwards."""
    token = uuid.uuid4().hex[:8]
    monkeypatch.setattr(worlds, "CITY", f"city_{token}")
    monkeypatch.setattr(worlds, "TARGET", f"target_{token}")
    monkeypatch.setattr(worlds, "ACCOUNTS", {"carto-prod": f"phl_{token}", "carto-dev": f"gsg_{token}"})
    made = worlds.build_world(lambda name: replace(server, database=name).parameters())
    yield made
    made.stop()
    with psycopg.connect(**server.parameters(), autocommit=True) as connection:
        for name in (worlds.CITY, worlds.TARGET, *worlds.ACCOUNTS.values()):
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def world(postgres_server, monkeypatch):
    with sandbox_in(postgres_server, monkeypatch) as made:
        yield made


class Bridge:
    """Steps of tables over the sandbox, each run with a name of its own."""

    def __init__(self, world, clock, scratch, server, tree=SHIPPED):
        self.world, self.clock, self.scratch, self._server = world, clock, scratch, server
        self.store = MemoryObjectStore()
        self.tables = {table.name: table for table in load_tree(tree).tables}
        self.connections = Connections(world, clock)

    def run(self):
        return Run(run_name(uuid.uuid4().hex), self.connections, self.store, self.scratch, self.clock)

    def extract(self, name, **changes):
        return extract(self._table(name, changes), self.run())

    def load(self, name, step="carto", **changes):
        return load(self._table(name, changes), step, self.run())

    def _table(self, name, changes):
        table = self.tables[name]
        return replace(table, config=table.config.model_copy(update=changes)) if changes else table

    def sql(self, statement, database=None):
        """Rows of a query in the city's database, or in one of the accounts' or the target."""
        parameters = replace(self._server, database=database or worlds.CITY).parameters()
        with psycopg.connect(**parameters, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def live(self, statement):
        return self.sql(statement, worlds.ACCOUNTS["carto-prod"])


@pytest.fixture
def bridge(world, clock, tmp_path, postgres_server):
    return Bridge(world, clock, tmp_path, postgres_server)


@pytest.fixture
def postgis_bridge(postgis_server, monkeypatch, clock, tmp_path):
    """The same over a server with PostGIS; skipped where there is none."""
    with sandbox_in(postgis_server, monkeypatch) as made:
        assert all(account.postgis for account in made.accounts.values())
        yield Bridge(made, clock, tmp_path, postgis_server)
