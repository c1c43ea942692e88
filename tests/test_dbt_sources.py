"""The dbt project describes what the tables declare, and every column of every model."""

import json

import pytest
import yaml

from assets.ethereum.tables import TABLES
from resources.dbt import PROJECT_DIR, prepared_manifest

SOURCES = yaml.safe_load((PROJECT_DIR / "models/staging/ethereum/_sources.yml").read_text())["sources"][0]


def test_every_declared_table_is_a_source_and_no_other():
    assert [table["name"] for table in SOURCES["tables"]] == [table.name for table in TABLES]
    assert SOURCES["schema"] == SOURCES["name"] == "ethereum"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_source_descriptions_are_the_declarations(table):
    (source,) = (found for found in SOURCES["tables"] if found["name"] == table.name)
    assert source["description"] == f"{table.description} Grain: {table.grain}."
    expected = [{"name": column.name, "description": column.comment} for column in table.columns]
    assert source["columns"] == expected, "models/staging/ethereum/_sources.yml should read:\n" + yaml.safe_dump(
        expected, sort_keys=False
    )


def test_every_model_and_its_columns_are_described():
    manifest = json.loads(prepared_manifest().read_text())
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    assert models
    for model in models:
        assert model["description"], model["name"]
        assert all(column["description"] for column in model["columns"].values()), model["name"]
