"""dbt's command for the tests of this process: its own program, in a process that has imported it before."""

import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent


class WarmDbt:
    """The words that start dbt, as ``resources.dbt.COMMAND`` is; the first that asks for them starts the server.

    program: dbt's program. project: what the server reads before its first command.
    """

    def __init__(self, program: Path, project: Path):
        self._program, self._project = program, project
        self._server: subprocess.Popen | None = None
        self._place: tempfile.TemporaryDirectory | None = None

    def __iter__(self) -> Iterator[str]:
        if self._server is None:
            self._place = tempfile.TemporaryDirectory(prefix="headwater-dbt-")
            with socket.socket(socket.AF_UNIX) as listening:
                listening.bind(self._address)
                listening.listen(64)
                program = [str(HERE / "server.py"), str(listening.fileno()), str(self._program), str(self._project)]
                self._server = subprocess.Popen(
                    [sys.executable, "-u", *program], stdin=subprocess.PIPE, pass_fds=[listening.fileno()]
                )
        # Without the packages' directories, whose finding takes longer than the client's work.
        return iter((sys.executable, "-IS", str(HERE / "client.py"), self._address))

    @property
    def _address(self) -> str:
        assert self._place
        return str(Path(self._place.name) / "socket")

    def stop(self) -> None:
        if self._server and self._server.stdin and self._place:
            self._server.stdin.close()
            self._server.wait(60)
            self._place.cleanup()
            self._server = None
