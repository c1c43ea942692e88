"""Where the tests' files are: in memory, where there is room.

A day's run makes some thousand, and waits for the disk; no test cuts the power.
"""

import os
import tempfile
from pathlib import Path

from core.scratch import ScratchDirectory

MEMORY = Path("/dev/shm")  # Linux has it; in a container it may be small
ENOUGH = 4 * 2**30  # free bytes; a run that kept the files of every test to its end took 3.5


def in_memory() -> ScratchDirectory | None:
    """From now on, temporary files of this process and of those that it starts; until the directory is cleaned up.

    Set ``TMPDIR`` to have them elsewhere, and to look at what failed tests left there.
    """
    if "TMPDIR" in os.environ or not _holds_programs_and_files(MEMORY):
        return None
    tempfile.tempdir = str(MEMORY)
    directory = ScratchDirectory("t")  # the path of a socket has a hundred characters
    Path(directory.name).chmod(0o711)  # PostgreSQL and nginx run as other users, and have their files in it
    os.environ["TMPDIR"] = tempfile.tempdir = directory.name
    return directory


def _holds_programs_and_files(place: Path) -> bool:
    if not (place.is_dir() and os.access(place, os.W_OK | os.X_OK)):
        return False
    found = os.statvfs(place)
    return not found.f_flag & os.ST_NOEXEC and found.f_bavail * found.f_frsize >= ENOUGH
