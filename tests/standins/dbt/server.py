"""dbt's own program, imported once and forked for each command: of the 5 CPU-seconds of a command with nothing to do,
4 go into Python's imports and into what dbt makes of its own classes when it first uses them.

Started as a program: a listening socket's number, the path of dbt's program, dbt's project. It imports nothing before
its first command, and ends with its standard input.
"""

import atexit
import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import struct
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

IMPORTED = ("dbt.adapters.duckdb", "dbt.adapters.postgres", "dbt.adapters.redshift")
PARSED = "partial_parse.msgpack"


def serve(listening: socket.socket, program: str, project: Path) -> None:
    """Answer until the standard input ends; each command runs in a process of its own, which does not return."""
    is_ready = False
    while sys.stdin not in select.select([listening, sys.stdin], [], [])[0]:
        asking, _ = listening.accept()
        _bury()
        if not is_ready:
            _make_ready(program, project)
            is_ready = True
        if os.fork() == 0:
            listening.close()
            command = _received(asking)
            worker = os.fork()
            if worker:
                _follow(worker, asking)
                os._exit(0)
            asking.close()
            os.chdir(command["directory"])
            os.environ.clear()
            os.environ.update(command["environment"])
            time.tzset()
            _run(program, command["arguments"])
        asking.close()


def _bury() -> None:
    """Take note of commands that have ended."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _make_ready(program: str, project: Path) -> None:
    """Import all adapters, and have dbt read the project once, in a place of its own.

    Its parser in Rust would start threads, which no fork takes along: a command that parses would wait for them for
    ever.
    """
    for name in IMPORTED:
        importlib.import_module(name)
    from dbt.cli.main import dbtRunner

    runpy.run_path(program)["keep_parsing"]()
    with tempfile.TemporaryDirectory(prefix="dbt-") as scratch:
        if (project / "target" / PARSED).exists():
            shutil.copyfile(project / "target" / PARSED, Path(scratch) / PARSED)
        places = ["--project-dir", str(project), "--profiles-dir", str(project)]
        places += ["--target-path", scratch, "--log-path", scratch]
        done = dbtRunner().invoke(["parse", "--quiet", "--no-static-parser", *places])
        if not done.success:
            raise SystemExit(f"dbt cannot read {project}: {done.exception}")
    if threading.active_count() > 1 or len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208
        raise SystemExit("dbt has started threads before it was forked")


def _received(asking: socket.socket) -> dict:
    """The command; its standard streams take the place of the server's."""
    head, streams, _, _ = socket.recv_fds(asking, 4, 3)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    (length,) = struct.unpack("!I", head)
    return json.loads(asking.recv(length, socket.MSG_WAITALL))


def _follow(worker: int, asking: socket.socket) -> None:
    """Hand signals on, end the command when its client is gone, and tell its end."""
    end = os.pidfd_open(worker)
    waited = [end, asking]
    while end not in select.select(waited, [], [])[0]:
        number = asking.recv(1)
        os.kill(worker, number[0] if number else signal.SIGKILL)
        if not number:
            waited = [end]
    code = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
    if asking in waited:
        asking.sendall(struct.pack("!i", code))


def _run(program: str, arguments: list[str]) -> None:
    """The program as Python runs it; what it leaves in memory is given back by the system, not object by object."""
    sys.argv = [program, *arguments]
    sys.path[0] = str(Path(program).parent)
    try:
        runpy.run_path(program, run_name="__main__")
    except SystemExit as ended:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended.code if isinstance(ended.code, int) else int(ended.code is not None))


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2], Path(sys.argv[3]))
