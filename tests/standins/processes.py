"""Programs of a deployment as processes of a test: started together, waited for, ended by their group."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any


class Processes:
    """logs: a directory; each program's output is the file of its name there."""

    def __init__(self, logs: Path, cwd: Path):
        self.logs, self._cwd = logs, cwd
        self._running: dict[str, subprocess.Popen] = {}

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen:
        with (self.logs / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                command, cwd=self._cwd, env=dict(environment), stdout=log, stderr=log, start_new_session=True
            )
        return self._running[name]

    def pid(self, name: str) -> int:
        return self._running[name].pid

    def log(self, name: str) -> str:
        return (self.logs / f"{name}.log").read_text(errors="replace")

    def wait(self, ready: Callable[[], Any], seconds: float) -> Any:
        """Poll other processes, whose time is not ours to set."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for name, process in self._running.items():
                assert process.poll() is None, f"{name} ended: {self.log(name)[-3000:]}"
            with suppress(OSError):
                if found := ready():
                    return found
            time.sleep(0.3)
        raise AssertionError({name: self.log(name)[-1500:] for name in self._running})

    def stop(self) -> None:
        for signal_, patience in ((signal.SIGTERM, 20), (signal.SIGKILL, 5)):
            for process in reversed(self._running.values()):
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal_)
            for process in self._running.values():
                with suppress(subprocess.TimeoutExpired):
                    process.wait(patience)
