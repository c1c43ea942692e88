"""The web server behind its guard, and the daemon, on this machine alone: what ``make dev`` starts.

``dagster dev`` starts a web server of its own, without the guard.
"""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from core.errors import SettingError

LOOPBACK = "127.0.0.1"
WORKSPACE = ["-w", "workspace.yaml"]
# How long a program may take to end by itself.
PATIENCE_SECONDS = 20


def commands(port: int) -> list[list[str]]:
    """The two programs, as this interpreter runs them; the web server listens on the loopback."""
    daemon = str(Path(sys.executable).with_name("dagster-daemon"))
    web = [sys.executable, "-m", "commands.web", "-h", LOOPBACK, "-p", str(port), *WORKSPACE]
    return [web, [daemon, "run", *WORKSPACE]]


def ensure_free(port: int) -> None:
    """Look before anything starts: the web server would find out after a minute, with a second daemon at work by then.

    Raises:
        SettingError: when nothing can listen there.
    """
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the web server does
        try:
            trial.bind((LOOPBACK, port))
        except OSError as error:
            raise SettingError(
                f"Port {port} of {LOOPBACK} cannot be had: {error.strerror}. End what listens there, perhaps another "
                "`make dev`, or name another port with --port (make: PORT=)."
            ) from error


def together(programs: Sequence[Sequence[str]]) -> int:
    """Run programs until one of them ends or this process is told to; none outlives it.

    Returns:
        The exit code of the program that ended first; 0 when told to end, as by Ctrl-C.
    """
    previous = signal.signal(signal.SIGTERM, _end)
    running: list[subprocess.Popen[bytes]] = []
    try:
        for program in programs:
            running.append(subprocess.Popen(program))  # noqa: S603 - our own two programs
        while True:
            for process in running:
                if (code := process.poll()) is not None:
                    return code
            time.sleep(0.2)
    except KeyboardInterrupt:
        return 0
    finally:
        for process in running:
            process.terminate()
        for process in running:
            _await(process)
        signal.signal(signal.SIGTERM, previous)


def _end(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _await(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
