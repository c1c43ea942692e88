import json
import shutil

import pytest
from dbt.cli.main import dbtRunner

from resources.dbt import PROJECT_DIR
from tests.conftest import EMPTY_DAY, SAMPLE_DAYS
from tests.standins.runs import LAKE, WAREHOUSE, Graph


@pytest.fixture(scope="session")
def loaded(tmp_path_factory, node_uri):
    """A warehouse with the sample days loaded and nothing aggregated."""
    graph = Graph(tmp_path_factory.mktemp("loaded"), node_uri)
    graph.run(LAKE, *SAMPLE_DAYS, EMPTY_DAY)
    graph.run(WAREHOUSE, *SAMPLE_DAYS, EMPTY_DAY)
    return graph


@pytest.fixture
def graph(loaded, tmp_path, node_uri):
    """A copy of it, to aggregate."""
    shutil.copy(loaded.home / "warehouse.duckdb", tmp_path / "warehouse.duckdb")
    return Graph(tmp_path, node_uri)


@pytest.fixture
def build(graph, tmp_path):
    """``dbt build`` of the room in this process, for a window of days or all."""

    def run(first=None, last=None, full_refresh=False, expect_success=True):
        variables = {"warehouse_path": graph.warehouse.path}
        if first:
            variables |= {"start_date": str(first), "end_date": str(last or first)}
        arguments = ["build", "--select", "tag:ethereum", "--vars", json.dumps(variables)]
        arguments += ["--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)]
        arguments += ["--target-path", str(tmp_path / "target"), "--log-path", str(tmp_path / "logs"), "--quiet"]
        result = dbtRunner().invoke([*arguments, *(["--full-refresh"] if full_refresh else [])])
        assert result.success == expect_success, result.exception or [r.message for r in result.result if r.message]
        return result

    return run
