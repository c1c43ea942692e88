"""Columns of marts lead back to the columns of the tables they are made of."""

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.dbt.lineage import column_lineage
from assets.dbt.translator import RoomTranslator

SOURCE = {
    "resource_type": "source", "source_name": "ethereum", "schema": "ethereum", "name": "blocks",
    "identifier": "blocks", "fqn": [], "columns": {"number": {}, "block_date": {}, "base_fee": {}},
}  # fmt: skip
NODE = {
    "resource_type": "model", "package_name": "headwater", "original_file_path": "models/marts/ethereum/m.sql",
    "depends_on": {"nodes": ["source.blocks", "macro.x"]},
}  # fmt: skip
MANIFEST = {"nodes": {}, "sources": {"source.blocks": SOURCE}}
FRESHNESS = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=50))
BLOCKS = dg.AssetKey(["warehouse", "ethereum", "blocks"])


def _lineage(tmp_path: Path, sql: str, node=NODE):
    file = tmp_path / "compiled/headwater/models/marts/ethereum/m.sql"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(sql)
    return column_lineage(node, MANIFEST, RoomTranslator("ethereum", "duckdb", FRESHNESS), tmp_path, "duckdb")


def test_through_subqueries_stars_and_expressions(tmp_path):
    found = _lineage(
        tmp_path,
        'WITH b AS (SELECT * FROM "warehouse"."ethereum"."blocks" WHERE number > 1), '
        "f AS (SELECT block_date, sum(base_fee * number) AS burnt, count(*) AS n FROM b GROUP BY 1) "
        "SELECT block_date AS day, burnt / 10 AS burnt_eth, n, 7 AS seven FROM f",
    ).deps_by_column
    assert found["day"] == [dg.TableColumnDep(BLOCKS, "block_date")]
    assert found["burnt_eth"] == [dg.TableColumnDep(BLOCKS, "base_fee"), dg.TableColumnDep(BLOCKS, "number")]
    assert found["seven"] == []


@pytest.mark.parametrize("sql", ["SELECT FROM WHERE (", "SELECT unknown.column FROM elsewhere.table"])
def test_sql_that_cannot_be_followed_has_none_and_fails_nothing(tmp_path, sql):
    found = _lineage(tmp_path, sql)
    assert not any(found.deps_by_column.values())


def test_a_seed_has_none(tmp_path):
    assert _lineage(tmp_path, "SELECT 1", NODE | {"resource_type": "seed"}) is None
