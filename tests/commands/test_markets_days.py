"""What ``make backfill ROOM=markets`` prints, from an empty home to the tables."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_day_of_the_sample_from_nothing_to_the_tables(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "commands", "backfill", "markets", "2024-01-04", "2024-01-04", "--sandbox"],
        cwd=ROOT,
        env={**os.environ, "HEADWATER_HOME": str(tmp_path), "DAGSTER_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["blocks", "7,168", "rows:", "7,168", "inserted,", "0", "updated,", "0", "unchanged"] in lines
    (bitcoin,) = (line for line in lines if line[:3] == ["2024-01-04", "bitcoin", "57,119.7000"])
    assert "unknown" not in bitcoin
    (chain,) = (line for line in lines if line[:3] == ["2024-01-04", "bitcoin", "146"])
    assert chain[4] == "442,597"
    assert ["Blockchair", "sample", "2024-01-05", "569.8500"] in lines
    assert not (tmp_path / "postgres" / "postmaster.pid").exists()


def test_days_in_the_wrong_order_are_refused():
    done = subprocess.run(
        [sys.executable, "-m", "commands", "backfill", "markets", "2024-01-04", "2024-01-02"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "cannot end" in done.stderr
