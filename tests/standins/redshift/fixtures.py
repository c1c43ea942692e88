"""The stand-in as pytest fixtures: one for the session, a database of its own for each test that asks."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redshift_connector

from tests.standins.redshift.server import RedshiftStandIn

# The same for all tests: dbt parses the project anew, five seconds, for a database of another name.
DATABASE = "test_redshift"
USER, PASSWORD = "loader", "Loader-secret-1"
IAM_ROLE = "arn:aws:iam::123456789012:role/redshift-reads-the-lake"


@dataclass(frozen=True)
class RedshiftDatabase:
    """One database of the stand-in, and who may connect to it."""

    standin: RedshiftStandIn
    database: str
    user: str = USER
    password: str = PASSWORD
    iam_role: str = IAM_ROLE

    @property
    def host(self) -> str:
        return self.standin.host

    @property
    def port(self) -> int:
        return self.standin.port

    def connect(self, **more: Any) -> redshift_connector.Connection:
        """Amazon's own driver, over TLS. By a name: for its default it reads the source of all that called it."""
        return redshift_connector.connect(
            **{"host": self.host, "port": self.port, "database": self.database, "user": self.user,
               "password": self.password, "application_name": "tests"} | more
        )  # fmt: skip

    def query(self, statement: str) -> list[dict[str, Any]]:
        """Rows, over a connection of its own."""
        with psycopg.connect(
            host=self.host, port=self.port, dbname=self.database, user=self.user, password=self.password,
            sslmode="require", autocommit=True, row_factory=psycopg.rows.dict_row,
        ) as connection:  # fmt: skip
            return connection.execute(statement).fetchall()


@pytest.fixture(scope="session")
def redshift_standin(postgres_server, s3_endpoint):
    """The stand-in for the whole session; ``cut``, ``statements`` and ``create_user`` are its handles."""
    directory = Path(tempfile.mkdtemp(prefix="headwater-redshift-"))
    directory.chmod(0o755)
    standin = RedshiftStandIn(postgres_server, s3_endpoint, directory)
    standin.create_user(USER, PASSWORD)
    yield standin
    standin.stop()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def redshift(redshift_standin, trusted_redshift):
    """An empty database of the test's own. Clients of this process trust its certificate."""
    redshift_standin.create_database(DATABASE, USER)
    yield RedshiftDatabase(redshift_standin, DATABASE)
    redshift_standin.drop_database(DATABASE)


@pytest.fixture
def trusted_redshift(redshift_standin, monkeypatch):
    """The drivers' own way to be told of another authority."""
    monkeypatch.setenv("SSL_CERT_FILE", str(redshift_standin.authority))
