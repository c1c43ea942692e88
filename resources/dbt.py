"""dbt as a resource: one project for all rooms, pointed at the warehouse by each run."""

import sys
import tempfile
from pathlib import Path

from dagster_dbt import DbtCliResource, DbtProject

PROJECT_DIR = Path(__file__).resolve().parent.parent / "dbt_project"
PROJECT = DbtProject(project_dir=PROJECT_DIR)


def dbt_resource() -> DbtCliResource:
    """The dbt command beside this Python, whatever PATH says."""
    return DbtCliResource(project_dir=PROJECT, dbt_executable=str(Path(sys.executable).with_name("dbt")))


def prepared_manifest() -> Path:
    """The parsed project's manifest, parsed now when a file of the project is newer than it.

    Images and ``make setup`` parse it beforehand, so that definitions load without running dbt. Processes that find it
    old at the same time each parse it, and none reads what another is still writing.
    """
    sources = [path for kind in ("*.sql", "*.yml", "*.csv") for path in PROJECT_DIR.rglob(kind)]
    newest = max(path.stat().st_mtime for path in sources if "target" not in path.parts)
    if not PROJECT.manifest_path.exists() or PROJECT.manifest_path.stat().st_mtime < newest:
        target = PROJECT.manifest_path.parent
        target.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="parse-", dir=target) as scratch:
            dbt_resource().cli(["parse", "--quiet"], target_path=Path(scratch)).wait()
            for name in ("partial_parse.msgpack", PROJECT.manifest_path.name):
                (Path(scratch) / name).replace(target / name)
    return PROJECT.manifest_path
