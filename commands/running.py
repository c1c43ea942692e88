"""Running a job in this process and telling in a few lines what came of it; tables as text. For the commands."""

import contextlib
import io
import logging
import os
import shutil
import sys
import tempfile
import textwrap
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg

from commands.missing import by_series, gaps, starts, told
from core.errors import SettingError
from core.private import folder_trouble_told, make_private
from core.settings.base import environment
from core.settings.stage import Stage
from core.windows import DayWindow
from definitions import defs, stage
from resources.in_force import in_force, is_sandbox
from resources.retries import sentence_of
from resources.stages import resources_for

# The run's own log is in Dagster's record; here its warnings are told in short.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
LINE = 160
# What Dagster notes of a failed run.
FAILURE_REASON, INTERRUPTED = "dagster/failure_reason", "UNEXPECTED_TERMINATION"
DAGSTER_YAML = Path(__file__).parents[1] / "deploy/local/dagster.yaml"


def _instance() -> dg.DagsterInstance:
    """Dagster's record of DAGSTER_HOME; without one, of the home directory, as make lays it out.

    Raises:
        SettingError: when DAGSTER_HOME is no directory that Dagster takes.
        DiskRefused: when the record cannot be made.
    """
    home = environment().get("DAGSTER_HOME")
    if not home:
        directory = Stage.read().directory
        make_private(directory)
        if not (directory / DAGSTER_YAML.name).exists():
            _lay_out(directory)
        home = str(directory)
    elif not (Path(home).is_absolute() and Path(home).is_dir()):
        raise SettingError(
            f"DAGSTER_HOME: {home} is not the absolute path of a directory. Make it, or unset DAGSTER_HOME: then "
            "HEADWATER_HOME serves."
        )
    os.environ["DAGSTER_HOME"] = home
    with folder_trouble_told(Path(home)):
        return dg.DagsterInstance.get()


def _lay_out(home: Path) -> None:
    """Give a new home Dagster's settings: whole, since the half of them would be taken for all ever after."""
    with folder_trouble_told(home), tempfile.TemporaryDirectory(prefix="new-", dir=home) as scratch:
        Path(shutil.copyfile(DAGSTER_YAML, Path(scratch, DAGSTER_YAML.name))).replace(home / DAGSTER_YAML.name)


def say_first(uses: Sequence[str]) -> list[str]:
    """Print what is in force of the resources of these keys; the names of those that the sandbox serves.

    Raises:
        SettingError: with a sentence for every setting that is missing or wrong, of all of them.
    """
    resources = resources_for(stage)
    said = in_force({key: resources[key] for key in uses})
    for name, text in said.items():
        print(f"  {name}: {text}", flush=True)
    return [name for name, text in said.items() if is_sandbox(text)]


def run(announced: str, job: str, first: str | None, last: str | None) -> bool:
    """Run a job, for a range of partitions where it has any; whether it succeeded."""
    with _instance() as instance:
        return _run(instance, announced, defs.resolve_job_def(job), first, last)


def show_missing(room: str, window: DayWindow, *, start: bool) -> bool:
    """Tell which days of a room are missing or failed, layer by layer, and start only these; whether all went well."""
    done = True
    with _instance() as instance:
        found = by_series(gaps(defs, instance, room, window))
        if not found:
            print(f"Nothing of {room} is partitioned by the days of {window}: none of them can be missing.", flush=True)
        for series in list(found):
            for line in told(series, found[series]):
                print(line, flush=True)
            runs = starts(found[series]) if start else []
            for missed in runs:
                job = defs.resolve_implicit_global_asset_job_def()
                announced = f"Starting {series}, {missed.window}"
                done &= _run(instance, announced, job, missed.first, missed.last, assets=missed.assets)
            if runs:  # what they filled may be what a later layer lacked
                found = by_series(gaps(defs, instance, room, window))
    return done


def _run(
    instance: dg.DagsterInstance,
    announced: str,
    job: dg.JobDefinition,
    first: str | None,
    last: str | None,
    *,
    assets: Sequence[dg.AssetKey] | None = None,
) -> bool:
    print(f"{announced} ...", flush=True)
    started = time.monotonic()
    ends = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    tags = {name: end for name, end in ends.items() if end}
    with contextlib.redirect_stdout(io.StringIO()):  # dbt's own lines are in the run's log
        result = job.execute_in_process(
            run_config=QUIET, instance=instance, tags=tags, raise_on_error=False, asset_selection=assets
        )
    _tell_rows(result)
    for entry in instance.all_logs(result.run_id):
        if entry.level == logging.WARNING and entry.step_key:
            note = f"Note: {entry.step_key}: {entry.user_message}"
            print(f"  {textwrap.shorten(note, LINE, placeholder=' ...')}")
    checks = result.get_asset_check_evaluations()
    passed = sum(check.passed for check in checks)
    print(f"  {passed} of {len(checks)} checks passed; {time.monotonic() - started:.1f} s")
    for check in checks:
        if not check.passed:
            told = [check.severity.value, check.asset_key.to_user_string(), check.check_name, check.description]
            print(f"  {': '.join(text for text in told if text)}")
    if not result.success:
        _tell_failures(result)
    if _was_interrupted(instance, result.run_id):
        raise KeyboardInterrupt
    return result.success


def _was_interrupted(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether Ctrl-C or a signal ended the run: Dagster makes a failed step of it, after which others would start."""
    run = instance.get_run_by_id(run_id)
    return run is not None and run.tags.get(FAILURE_REASON) == INTERRUPTED


def _tell_rows(result: dg.ExecuteInProcessResult) -> None:
    rows: dict[str, int] = defaultdict(int)
    merged: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    events = result.get_asset_materialization_events()
    keys = {event.materialization.asset_key for event in events}
    named = Counter(key.path[-1] for key in keys)
    for event in events:
        key, metadata = event.materialization.asset_key, event.materialization.metadata
        name = key.path[-1] if named[key.path[-1]] == 1 else f"{key.path[0]} {key.path[-1]}"
        rows[name] += int(str(metadata["rows"].value)) if "rows" in metadata else 1
        for count in ("inserted", "updated", "unchanged"):
            if count in metadata:
                merged[name][count] += int(str(metadata[count].value))
    for name, total in sorted(rows.items()):
        counts = ", ".join(f"{number:,} {count}" for count, number in merged[name].items())
        print(f"  {name:<42}{total:>12,} rows{f': {counts}' if counts else ''}")


def _tell_failures(result: dg.ExecuteInProcessResult) -> None:
    """Each failed step with its reason; the run's own where it did not get to a step."""
    steps = result.filter_events(lambda event: event.is_step_failure)
    failed = [(str(event.step_key), event.step_failure_data.error) for event in steps]
    runs = () if failed else result.filter_events(lambda event: event.is_job_failure)
    for name, error in (*failed, *((event.job_name, event.job_failure_data.error) for event in runs)):
        cause = sentence_of(error)
        print(f"  Failed: {name}: {cause.message.strip() if cause else 'no reason given'}", file=sys.stderr)


def print_table(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows as columns of text."""
    print(f"\n{title}:")
    if not rows:
        print("(no rows)")
        return
    cells = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(rows[0]))]
    for row in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


def _cell(value: object) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, Decimal) and value == value.to_integral_value() and int(value.as_tuple().exponent) >= 0:
        return f"{value:,}"
    if isinstance(value, (float, Decimal)):
        return f"{value:,.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def print_record() -> None:
    """Where to look at the runs afterwards."""
    print(f"\nDagster's record of these runs is in {environment().get('DAGSTER_HOME') or Stage.read().directory}.")
