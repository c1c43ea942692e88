"""``python -m jobs FROM TO``: the Ethereum stages for a range of days, one after the other, in this process.

What ``make run`` and ``make backfill`` call. The runs are recorded in DAGSTER_HOME like any other, and can be
looked at in the UI afterwards.
"""

import argparse
import contextlib
import io
import logging
import os
import sys
import textwrap
import time
from collections import defaultdict
from datetime import date

import dagster as dg

from core.errors import HeadwaterError
from core.settings import home_from, lake_uri_from
from core.windows import DayWindow, parse_day
from definitions import defs
from resources.io_managers.duckdb import DuckDbIOManager

# Days exported in one run, as in a backfill: EXPORTS in assets/partitions.py.
EXPORT_DAYS = 7
STAGES = (
    ("Exporting", "ethereum_export_job", EXPORT_DAYS),
    ("Loading", "ethereum_load_job", None),
    ("Aggregating", "ethereum_aggregates_job", None),
)
SUMMARY = """
    SELECT day, blocks_cnt AS blocks, empty_blocks_cnt AS empty, transactions_cnt AS transactions,
        failed_transactions_cnt AS failed, unique_senders AS senders, value_transferred_eth AS "ether moved",
        base_fee_p50_gwei AS "base fee gwei", burnt_wei AS "burnt wei"
    FROM ethereum.daily_chain_metrics WHERE day BETWEEN ? AND ? ORDER BY day
"""
# The run's own log is in Dagster's record; here its warnings are told in short.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
LINE = 160


def main() -> int:
    """Run the stages; the exit code says whether all days went through."""
    parser = argparse.ArgumentParser(prog="python -m jobs", description="Materialize a range of Ethereum days.")
    parser.add_argument("first", type=parse_day, metavar="FROM", help="first UTC day, YYYY-MM-DD")
    parser.add_argument("last", type=parse_day, metavar="TO", help="last UTC day, included")
    arguments = parser.parse_args()
    try:
        window = DayWindow(arguments.first, arguments.last)
    except ValueError as error:
        parser.error(str(error))
    print(f"Ethereum, {window}: node -> {lake_uri_from(os.environ)} -> {_warehouse_path()} -> daily metrics")
    with dg.DagsterInstance.get() as instance:
        for verb, job, most_days in STAGES:
            for part in _parts(window, most_days):
                if not _run(instance, verb, job, part):
                    return 1
    _print_summary(window)
    return 0


def _parts(window: DayWindow, most_days: int | None) -> list[DayWindow]:
    days = list(window)
    step = most_days or len(days)
    return [DayWindow(part[0], part[-1]) for part in (days[at : at + step] for at in range(0, len(days), step))]


def _run(instance: dg.DagsterInstance, verb: str, job: str, window: DayWindow) -> bool:
    print(f"{verb} {window} ...", flush=True)
    started = time.monotonic()
    tags = {"dagster/asset_partition_range_start": str(window.first)}
    tags |= {"dagster/asset_partition_range_end": str(window.last)}
    with contextlib.redirect_stdout(io.StringIO()):  # dbt's own lines are in the run's log
        result = defs.resolve_job_def(job).execute_in_process(
            run_config=QUIET, instance=instance, tags=tags, raise_on_error=False
        )
    rows: dict[str, int] = defaultdict(int)
    for event in result.get_asset_materialization_events():
        materialization = event.materialization
        rows[materialization.asset_key.path[-1]] += int(str(materialization.metadata["rows"].value))
    checks = result.get_asset_check_evaluations()
    for name, count in sorted(rows.items()):
        print(f"  {name:<42}{count:>12,} rows")
    for entry in instance.all_logs(result.run_id):
        if entry.level == logging.WARNING and entry.step_key:
            note = f"Note: {entry.step_key}: {entry.user_message}"
            print(f"  {textwrap.shorten(note, LINE, placeholder=' ...')}")
    passed = sum(check.passed for check in checks)
    print(f"  {passed} of {len(checks)} checks passed; {time.monotonic() - started:.1f} s")
    for check in checks:
        if not check.passed:
            print(
                f"  {check.severity.value}: {check.asset_key.to_user_string()}: {check.check_name}: {check.description}"
            )
    if not result.success:
        for event in result.filter_events(lambda event: event.is_step_failure):
            cause = event.step_failure_data.error
            while cause and cause.cause:
                cause = cause.cause
            print(
                f"  Failed: {event.step_key}: {cause.message.strip() if cause else 'no reason given'}", file=sys.stderr
            )
    return result.success


def _warehouse_path() -> str:
    return DuckDbIOManager().warehouse().path


def _print_summary(window: DayWindow) -> None:
    rows = DuckDbIOManager().warehouse().query(SUMMARY, [window.first, window.last])
    cells = [rows.column_names, *([_cell(value) for value in row.values()] for row in rows.to_pylist())]
    widths = [max(len(row[at]) for row in cells) for at in range(len(rows.column_names))]
    print("\nethereum.daily_chain_metrics:")
    for row in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))
    print(f"\nDagster's record of these runs is in {os.environ.get('DAGSTER_HOME', home_from(os.environ))}.")
    print("Open the graph with `make dev`; the tables with `duckdb` or any client, schema ethereum.")


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.4f}"
    return str(value) if isinstance(value, date) else f"{value:,}"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except HeadwaterError as problem:
        sys.exit(f"{problem}")
