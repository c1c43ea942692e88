"""The dbt project describes what the tables declare, and every column of every model."""

import json

import pytest
import yaml

from core.sql.versioning import versioned_columns
from definitions import ROOMS as LISTED
from resources.dbt import PROJECT_DIR, prepared_manifest

ROOMS = {room.name: room.tables for room in LISTED if room.tables}


def sources(room):
    return yaml.safe_load((PROJECT_DIR / f"models/staging/{room}/_sources.yml").read_text())["sources"][0]


@pytest.mark.parametrize("room", ROOMS)
def test_every_declared_table_is_a_source_and_no_other(room):
    found, tables = sources(room), ROOMS[room]
    assert found["name"] == room
    assert [(found["schema"], table["name"]) for table in found["tables"]] == [
        tuple(table.address.split(".")) for table in tables
    ]


@pytest.mark.parametrize(
    "table", [table for tables in ROOMS.values() for table in tables], ids=lambda table: f"{table.system}.{table.name}"
)
def test_source_descriptions_are_the_declarations(table):
    expected = {
        "name": table.name,
        "description": f"{table.description} Grain: {table.grain}.",
        "columns": [{"name": column.name, "description": column.comment} for column in versioned_columns(table)],
    }
    listed = (found for found in sources(table.system)["tables"] if found["name"] == table.name)
    found = next(({key: source.get(key) for key in expected} for source in listed), None)  # None: a new table
    assert found == expected, (
        f"run `make sources`: models/staging/{table.system}/_sources.yml should read:\n"
        + yaml.safe_dump([expected], sort_keys=False)
    )


def test_every_model_and_its_columns_are_described():
    manifest = json.loads(prepared_manifest().read_text())
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    assert models
    for model in models:
        assert model["description"], model["name"]
        assert all(column["description"] for column in model["columns"].values()), model["name"]
