"""What a command costs, by the operating system's own account of the finished process."""

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Self

# Modules are found from the working directory, not from where a command happens to run.
ROOT = Path(__file__).resolve().parent.parent

Command = Sequence[str | Path]


class CommandFailed(Exception):
    """A measured command did not succeed."""


@dataclass(frozen=True)
class Cost:
    """What commands took. ``cpu``: seconds of the process and all it waited for; ``peak``: MB of the biggest process.

    The peak is never below that of the process that starts the command, which therefore loads no more than it must.
    """

    cpu: float
    wall: float
    peak: float
    output: str = ""

    def then(self, other: Self) -> "Cost":
        """Both, one after the other."""
        return Cost(self.cpu + other.cpu, self.wall + other.wall, max(self.peak, other.peak), other.output)


def measured(command: Command, cwd: Path = ROOT, environ: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end.

    Raises:
        CommandFailed: quoting the end of what it said.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=cwd, env=environ, stdout=out, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)  # it is reaped: Popen need not wait for it
        out.seek(0)
        errors.seek(0)
        if process.returncode:
            words = " ".join([Path(command[0]).name, *map(str, command[1:3])]).strip()
            said = " ".join(errors.read()[-1000:].split())
            raise CommandFailed(f"{words} ... ended with {process.returncode}: {said}")
        return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, out.read())


def typical(costs: Sequence[Cost]) -> Cost:
    """The median of repetitions, figure by figure; of the peaks the highest."""
    cpu, wall = median(cost.cpu for cost in costs), median(cost.wall for cost in costs)
    return Cost(cpu, wall, max(cost.peak for cost in costs), costs[-1].output)
