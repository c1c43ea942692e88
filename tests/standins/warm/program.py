"""A process that was forked becomes the program that was asked for, as the interpreter would have started it."""

import atexit
import builtins
import fcntl
import gc
import importlib
import io
import json
import os
import runpy
import signal
import socket
import struct
import sys
import threading
import time
from importlib.machinery import SourceFileLoader
from multiprocessing import resource_tracker
from pathlib import Path
from types import ModuleType
from typing import NoReturn

MOST_DESCRIPTORS = 253  # that a message may take along


def received(asking: socket.socket) -> tuple[dict, list[int]]:
    """What is asked for, and the files that the program inherits; nothing from one that is gone before it asked."""
    head, descriptors, _, _ = socket.recv_fds(asking, 4, MOST_DESCRIPTORS)
    if not head:
        return {}, descriptors
    (length,) = struct.unpack("!I", head)
    return json.loads(asking.recv(length, socket.MSG_WAITALL) or "{}"), descriptors


def become(told: dict, descriptors: list[int]) -> NoReturn:
    """Run the program, and end as it ends."""
    os.setsid()
    _inherit(told, descriptors)
    gc.enable()
    code = 0
    try:
        _run(told["entry"], told["name"], told["arguments"])
    except SystemExit as ended:
        code = _code(ended.code)
    except BaseException as error:  # noqa: BLE001 - as the interpreter does
        trace = error.__traceback__
        while trace and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        code = -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    # What it leaves in memory is given back by the system, not object by object.
    os._exit(code)


def _inherit(told: dict, descriptors: list[int]) -> None:
    """What a process has from the one that started it, and what it has made of its own by then."""
    _place(descriptors, told["descriptors"])
    for number in {*signal.Signals} - {signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE, signal.SIGXFSZ}:
        signal.signal(number, signal.SIG_IGN if number in told["ignored"] else signal.SIG_DFL)
    if signal.SIGINT not in told["ignored"]:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(told["environment"])
    os.chdir(told["directory"])
    os.umask(told["umask"])
    time.tzset()
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    _open_streams(told["errors"], bool(os.environ.get("PYTHONUNBUFFERED")))
    # Made before, by what had been imported; random has seen to itself.
    sys.modules["tempfile"].tempdir = None  # type: ignore[attr-defined]
    resource_tracker._resource_tracker._fd = resource_tracker._resource_tracker._pid = None
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    importlib.invalidate_caches()


def _place(descriptors: list[int], numbers: list[int]) -> None:
    """The files under the numbers that they have where the program was asked for, and no others."""
    free = max([*descriptors, *numbers, 2]) + 1
    waiting = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, free) for descriptor in descriptors]
    os.closerange(0, free)
    for descriptor, number in zip(waiting, numbers, strict=True):
        os.dup2(descriptor, number)
    os.closerange(free, max([*waiting, free]) + 1)


def _open_streams(errors: str, unbuffered: bool) -> None:
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        text = None
        if os.path.exists(f"/proc/self/fd/{number}"):
            raw = io.FileIO(number, "w" if number else "r", closefd=False)
            raw.name = f"<{name}>"
            is_raw = bool(number) and unbuffered
            buffer = raw if is_raw else io.BufferedWriter(raw) if number else io.BufferedReader(raw)
            text = io.TextIOWrapper(
                buffer,
                "utf-8",
                "backslashreplace" if name == "stderr" else errors,
                newline="\n",
                line_buffering=not is_raw and (name == "stderr" or raw.isatty()),
                write_through=is_raw,
            )
            text.mode = "w" if number else "r"
        setattr(sys, name, text)
        setattr(sys, f"__{name}__", text)


def _run(entry: list[str], name: str | None, arguments: list[str]) -> None:
    """entry: as on Python's command line. name: what a script is called by, if not by its path."""
    sys.orig_argv = [sys.executable, *entry, *arguments]
    main = sys.modules["__main__"] = ModuleType("__main__")
    main.__builtins__, main.__annotations__ = builtins, {}
    more = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
    if entry[0] == "-m":
        sys.argv = ["-m", *arguments]
        sys.path[:1] = [os.getcwd(), *more]
        runpy._run_module_as_main(entry[1])
    elif entry[0] == "-c":
        sys.argv = ["-c", *arguments]
        sys.path[:1] = ["", *more]
        exec(compile(entry[1], "<string>", "exec"), main.__dict__)
    else:
        sys.argv = [name or entry[0], *arguments]
        sys.path[:1] = [str(Path(entry[0]).resolve().parent), *more]
        main.__file__, main.__cached__, main.__loader__ = entry[0], None, SourceFileLoader("__main__", entry[0])
        exec(compile(Path(entry[0]).read_bytes(), entry[0], "exec"), main.__dict__)


def _code(said: object) -> int:
    """The exit code of what was said at the end, as the interpreter understands it."""
    if said is None or isinstance(said, int):
        return (said or 0) & 0xFF
    print(said, file=sys.stderr)
    return 1
