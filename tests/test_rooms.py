"""What holds for every room alike: its snapshot, its sources, and that nothing shared knows it by name.

The snapshots are what a person sees change in a review. ``pytest tests/test_rooms.py --snapshots`` writes them anew.
"""

import json
import re
from pathlib import Path

import pytest

from commands.sources import file_of, sources_of
from definitions import ROOMS, defs

ROOT = Path(__file__).parents[1]
SNAPSHOTS = ROOT / "tests/fixtures/snapshots"
GRAPH = defs.resolve_asset_graph()
NAMES = [room.name for room in ROOMS]
each_room = pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)


def _asset(key):
    node = GRAPH.get(key)
    partitions = node.partitions_def
    return {
        "group": node.group_name,
        "deps": sorted(parent.to_user_string() for parent in node.parent_keys),
        "partitions": str(partitions) if partitions else None,
        "backfill": str(node.backfill_policy.policy_type.value) if node.backfill_policy else None,
        "kinds": sorted(node.kinds),
        "pools": sorted(node.pools or ()),
        "freshness": type(node.freshness_policy).__name__ if node.freshness_policy else None,
    }


def _snapshot(room):
    keys = sorted(key for asset in defs.resolve_all_asset_specs() if (key := asset.key).path[1] == room.name)
    return {
        "assets": {key.to_user_string(): _asset(key) for key in keys},
        "checks": sorted(
            f"{key.asset_key.to_user_string()}: {key.name}" for check in room.checks for key in check.check_keys
        ),
        "jobs": {job.name: job.description for job in room.jobs},
        "schedules": {
            found.name: {"cron": found.cron_schedule, "zone": found.execution_timezone, "job": found.job_name}
            for found in room.schedules
        },
        "sensors": sorted(sensor.name for sensor in room.sensors),
    }


@each_room
def test_assets_jobs_and_crons_are_those_of_the_snapshot(room, request):
    file, found = SNAPSHOTS / f"{room.name}.json", _snapshot(room)
    if request.config.getoption("--snapshots"):
        file.write_text(json.dumps(found, indent=1) + "\n")
    assert json.loads(file.read_text()) == found, "if this is meant: pytest tests/test_rooms.py --snapshots"


@each_room
def test_the_sources_are_the_declarations(room):
    if room.tables:
        assert file_of(room).read_text() == sources_of(room), "run `make sources`"


@each_room
def test_every_name_carries_the_rooms(room):
    for thing in (*room.jobs, *room.schedules, *room.sensors):
        assert thing.name.startswith(f"{room.name}_")
    for asset in room.assets:
        assert {key.path[1] for key in asset.keys} == {room.name}


# Of every room's page, in this order; what is a room's own has headings of a lower level.
HEADINGS = (
    "Tables",
    "Run it",
    "Settings",
    "Partitions, schedules and sensors",
    "How a day goes",
    "Checks",
    "When something fails",
    "From the old DAG",
    "Known limits",
)


@each_room
def test_every_page_has_the_same_headings(room):
    page = (ROOT / f"docs/rooms/{room.name}.md").read_text()
    found = re.findall(r"^## (.*)$", page, re.MULTILINE)
    assert [heading.replace("DAGs", "DAG") for heading in found] == list(HEADINGS)


# Files here are a room's own where its name stands in their path. Benchmarks measure a room and are none of the house.
SHARED = ("assets", "commands", "core", "jobs", "resources", "sandbox", "schedules", "dbt_project")
LISTS = {
    "dbt_project/dbt_project.yml",  # dbt takes what holds for a folder of models from this file alone
    "dbt_project/profiles.yml",  # the schema of each target
    "core/settings/listing.py",
    "resources/stages.py",
    "resources/samples.py",
}
# A room's own under the name of a system that only it reaches, or of what it does for people.
OWN = {"core/settings/blockchair.py", "commands/verify.py"}


def test_no_shared_file_names_a_room():
    naming = set()
    for folder in SHARED:
        for file in (ROOT / folder).rglob("*"):
            inside = file.relative_to(ROOT)
            own = any(name in part for name in NAMES for part in inside.parts) or {"target", "logs"} & set(inside.parts)
            if file.suffix in {".py", ".sql", ".yml"} and not own:
                text = file.read_text().lower()
                naming |= {str(inside) for name in NAMES if name in text}
    assert naming <= LISTS | OWN
