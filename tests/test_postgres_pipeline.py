"""From the node to daily metrics on PostgreSQL, by settings alone, by the roles that the settings name."""

import uuid
from dataclasses import replace

import psycopg
import pytest

from assets.ethereum.tables import TABLES
from resources.clients.postgres.database import Postgres
from tests.conftest import SAMPLE_DAYS
from tests.dbt_project.test_engines import assert_same
from tests.standins.runs import LAKE, MARTS, WAREHOUSE, ConfiguredGraph, Graph


@pytest.fixture
def reader(database, monkeypatch):
    """A role that may read; nothing is there yet."""
    name = f"reader_{uuid.uuid4().hex}"
    with psycopg.connect(**database.address.parameters(), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN")
    monkeypatch.setenv("WAREHOUSE_READER_ROLE", name)
    return Postgres(replace(database.address, user=name))


@pytest.mark.slow
@pytest.mark.usefixtures("database")
def test_node_to_metrics_equals_duckdb_and_a_second_run_changes_nothing(reader, node_uri, monkeypatch, tmp_path):
    for name, value in {
        "HEADWATER_STAGE": "test",
        "HEADWATER_HOME": str(tmp_path / "home"),
        "ETHEREUM_PROVIDER_URI": node_uri,
        "LAKE_URI": str(tmp_path / "lake"),
        "WAREHOUSE": "postgres",
    }.items():
        monkeypatch.setenv(name, value)
    configured = ConfiguredGraph(tmp_path, node_uri, lake_uri=str(tmp_path / "lake"))
    configured.run(f"{LAKE} or {WAREHOUSE} or {MARTS}", *SAMPLE_DAYS)
    (tmp_path / "local").mkdir()
    local = Graph(tmp_path / "local", node_uri, lake_uri=configured.lake_uri)
    local.run(f"{WAREHOUSE} or {MARTS}", *SAMPLE_DAYS)
    rows, marts = configured.warehouse_rows(), configured.marts()
    assert rows == local.warehouse_rows()
    assert_same(marts, local.marts())

    configured.run(f"{WAREHOUSE} or {MARTS}", *SAMPLE_DAYS)
    assert configured.warehouse_rows() == rows
    assert configured.marts() == marts
    for name in [*(table.name for table in TABLES), *marts]:
        assert reader.count(f"ethereum.{name}") == len(rows.get(name, marts.get(name)))
