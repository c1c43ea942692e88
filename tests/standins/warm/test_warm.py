"""A program that is started warm is to others, and to itself, what it is when the interpreter starts it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.standins.warm.client import COLD as STAYS_COLD
from tests.standins.warm.warm import COLD, ROOT

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="Linux alone forks and follows so"),
    pytest.mark.slow,
    pytest.mark.xdist_group("dbt"),
]
SAYING = ["-m", "tests.standins.warm.saying"]
BARE = {"PATH": os.environ["PATH"]}
PROJECT = {
    "dbt_project.yml": "name: small\nversion: 1.0.0\nprofile: small\nflags: {send_anonymous_usage_stats: false}\n",
    "profiles.yml": "small: {target: it, outputs: {it: {type: duckdb, path: \"{{ env_var('PLACE') }}\"}}}\n",
    "models/one.sql": "select {{ env_var('ONE') }} as one\n",
}


def done(python, *words, env=BARE, cwd=ROOT, **more):
    return subprocess.run(
        [python, *words], env=env, cwd=cwd, capture_output=True, text=True, timeout=120, check=False, **more
    )


def loaded(*words, **more):
    """What a program that is told to say so has imported."""
    return set(json.loads(done(sys.executable, *words, **more).stdout))


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"LANG": "C.UTF-8", "TZ": "Asia/Tokyo", "TMPDIR": "/", "EMPTY": "", "SAID": "é\n\udcff"},
        {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    ],
)
def test_it_sees_what_it_would_see(environment, tmp_path):
    said = []
    for python in (sys.executable, COLD):
        with (tmp_path / "read").open("w") as one, (tmp_path / "other").open("w") as other:
            files = [one.fileno(), os.dup2(other.fileno(), 90)]
            try:
                ended = done(python, *SAYING, "seen", "a b", "", env=BARE | environment, pass_fds=files, umask=0o27)
            finally:
                os.close(90)
        assert ended.returncode == 0, ended.stderr
        said.append(json.loads(ended.stdout))
        # Pipes have a number each.
        said[-1]["files"] = {number: to.partition(":")[0] for number, to in said[-1]["files"].items()}
    assert said[0] == said[1]
    assert said[0]["files"]["90"] == str(tmp_path / "other")


@pytest.mark.parametrize("end", ["code", "words", "raise", "interrupt", "abort", "say end", "no such end"])
def test_it_ends_as_it_would_end(end):
    warm, cold = (done(python, *SAYING, end) for python in (sys.executable, COLD))
    assert (warm.returncode, warm.stdout, warm.stderr) == (cold.returncode, cold.stdout, cold.stderr)


def test_what_it_spawns_is_warm_too():
    warm, cold = (done(python, *SAYING, "spawn") for python in (sys.executable, COLD))
    assert warm.returncode == cold.returncode == 5
    assert warm.stdout == cold.stdout == f"['it', 'MainProcess', '__mp_main__', '{ROOT}']\n"
    assert (warm.stderr, cold.stderr) == ("warm\n", "cold\n")


def test_it_reads_what_it_is_given():
    assert done(sys.executable, *SAYING, "read", input="é\nand more\n").stderr == "é\nand more\n\n"


def test_it_has_imported_all_but_what_each_program_has_to_by_itself():
    found = loaded(*SAYING, "loaded")
    assert {"dagster", "dagster._daemon", "assets.ethereum.assets", "jobs.exchanges"} <= found
    # They read settings when they are imported, or are programs.
    assert not {"definitions", "schedules.declared", "assets.databridge.assets", "commands.web"} & found


@pytest.mark.parametrize(
    "more",
    [
        {"env": BARE | {"PYTHONWARNINGS": "ignore"}},
        {"env": BARE | {"PYTHONPATH": f"{ROOT}:/"}},
        {"env": BARE | {"PYTHONIOENCODING": "latin-1"}},
        {"env": BARE | {STAYS_COLD: "1"}},
        {"env": BARE | {"PYTHONPATH": str(ROOT)}, "cwd": "/"},
    ],
)
def test_what_asks_for_a_process_of_its_own_has_one(more):
    more["env"] = {"PYTHONPATH": str(ROOT)} | more["env"]
    assert "dagster" not in loaded(*SAYING, "loaded", **more)


def test_any_other_program_is_the_interpreters():
    words = "import sys; print(sys.executable, 'dagster' in sys.modules)"
    for options in ([], ["-I"], ["-W", "ignore"]):
        assert done(sys.executable, *options, "-c", words).stdout == f"{COLD} False\n"
    limited = ["sh", "-c", f"ulimit -v 700000; exec {sys.executable} {' '.join(SAYING)} loaded"]
    assert "dagster" not in loaded(*limited[1:], executable=limited[0])
    assert "usage: " in done(sys.executable, "-m", "venv", "--help").stdout


@pytest.fixture
def family():
    """Started programs, below one another, and their processes: of each asker, then of each program."""
    started = []

    def start(*words, count=3, **more):
        process = subprocess.Popen(
            [sys.executable, *SAYING, *words], cwd=ROOT, env=BARE, stdout=subprocess.PIPE, text=True, **more
        )
        started.append(process)
        programs = [int(process.stdout.readline()) for _ in range(count)]
        assert process.pid not in programs
        return process, programs

    yield start
    for process in started:
        process.kill()
        process.wait(10)


def _gone(programs, seconds=10):
    deadline = time.monotonic() + seconds
    while any(map(psutil.pid_exists, programs)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(psutil.pid_exists, programs))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_signals_reach_it(family, number):
    process, programs = family("wait", count=1, stderr=subprocess.DEVNULL)
    process.send_signal(number)
    assert process.wait(10) == -number
    assert _gone(programs)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_group_ends_with_all_below_it(family, number):
    process, programs = family("start", "deep", start_new_session=True)
    os.killpg(process.pid, number)
    assert process.wait(10) == -number
    assert _gone(programs)


def test_one_alone_ends_alone(family):
    process, (above, below) = family("start", count=2)
    process.kill()
    process.wait(10)
    assert _gone([above])
    assert psutil.pid_exists(below)
    os.kill(below, signal.SIGKILL)


def test_a_project_builds_and_fails_as_by_dbts_own_program(tmp_path):
    for name, text in PROJECT.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    program = str(ROOT / "resources/clients/dbt/command.py")
    said = {}
    for name, one in (("good", "1"), ("bad", "nothing")):
        environment = BARE | {"PLACE": str(tmp_path / f"{name}.duckdb"), "ONE": one, "DBT_LOG_FORMAT": "json"}
        warm, cold = (
            done(python, program, "build", cwd=tmp_path / "project", env=environment)
            for python in (sys.executable, COLD)
        )
        said[name] = warm.stdout
        assert warm.returncode == cold.returncode == (name == "bad"), said[name]
    assert "PASS=1" in said["good"]
    assert "ERROR=1" in said["bad"]


def test_nothing_beside_the_interpreter_is_missing():
    beside = {path.name for path in Path(sys.executable).parent.iterdir()}
    assert {path.name for path in Path(COLD).parent.iterdir() if not path.name.startswith("python")} <= beside
