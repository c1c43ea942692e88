"""A program that says all it sees of how it was started, and then ends as it is told: by it, warm and cold compare."""

import atexit
import gc
import json
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

SIGNALS = sorted({*signal.Signals} - {signal.SIGKILL, signal.SIGSTOP})


def seen():
    """By name; what Python has imported aside."""
    main = sys.modules["__main__"]
    umask = os.umask(0)
    os.umask(umask)
    streams = [sys.stdin, sys.stdout, sys.stderr]
    return {
        "arguments": sys.argv,
        "words": sys.orig_argv[1:],
        "path": sys.path,
        "directory": os.getcwd(),
        "environment": dict(os.environ),
        "umask": umask,
        "files": {number: os.readlink(f"/proc/self/fd/{number}") for number in descriptors()},
        "streams": [(s.encoding, s.errors, s.line_buffering, s.name, s.mode, type(s.buffer).__name__) for s in streams],
        "signals": [repr(signal.getsignal(number)) for number in SIGNALS],
        "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "main": [main.__file__, main.__package__, main.__spec__.name, sorted(vars(main))],
        "garbage": gc.isenabled(),
        "threads": threading.active_count(),
        "logging": [logging.root.level, len(logging.root.handlers), logging.root.manager.disable],
        "warnings": sys.warnoptions,
        "bytecode": sys.dont_write_bytecode,
        "zone": time.tzname,
        "temporary": tempfile.gettempdir(),
        "depth": sys.getrecursionlimit(),
        "children": [child.name for child in multiprocessing.active_children()],
    }


def descriptors():
    """The open files, but for the one that lists them."""
    return [name for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")]


def say_end():
    """With a thread that is still at work when the program has ended, and what comes after that."""
    atexit.register(print, "last words")
    threading.Thread(target=lambda: (time.sleep(0.3), print("a thread"))).start()


def spawn():
    """A process of its own by multiprocessing, which answers through a pipe."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=answer, args=(theirs, "it"))
    process.start()
    print(ours.recv())
    process.join()
    sys.exit(process.exitcode)


def answer(pipe, word):
    print("warm" if "dagster" in sys.modules else "cold", file=sys.stderr, flush=True)
    pipe.send([word, multiprocessing.parent_process().name, __name__, os.getcwd()])
    sys.exit(5)


def start():
    """Two more, each below the other, which wait; all say their process."""
    print(os.getpid(), flush=True)
    words = [sys.executable, "-m", "tests.standins.warm.saying"]
    below = ["start"] if "deep" in sys.argv else ["wait"]
    sys.exit(subprocess.run([*words, *below], check=False).returncode)


def wait():
    print(os.getpid(), flush=True)
    time.sleep(60)


ENDS = {
    "seen": lambda: print(json.dumps(seen())),
    "loaded": lambda: print(json.dumps(sorted(sys.modules))),
    "read": lambda: print(sys.stdin.read(), file=sys.stderr),
    "code": lambda: sys.exit(3),
    "words": lambda: sys.exit("what was wrong"),
    "raise": lambda: {}["no such key"],
    "interrupt": lambda: signal.raise_signal(signal.SIGINT),
    "abort": os.abort,
    "say end": say_end,
    "spawn": spawn,
    "start": start,
    "wait": wait,
}

if __name__ == "__main__":
    ENDS[sys.argv[1]]()
