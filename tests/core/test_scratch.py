"""Files on their way outlive a killed process only until another one begins."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from core.scratch import ScratchDirectory

MAKE_AND_WAIT = """
import pathlib, sys
from core.scratch import ScratchDirectory
made = ScratchDirectory("test")
pathlib.Path(made.name, "part.parquet").write_bytes(b"x" * 1000)
print(made.name, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def _process(home):
    return subprocess.Popen(
        [sys.executable, "-c", MAKE_AND_WAIT],
        env={"TMPDIR": str(home), "PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_what_a_killed_process_left_is_removed_and_nothing_else(home):
    (home / "headwater-of-someone-else").mkdir()
    killed, living = _process(home), _process(home)
    left, used = (Path(process.stdout.readline().strip()) for process in (killed, living))
    with ScratchDirectory("test") as own:
        assert {path.name for path in home.iterdir()} >= {left.name, used.name, Path(own).name}
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        with ScratchDirectory("test") as another:
            assert not left.exists()
            assert (used / "part.parquet").stat().st_size == 1000
            assert Path(own).is_dir()
            assert Path(another).is_dir()
    living.communicate("")
    assert {path.name for path in home.iterdir()} == {"headwater-of-someone-else"}


def test_a_pipe_in_the_locks_place_is_not_waited_for(home):
    (home / "headwater-pipe").mkdir()
    os.mkfifo(home / "headwater-pipe/.in-use")
    with ScratchDirectory("test") as own:
        assert Path(own).is_dir()
