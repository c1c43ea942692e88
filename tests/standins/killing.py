"""Processes that are killed while they work."""

import signal
import time
from multiprocessing.process import BaseProcess


def ended(process: BaseProcess, kill_after: float | None) -> tuple[float, bool]:
    """Seconds from now until a process that was started has ended, and whether it was killed before its own end.

    kill_after: seconds; None to let it end.
    """
    started = time.monotonic()
    process.join(kill_after)
    if process.is_alive():
        process.kill()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return time.monotonic() - started, process.exitcode != 0
