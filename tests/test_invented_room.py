"""A room that does not exist is added to a copy of the tree, as docs/adding-a-room.md says, and run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("run")]
ROOT = Path(__file__).parents[1]

OWN = {
    "assets/weather/__init__.py": '"""Temperatures of a station, by UTC day."""\n',
    "assets/weather/tables.py": '''"""The tables of the room."""

from core.tables import Column, ColumnType, Table

TEMPERATURES = Table(
    system="weather",
    name="temperatures",
    grain="one row per UTC day",
    description="The day's mean.",
    columns=(
        Column("celsius", ColumnType.DOUBLE, "Mean of the day.", unit="degrees Celsius", nullable=False),
        Column("day", ColumnType.DATE, "UTC day.", nullable=False),
    ),
    key=("day",),
    sort_key="day",
)
''',
    "assets/weather/partitions.py": '''"""The room's days."""

import dagster as dg

# The station was set up on this day.
DAILY = dg.DailyPartitionsDefinition(start_date="2024-01-01", timezone="UTC")
''',
    "assets/weather/assets.py": '''"""The room's assets."""

import dagster as dg
import pyarrow as pa

from assets.conventions import EXPORTS, lake_table
from assets.weather.partitions import DAILY
from assets.weather.tables import TEMPERATURES
from core.windows import parse_day


@dg.asset(**lake_table(TEMPERATURES), io_manager_key="lake", partitions_def=DAILY, backfill_policy=EXPORTS)
def temperatures(context: dg.AssetExecutionContext) -> pa.Table:
    """The mean of each day."""
    days = [parse_day(key) for key in context.partition_keys]
    return pa.table({"celsius": [7.5] * len(days), "day": days}, schema=TEMPERATURES.arrow_schema)
''',
    "jobs/weather.py": '''"""The room's jobs."""

import dagster as dg

from assets.weather.assets import temperatures

weather_daily_job = dg.define_asset_job(
    "weather_daily_job", selection=dg.AssetSelection.assets(temperatures), description="Fetch the day's temperatures."
)
JOBS = (weather_daily_job,)
''',
    "jobs/plans/weather.py": '''"""A range of days of the station."""

from jobs.plan import Plan, Step

PLAN = Plan(
    "Weather",
    lambda: "the station -> the lake",
    lambda window: [Step(f"Temperatures, {window}", "weather_daily_job", str(window.first), str(window.last))],
    lambda window: iter([("Days", [{"day": str(day)} for day in window])]),
    lambda: "The days are in the lake.",
    ("lake",),
)
''',
    "schedules/weather.py": '''"""The room's hours, and the room."""

from datetime import UTC

import dagster as dg

from assets.room import Room
from assets.weather.assets import temperatures
from core.windows import ONE_DAY
from jobs.weather import JOBS, weather_daily_job
from schedules.declared import schedule


@schedule(job=weather_daily_job, cron="0 1 * * *")
def weather_daily_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Yesterday's temperatures."""
    day = str(context.scheduled_execution_time.astimezone(UTC).date() - ONE_DAY)
    return dg.RunRequest(run_key=day, partition_key=day)


ROOM = Room(
    "weather",
    assets=(temperatures,),
    checks=(),
    jobs=JOBS,
    schedules=(weather_daily_schedule,),
    sensors=(),
    tables=(),
)
''',
}
SHARED = {
    "definitions.py": [
        ("import databridge, ethereum, exchanges, markets, notices, stacks", "{}, weather"),
        ("stacks.ROOM)", "stacks.ROOM, weather.ROOM)"),
    ]
}
LISTED = """
from definitions import defs
node = defs.resolve_asset_graph().get(__import__("dagster").AssetKey(["lake", "weather", "temperatures"]))
print(node.group_name, node.partitions_def.start.date(), defs.resolve_schedule_def("weather_daily_schedule").job_name)
"""


def _named_by_the_page():
    """The paths in the first column of the page's tables."""
    page = (ROOT / "docs/adding-a-room.md").read_text()
    rows = re.findall(r"^\| (`[^|]*) \|", page, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_the_page_names_every_file_that_the_room_touches():
    named = _named_by_the_page()
    assert (OWN.keys() | SHARED.keys()) <= named
    assert {name for name in named if (ROOT / name).is_file()} >= SHARED.keys()


def test_a_room_of_these_files_loads_and_runs(tmp_path):
    tree = tmp_path / "tree"
    left_out = shutil.ignore_patterns(".venv", ".git", ".headwater", "__pycache__", "tests", "docs", "benchmarks")
    shutil.copytree(ROOT, tree, ignore=left_out)
    for name, text in OWN.items():
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text(text)
    for name, changes in SHARED.items():
        text = (tree / name).read_text()
        for old, new in changes:
            assert text.count(old) == 1, f"{name} reads otherwise by now: {old}"
            text = text.replace(old, new.format(old))
        (tree / name).write_text(text)
    home = tmp_path / "home"
    program = f"{LISTED}\nfrom commands.__main__ import main\nmain(['run', 'weather'])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tree,
        env={"PATH": os.environ["PATH"], "HEADWATER_HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[0] == "weather_lake 2024-01-01 weather_daily_job"
    published = {file.parent.name for file in (home / "lake").rglob("_manifest.json")}
    assert published == {"day=2024-01-02", "day=2024-01-03", "day=2024-01-04"}
