"""The sandbox serves through Dagster's own command, from a shell with nothing exported but where to write."""

import os
import subprocess
from pathlib import Path

from tests.standins.warm.warm import COLD

ROOT = Path(__file__).parents[2]


def test_dagsters_own_command_finds_the_sandbox(tmp_path):
    done = subprocess.run(
        [
            *(str(Path(COLD).with_name("dagster")), "asset", "materialize", "-f", "definitions.py"),
            *("--select", 'key:"lake/ethereum/blocks"', "--partition", "2024-01-02"),
        ],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HEADWATER_HOME": str(tmp_path), "DAGSTER_DISABLE_TELEMETRY": "1"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert (tmp_path / "lake/export/blocks/block_date=2024-01-02/_manifest.json").is_file()
