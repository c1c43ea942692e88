"""Python for what this session's tests start: one that has imported before what such programs import."""

import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.standins.warm.client import SCRIPTS

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
KINDS = ("dagster", "dbt")
# The interpreter itself: for a test that is about a real process, whatever that imports.
COLD = sys.executable
# The rest of it lies in one file beside this one, which Python keeps compiled.
CLIENT = """#!{cold} -IS
import sys
sys.path.insert(0, {here!r})
from client import main
main({place!r}, {cold!r}, {root!r})
"""


class WarmPython:
    """A directory with ``python`` and what lies beside it, and the servers behind them, idle until they are asked."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="headwater-python-")
        self.place = Path(self._directory.name)
        self._fill()
        self._servers = [self._started(kind) for kind in KINDS]

    def _fill(self) -> None:
        """Programs to be had warm, and links to the others; no other name of the interpreter, which is not found."""
        for real in Path(COLD).parent.iterdir():
            name = self.place / real.name
            if real.name in {*SCRIPTS, "python"}:
                name.write_text(CLIENT.format(cold=COLD, here=str(HERE), place=str(self.place), root=str(ROOT)))
                name.chmod(0o755)
            elif not real.name.startswith("python"):
                name.symlink_to(real)

    def _started(self, kind: str) -> subprocess.Popen:
        address = str(self.place / f"{kind}.socket")
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL") if name in os.environ}
        with socket.socket(socket.AF_UNIX) as listening, open(f"{address}.log", "w") as log:
            listening.bind(address)
            listening.listen(64)
            words = [str(HERE / "server.py"), str(listening.fileno()), kind, str(ROOT), str(self.place / "python")]
            return subprocess.Popen(
                [COLD, *words],
                cwd=ROOT,
                env=kept | {"OPENBLAS_NUM_THREADS": "1"},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=[listening.fileno()],
                start_new_session=True,
            )

    def stop(self) -> None:
        for server in self._servers:
            assert server.stdin
            server.stdin.close()
            server.wait(60)
        self._directory.cleanup()


def use(place: Path) -> None:
    """What this process starts as ``sys.executable``, or as a program beside it, is found in that directory."""
    sys.executable = str(place / "python")
    multiprocessing.set_executable(sys.executable)
