"""The two programs of ``make dev``: on the loopback, and ended together."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from commands import dev
from commands.__main__ import main

ROOT = Path(__file__).parents[2]
WAITS = [sys.executable, "-c", "import time; time.sleep(600)"]


def test_the_web_server_is_the_guarded_one_on_the_loopback():
    web, daemon = dev.commands(3000)
    assert web[1:7] == ["-m", "commands.web", "-h", "127.0.0.1", "-p", "3000"]
    assert Path(daemon[0]).name == "dagster-daemon"


def test_a_port_that_is_taken_is_said_before_anything_starts(monkeypatch):
    """A second daemon would start schedules and sensors beside the first one's until the web server is up."""
    monkeypatch.setattr(dev, "together", lambda programs: pytest.fail("programs were started"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = CliRunner().invoke(main, ["dev", "--port", str(port)])
    assert done.exit_code == 1
    assert f"Port {port} of 127.0.0.1 cannot be had: Address already in use." in done.output
    assert "--port (make: PORT=)" in done.output
    monkeypatch.setattr(dev, "together", lambda programs: 0)
    assert CliRunner().invoke(main, ["dev", "--port", str(port)]).exit_code == 0


@pytest.mark.parametrize("code", [0, 3])
def test_one_that_ends_takes_the_other_with_it(code):
    others = set(psutil.Process().children())  # servers that the session's tests share
    assert dev.together([WAITS, [sys.executable, "-c", f"raise SystemExit({code})"]]) == code
    assert not set(psutil.Process().children()) - others


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_to_end_it_ends_both(number):
    # In one piece: two speak at once, and with PYTHONUNBUFFERED print writes the end of a line by itself.
    says = [sys.executable, "-c", "import os, time; print(f'{os.getpid()}\\n', end='', flush=True); time.sleep(600)"]
    program = f"from commands.dev import together; raise SystemExit(together([{says!r}, {says!r}]))"
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        started = [int(process.stdout.readline()) for _ in range(2)]
        os.kill(process.pid, number)
        assert process.wait(60) == 0
    assert not [pid for pid in started if psutil.pid_exists(pid)]
