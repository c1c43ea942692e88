"""The warehouses that the models are built on in these tests, each with the sample days loaded."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from dbt.cli.main import dbtRunner

from assets.dbt.build import build_arguments, profile_settings
from assets.ethereum.tables import TABLES
from core.windows import DayWindow
from resources.clients.dbt.command import keep_parsing
from resources.clients.dbt.parsed import lent
from resources.clients.duckdb.warehouse import DuckDbWarehouse
from resources.clients.lake.lake import Lake
from resources.clients.lake.store_of_uri import store_for
from resources.clients.postgres.connection import PostgresAddress
from resources.clients.postgres.warehouse import PostgresWarehouse
from resources.clients.redshift.login import Login
from resources.clients.redshift.warehouse import Redshift, RedshiftAddress
from resources.clients.warehouse import Warehouse
from resources.dbt import PROJECT_DIR, kept_parsing
from tests.standins.redshift.fixtures import IAM_ROLE, PASSWORD, USER
from tests.standins.runs import MARTS_AND_PARTS, sorted_rows

keep_parsing()


@dataclass
class Engine:
    """One warehouse, and dbt's real adapter on it. ``scratch``: where dbt may write."""

    warehouse: Warehouse
    scratch: Path
    label: str = "headwater dbt"
    room: str = "ethereum"

    def build(self, first=None, last=None, full_refresh=False, expect_success=True):
        """``dbt build`` of the room in this process, for a window of days or all."""
        arguments = [*build_arguments(DayWindow(first, last or first) if first else None, full_refresh)]
        arguments += ["--select", f"tag:{self.room}"]
        arguments += ["--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)]
        arguments += ["--target", self.warehouse.engine, "--target-path", str(self.scratch / "target")]
        arguments += ["--log-path", str(self.scratch / "logs"), "--quiet"]
        with (
            pytest.MonkeyPatch.context() as patch,
            lent(kept_parsing(self.warehouse.engine), self.scratch / "target"),
        ):
            for name, value in profile_settings(self.warehouse, self.label).items():
                patch.setenv(name, value)
            result = dbtRunner().invoke(arguments)
        said = result.exception or [node.message for node in result.result or () if node.message]
        assert result.success == expect_success, said
        return result

    def marts(self):
        """All rows of every model, in an order that does not depend on the engine."""
        return {
            name: sorted_rows(self.warehouse.query(f"SELECT * FROM ethereum.{name}").to_pylist())
            for name in MARTS_AND_PARTS
        }


def duckdb(file, scratch):
    """A copy of a DuckDB file."""
    copy = scratch / "warehouse.duckdb"
    shutil.copy(file, copy)
    return Engine(DuckDbWarehouse(str(copy)), scratch)


def postgres_warehouse(server: PostgresAddress, database: str):
    return PostgresWarehouse(PostgresAddress(server.host, server.port, database, server.user, "not-asked-for"))


def redshift_warehouse(standin, database: str, lake_uri: str):
    address = RedshiftAddress(standin.host, standin.port, database, lambda: Login(USER, PASSWORD))
    return Redshift(address, store_for(lake_uri), IAM_ROLE)


def load(warehouse: Warehouse, lake_uri: str, days):
    """Every table of the room, from the lake."""
    warehouse.migrate(*TABLES)
    lake = Lake(store_for(lake_uri), "parquet")
    for table in TABLES:
        warehouse.replace(table, lake.open(table, days))


def execute(server: PostgresAddress, statement: str):
    with psycopg.connect(**server.parameters(), autocommit=True) as connection:
        connection.execute(statement)
