"""``python``, and programs written in it, as the tests start them: those known to be slow to import go to a process
that has imported them (``server.py``); for any other, this one becomes the interpreter itself.

What goes there takes along all that a process inherits. Its signals, and its end however it comes, are the program's,
and the program's end is its own.
"""

import json
import os
import resource
import select
import signal
import socket
import struct
import sys
from contextlib import suppress

SAYING = "tests.standins.warm.saying"
MODULES = {
    *("dagster", "dagster._daemon", "dagster_webserver"),
    *("commands", "commands.web", "commands.databridge"),
    *("benchmarks.backfill", "benchmarks.increment", "benchmarks.ours", "pytest"),
    SAYING,
}
SCRIPTS = {"dagster", "dagster-daemon", "dagster-webserver", "dg"}
DBT = "resources/clients/dbt/command.py"
SPAWNED = "from multiprocessing.spawn import spawn_main; spawn_main("
# Set where a process must not wait for a warm one.
COLD = "HEADWATER_TESTS_COLD"
# More of the environment that says how Python starts, and such limits, only a process of its own heeds.
HEEDED = {"PYTHONUNBUFFERED", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}
LIMITS = (resource.RLIMIT_AS, resource.RLIMIT_DATA, resource.RLIMIT_FSIZE, resource.RLIMIT_CPU)
HANDED_ON = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


def main(place: str, real: str, root: str) -> None:
    """place: where the sockets are. real: the interpreter. root: the project, whose modules have been imported."""
    name, arguments = os.path.basename(sys.argv[0]), sys.argv[1:]
    beside = os.path.dirname(real)
    script = [] if name == "python" else [f"{beside}/{name}"]
    words = [*script, *arguments]
    server, entry = _found(words, root, beside) if _is_plain(root) else (None, 0)
    if server is None:
        os.execv(real, [real, *words])
    told = {"entry": words[:entry], "arguments": words[entry:], "name": sys.argv[0] if script else None}
    code = _followed(f"{place}/{server}", told)
    if code < 0:
        with suppress(OSError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _is_plain(root: str) -> bool:
    """Whether nothing here asks for more than a process that was forked gives."""
    environ = os.environ
    heeded = all(not name.startswith("PYTHON") or name in HEEDED for name in environ)
    unlimited = all(resource.getrlimit(limit)[0] == resource.RLIM_INFINITY for limit in LIMITS)
    at_home = environ.get("PYTHONPATH", root) == root and COLD not in environ
    return heeded and unlimited and at_home and sys.stdout is not None and sys.stdout.encoding == "utf-8"


def _found(words: list[str], root: str, beside: str) -> tuple[str | None, int]:
    """Which server runs it, and how many words name the program."""
    first, second = [*words, "", ""][:2]
    if first == f"{root}/{DBT}":
        return "dbt.socket", 1
    if os.getcwd() != root:
        return None, 0
    if (first == "-m" and second in MODULES) or (first == "-c" and second.startswith(SPAWNED)):
        return "dagster.socket", 2
    if os.path.dirname(first) == beside and os.path.basename(first) in SCRIPTS:
        return "dagster.socket", 1
    return None, 0


def _followed(address: str, told: dict) -> int:
    """The program's exit code; of one that a signal ended, the signal's number, negative."""
    descriptors = _inherited()
    umask = os.umask(0)
    os.umask(umask)
    ignored = [number for number in HANDED_ON if signal.getsignal(number) is signal.SIG_IGN]
    told |= {"environment": dict(os.environ), "directory": os.getcwd(), "umask": umask}
    told |= {"descriptors": descriptors, "ignored": ignored, "errors": sys.stdout.errors}
    told |= {"group": os.getpgrp(), "leads": os.getpgrp() == os.getpid()}
    asked = json.dumps(told).encode()
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        socket.send_fds(server, [struct.pack("!I", len(asked))], descriptors)
        server.sendall(asked)
        # Python's own handler may have to wait for what is under way; the interpreter writes numbers at once.
        server.setblocking(False)
        signal.set_wakeup_fd(server.fileno())
        for number in {*HANDED_ON} - {*ignored}:
            signal.signal(number, lambda *_: None)
        select.select([server], [], [])
        ended = server.recv(4)
    if not ended:
        with open(f"{address}.log") as log:
            sys.stderr.write(f"The warm process has ended. It said: {log.read()[-3000:]}\n")
    return struct.unpack("!i", ended)[0] if ended else 1


def _inherited() -> list[int]:
    """The open files that this process was started with."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # the listing's own
            os.fstat(int(name))
            found.append(int(name))
    return found
