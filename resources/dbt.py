"""dbt as a resource: one project for all rooms, pointed at a warehouse by each run."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliInvocation, DbtProject
from dagster_dbt.asset_utils import get_updated_cli_invocation_params_for_context
from packaging.version import Version
from pydantic import Field

from resources.clients.dbt.parsed import PARSED, lent

PROJECT_DIR = Path(__file__).resolve().parent.parent / "dbt_project"
PROJECT = DbtProject(project_dir=PROJECT_DIR)
# One parsing for each target: what dbt makes of the project depends on the engine.
KEPT = PROJECT.manifest_path.parent / "parsed"
SOURCES = {".sql", ".yml", ".csv"}
# By its path, so that a process that loads the definitions does not import dbt's command line.
PROGRAM = Path(__file__).parent / "clients/dbt/command.py"


def kept_parsing(engine: str) -> Path:
    """Where the project's parsing for an engine is kept between commands."""
    return KEPT / f"{engine}.msgpack"


class Dbt(dg.ConfigurableResource):
    """dbt's command, whatever PATH says. dagster-dbt's own resource takes 4 seconds more before each command."""

    command: list[str] = Field(default_factory=lambda: [sys.executable, str(PROGRAM)])

    @contextmanager
    def started(
        self,
        context: dg.OpExecutionContext | dg.AssetExecutionContext,
        arguments: Sequence[str],
        *,
        engine: str,
        settings: Mapping[str, str],
        manifest: Mapping[str, Any],
        translator: DagsterDbtTranslator,
        select: Sequence[str] = (),
    ) -> Iterator[DbtCliInvocation]:
        """A command under way, on the run's selection of its assets; its output is read before the end of the block.

        engine: the profile's target. settings: what the profile reads from the environment, the command's alone.
        select: what is built, where the context is none of dbt's assets.
        """
        chosen = get_updated_cli_invocation_params_for_context(context, manifest, translator, runtime_selects=select)
        target = PROJECT.manifest_path.parent / f"{context.op_execution_context.op.name}-{uuid4().hex}"
        project = Path(chosen.dbt_project.project_dir) if chosen.dbt_project else PROJECT_DIR
        told = {"DBT_INDIRECT_SELECTION": chosen.indirect_selection} if chosen.indirect_selection else {}
        with lent(kept_parsing(engine), target):
            yield DbtCliInvocation.run(
                args=[*self.command, *arguments, "--target", engine, *chosen.selection_args],
                env={**os.environ, **settings, **_surroundings(target, project), **told},
                manifest=chosen.manifest,
                dagster_dbt_translator=chosen.dagster_dbt_translator,
                project_dir=project,
                target_path=target,
                raise_on_error=True,
                context=context,
                adapter=None,
                cli_version=Version(version("dbt-core")),
                dbt_project=chosen.dbt_project,
            )


def _surroundings(target: Path, project: Path) -> dict[str, str]:
    """What dagster-dbt sets for a command, so that its output can be read event by event."""
    return {
        "PYTHONUNBUFFERED": "1",
        "DAGSTER_DBT_CLI": "true",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_LOG_FORMAT": "json",
        "DBT_TARGET_PATH": str(target),
        "DBT_LOG_PATH": str(target),
        "DBT_PROJECT_DIR": str(project),
        "DBT_PROFILES_DIR": str(PROJECT_DIR),
    }


def dbt_resource() -> Dbt:
    """The dbt command beside this Python."""
    return Dbt()


def prepared_manifest() -> Path:
    """The parsed project's manifest, parsed now when a file of the project is newer than it.

    Images and ``make setup`` parse it beforehand, so that definitions load without running dbt. Processes that find it
    old at the same time each parse it, and none reads what another is still writing.

    Raises:
        subprocess.CalledProcessError: when dbt cannot read the project; what it says has been printed.
    """
    # Not what dbt writes: the directories of commands that have run lie there, and grow more.
    written = {PROJECT.manifest_path.parent, PROJECT_DIR / "logs"}
    places = [place for place in PROJECT_DIR.iterdir() if place not in written]
    sources = [path for place in places for path in (place, *place.rglob("*")) if path.suffix in SOURCES]
    newest = max(path.stat().st_mtime for path in sources)
    if not PROJECT.manifest_path.exists() or PROJECT.manifest_path.stat().st_mtime < newest:
        target = PROJECT.manifest_path.parent
        target.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="parse-", dir=target) as scratch:
            environment = {**os.environ, **_surroundings(Path(scratch), PROJECT_DIR), "DBT_LOG_FORMAT": "text"}
            subprocess.run([*Dbt().command, "parse", "--quiet"], cwd=PROJECT_DIR, env=environment, check=True)  # noqa: S603
            for name in (PARSED, PROJECT.manifest_path.name):
                (Path(scratch) / name).replace(target / name)
    return PROJECT.manifest_path
