"""Real inputs of the databridge, a PostgreSQL with PostGIS, a reader of a live table, and loads that can be killed.

Tests that need what is not there are skipped: the inputs are kept beside the project, PostGIS is a Debian package.
"""

import os
import signal
import threading
from datetime import UTC, datetime

import psycopg
import pytest

from benchmarks import postgis
from resources.clients.databridge.carto.sql_api import CartoAccount, SqlApi
from resources.clients.databridge.postgres_sql import PostgresSql
from resources.clients.databridge.replacing import Replacement
from tests.standins.captured import DATA
from tests.standins.clock import ManualClock

CAPTURED = DATA / "databridge"
NOW = datetime(2024, 1, 2, tzinfo=UTC)


@pytest.fixture(scope="session")
def postgis_server():
    """Where a server with PostGIS is."""
    found = postgis.programs()
    if not found:
        pytest.skip(f"PostGIS is not installed (Debian: {postgis.PACKAGE})")
    with postgis.postgis_server(found) as address:
        yield address


class Poller:
    """A reader who may only what the grant allows: each look is one row count and the versions it saw."""

    def __init__(self, database, role="publicuser", table="public.benches"):
        self.seen, self.refused, self._over = [], [], threading.Event()
        self._parameters, self._role, self._table = database.address.parameters(), role, table
        self._thread = threading.Thread(target=self._poll, daemon=True)
        self._thread.start()

    def _poll(self):
        with psycopg.connect(**self._parameters, autocommit=True) as connection:
            connection.execute(f"SET ROLE {self._role}".encode())
            indexed = f"(SELECT count(*) FROM pg_index WHERE indrelid = '{self._table}'::regclass)"
            while not self._over.is_set():
                try:
                    row = connection.execute(
                        f"SELECT count(*), count(DISTINCT label), min(label), {indexed} FROM {self._table}".encode()
                    ).fetchone()
                    self.seen.append(row)
                except psycopg.errors.Error as error:
                    self.refused.append(str(error).splitlines()[0])

    def stop(self):
        self._over.set()
        self._thread.join(10)
        return set(self.seen), self.refused


def load_of_its_own(place, want, path, run, kill_after=None):
    """A load as a process runs it. place: an account of Carto's, or the parameters of a PostgreSQL.

    kill_after: the call after which it kills itself as a power cut would; a server may kill it anywhere else.
    """
    sql = PostgresSql(place) if isinstance(place, dict) else SqlApi(CartoAccount(*place), ManualClock())
    calls = iter(range(10_000))

    def counted(call):
        def done(*arguments):
            answer = call(*arguments)
            if next(calls) == kill_after:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return done

    sql.run, sql.copy = counted(sql.run), counted(sql.copy)
    Replacement(sql, want, run, NOW).load(path)
