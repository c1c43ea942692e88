"""A warm command behaves as dbt's own program, started as one, does."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.standins.dbt.warm import WarmDbt

ROOT = Path(__file__).parents[3]
PROJECT = {
    "dbt_project.yml": "name: small\nversion: 1.0.0\nprofile: small\nflags: {send_anonymous_usage_stats: false}\n",
    "profiles.yml": "small: {target: it, outputs: {it: {type: duckdb, path: \"{{ env_var('PLACE') }}\"}}}\n",
    "models/one.sql": "select {{ env_var('ONE') }} as one\n",
}
# Says what it is told, as a child of the server's; then waits to be ended.
PROGRAM = """
import os, sys, time
def keep_parsing(): pass
if __name__ == "__main__":
    print(sys.argv[1:], os.getcwd(), os.environ["SAID"], flush=True)
    print("trouble", file=sys.stderr, flush=True)
    if sys.argv[1] == "wait":
        time.sleep(60)
    sys.exit(3)
"""


@pytest.fixture
def project(tmp_path):
    for name, text in PROJECT.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "project"


@pytest.fixture
def start(project, tmp_path, monkeypatch):
    """Starts a command on a server of the test's own."""
    monkeypatch.setenv("PLACE", str(tmp_path / "read.duckdb"))
    monkeypatch.setenv("ONE", "1")
    servers = []

    def started(program, *arguments, **environment):
        servers.append(WarmDbt(program, project))
        return subprocess.Popen(
            [*servers[0], *arguments],
            cwd=project,
            env={"PATH": os.environ["PATH"]} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    yield started
    for server in servers:
        server.stop()


@pytest.mark.slow
def test_arguments_environment_directory_streams_signals_and_end(start, project, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    ended = start(program, "a b", "", SAID="é")
    assert ended.communicate(timeout=120) == (f"['a b', ''] {project} é\n", "trouble\n")
    assert ended.returncode == 3
    for number in (signal.SIGTERM, signal.SIGKILL):
        waiting = start(program, "wait", SAID="again")
        assert waiting.stdout.readline() == f"['wait'] {project} again\n"
        waiting.send_signal(number)
        waiting.stdout.read()  # to its end: the command that held it is gone, too
        assert waiting.wait(30) == -number


@pytest.mark.slow
def test_it_builds_and_fails_as_the_program_does(start, project, tmp_path):
    program = ROOT / "resources/clients/dbt/command.py"
    said = {}
    for name, one in (("good", "1"), ("bad", "nothing")):
        environment = {"PLACE": str(tmp_path / f"{name}.duckdb"), "ONE": one, "DBT_LOG_FORMAT": "json"}
        warm = start(program, "build", **environment)
        said[name] = warm.communicate(timeout=120)[0]
        cold = subprocess.run(
            [sys.executable, str(program), "build"],
            cwd=project,
            env={"PATH": os.environ["PATH"]} | environment,
            capture_output=True,
            check=False,
        )
        assert warm.returncode == cold.returncode == (name == "bad"), said[name]
    assert "PASS=1" in said["good"]
    assert "ERROR=1" in said["bad"]
