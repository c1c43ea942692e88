"""The warehouses that the models are built on in these tests, each with the sample days loaded."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg

from assets.dbt.build import build_arguments, profile_settings
from assets.ethereum.tables import TABLES
from core.windows import DayWindow
from resources import dbt
from resources.clients.dbt.parsed import lent
from resources.clients.duckdb.warehouse import DuckDbWarehouse
from resources.clients.lake.lake import Lake
from resources.clients.lake.store_of_uri import store_for
from resources.clients.postgres.connection import PostgresAddress
from resources.clients.postgres.warehouse import PostgresWarehouse
from resources.clients.redshift.login import Login
from resources.clients.redshift.warehouse import Redshift, RedshiftAddress
from resources.clients.warehouse import Warehouse
from tests.standins.redshift.fixtures import IAM_ROLE, PASSWORD, USER
from tests.standins.runs import MARTS_AND_PARTS, sorted_rows


@dataclass
class Engine:
    """One warehouse, and dbt's real adapter on it. ``scratch``: where dbt may write."""

    warehouse: Warehouse
    scratch: Path
    label: str = "headwater dbt"
    room: str = "ethereum"

    def build(self, first=None, last=None, full_refresh=False, expect_success=True):
        """``dbt build`` of the room, for a window of days or all."""
        arguments = [*build_arguments(DayWindow(first, last or first) if first else None, full_refresh)]
        arguments += ["--select", f"tag:{self.room}"]
        arguments += ["--project-dir", str(dbt.PROJECT_DIR), "--profiles-dir", str(dbt.PROJECT_DIR)]
        arguments += ["--target", self.warehouse.engine, "--target-path", str(self.scratch / "target")]
        arguments += ["--log-path", str(self.scratch / "logs"), "--quiet"]
        with lent(dbt.kept_parsing(self.warehouse.engine), self.scratch / "target"):
            environment = os.environ | profile_settings(self.warehouse, self.label)
            done = subprocess.run(dbt.Dbt().command + arguments, env=environment, check=False)
        assert (done.returncode == 0) == expect_success, "see what dbt printed"

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
