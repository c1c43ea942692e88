"""``python -m commands.databridge``: judge a tree of files, plan a table, stage a file, go back to the table before."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from dagster_pipes import PipesContext, open_dagster_pipes

from assets.databridge.extract import Run, extract, run_name
from assets.databridge.factory import request_of, steps_of
from assets.databridge.load import load, rolled_back
from assets.databridge.loading import json_schema, load_tree
from assets.databridge.moving import move_schemas, move_tree
from assets.databridge.planning import planned
from assets.databridge.tables import ROOM, BridgeTable
from assets.databridge.telling import CARTO_CHECKS, live_facts, live_findings, staged_facts
from core.clock import Clock
from core.errors import HeadwaterError, TransientError
from core.scratch import ScratchDirectory
from core.settings.databridge import Databridge
from resources.clients.aws.batch import TEMPORARY_FAILURE
from resources.clients.databridge.replacing import Unproved
from resources.databridge import DatabridgeResource

tree = click.option("--tree", type=click.Path(path_type=Path), help="Instead of DATABRIDGE_CONFIG_DIR.")
target = click.option("--target", type=click.Choice(["carto", "postgres"]), default="carto", show_default=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Tables that files configure."""


@main.command()
@tree
def lint(tree: Path | None) -> None:
    """Judge every file of a tree; the exit code says whether all are good."""
    with _explained():
        loaded = load_tree(tree or Databridge.tree_in_force())
    for fault in loaded.faults:
        click.echo(str(fault), err=True)
    click.echo(f"{len(loaded.tables):,} tables are good, {len(loaded.faults):,} faults")
    sys.exit(bool(loaded.faults))


@main.command()
@click.argument("old", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("new", type=click.Path(path_type=Path, file_okay=False))
@click.option("--schemas", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Hand-kept schemas.")
def move(old: Path, new: Path, schemas: Path | None) -> None:
    """Copy the good files of the tree OLD to NEW, and say what is wrong with the others."""
    loaded = move_tree(old, new)
    faults = list(loaded.faults)
    with _explained():
        for key, fault in move_schemas(schemas, loaded.tables, DatabridgeResource().store()) if schemas else ():
            click.echo(f"{key}: {'not stored' if fault else 'stored'}")
            faults += [fault] if fault else []
    for fault in faults:
        click.echo(str(fault), err=True)
    click.echo(f"{len(loaded.tables):,} tables are in {new}, {len(faults):,} faults; set DATABRIDGE_CONFIG_DIR to it")
    sys.exit(bool(faults))


@main.command("json-schema")
def schema_of_files() -> None:
    """The JSON schema of the files by kind, for editors."""
    click.echo(json.dumps(json_schema(), indent=2))


@main.command()
@click.argument("table")
@tree
def plan(table: str, tree: Path | None) -> None:
    """What a run of TABLE would do, with its SQL; nothing is written."""
    with _explained():
        resource, found = DatabridgeResource(), _table(table, tree)
        click.echo(planned(found, resource.connections(), resource.store(), Clock()), nl=False)
        for step in steps_of(found) if resource.on_batch() else ():
            click.echo(f"  job: {json.dumps(request_of(resource, found, step, '<run>'))}")


@main.command()
@click.argument("table")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@tree
def stage(table: str, file: Path, tree: Path | None) -> None:
    """Stage FILE, a CSV by others, as TABLE's newest run, judged as an extract is; a load takes it from there."""
    with _explained(), ScratchDirectory(ROOM) as scratch:
        resource, clock = DatabridgeResource(), Clock()
        working = Run(run_name(f"{file} {clock.now()}"), resource.connections(), resource.store(), Path(scratch), clock)
        done = extract(_table(table, tree), working, file)
    for verdict in done.verdicts:
        click.echo(f"{verdict.name}: {'' if verdict.passed else 'FAILED, '}{verdict.said}")
    sys.exit(done.manifest is None)


@main.command("roll-back")
@click.argument("table")
@target
@tree
def roll_back(table: str, target: str, tree: Path | None) -> None:
    """Make the table before live again; once more goes forth again."""
    with _explained():
        rows = rolled_back(_table(table, tree), target, DatabridgeResource().connections())  # type: ignore[arg-type]
    click.echo(f"{table}: the table before is live again, with {rows:,} rows")


@main.command(hidden=True)
@click.argument("table")
@click.argument("step", type=click.Choice(["staged", "carto", "postgres"]))
@click.argument("run")
@click.option("--full", is_flag=True)
def step(table: str, step: str, run: str, full: bool) -> None:
    """One step of a table as a job on AWS Batch, reporting through Pipes."""
    with open_dagster_pipes() as pipes, _explained(pipes.log.error):
        found, resource = _table(table, None), DatabridgeResource()
        with ScratchDirectory(ROOM) as scratch:
            working = Run(run, resource.connections(), resource.store(), Path(scratch), Clock())
            if step == "staged":
                _stage(pipes, found, working, full=full)
            else:
                _load(pipes, found, step, working)


def _stage(pipes: PipesContext, table: BridgeTable, run: Run, *, full: bool) -> None:
    """Extract. Where a verdict is bad, the checks are all that is reported, and the step fails by their names."""
    done = extract(table, run, full=full)
    for verdict in done.verdicts:
        _report_check(pipes, verdict.name, passed=verdict.passed, said=verdict.said)
    if done.manifest is None:
        click.echo(f"Nothing was staged: {'; '.join(verdict.said for verdict in done.failed)}", err=True)
        return
    pipes.report_asset_materialization(staged_facts(done.manifest, run.store))


def _load(pipes: PipesContext, table: BridgeTable, step: str, run: Run) -> None:
    try:
        done = load(table, step, run)  # type: ignore[arg-type]
    except Unproved as unproved:
        _report_check(pipes, unproved.check, passed=False, said=str(unproved))
        click.echo(str(unproved), err=True)
        return
    pipes.report_asset_materialization(live_facts(done))
    for name, said in live_findings(done).items():
        if step == "carto" or name not in CARTO_CHECKS:
            warns = name == "privacy"
            _report_check(pipes, name, passed=not (warns and done.notes), said=said, warns=warns)


def _report_check(pipes: PipesContext, name: str, *, passed: bool, said: str, warns: bool = False) -> None:
    severity = "WARN" if warns else "ERROR"
    pipes.report_asset_check(name, passed=passed, severity=severity, metadata={"found": said})  # type: ignore[arg-type]


def _table(name: str, tree: Path | None) -> BridgeTable:
    loaded = load_tree(tree or Databridge.tree_in_force())
    for table in loaded.tables:
        if name in (table.name, table.path):
            return table
    known = ", ".join(table.name for table in loaded.tables[:20])
    raise click.UsageError(f"There is no good table {name!r}; there are {known}.")


@contextmanager
def _explained(tell: Callable[[str], None] | None = None) -> Iterator[None]:
    """Errors of the product as a sentence; the exit code says whether trying again may help."""
    try:
        yield
    except HeadwaterError as error:
        (tell or (lambda text: click.echo(text, err=True)))(str(error))
        sys.exit(TEMPORARY_FAILURE if isinstance(error, TransientError) else 1)


if __name__ == "__main__":
    main(prog_name="python -m commands.databridge")
