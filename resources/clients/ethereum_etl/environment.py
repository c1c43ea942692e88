"""ethereum-etl's own environment, made when it is first needed.

Its pins exclude Dagster's, so it never shares our environment: ``requirements-ethereum-etl.lock`` is installed, every
file checked against its hash, into a virtual environment beside the other embedded defaults. The lock's own hash is
in the directory's name: another lock makes another environment, the same lock never two.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from core.errors import PermanentError, TransientError
from core.private import make_private

LOCK = Path(__file__).resolve().parents[3] / "requirements-ethereum-etl.lock"
COMMAND = "ethereumetl"
# Written last, holding the directory it is for: a virtual environment does not survive being moved.
COMPLETE = ".complete"
# Another process is making it: half a minute usually, more where the package index is slow.
WAIT_SECONDS = 900


def etl_command(home: Path, say: Callable[[str], None] = lambda line: None, lock: Path = LOCK) -> Path:
    """The ``ethereumetl`` command of an environment under ``home``, made now if it is not there or not whole.

    say: takes a line before the minute that making it takes.

    Raises:
        PermanentError: when it cannot be made, in pip's words.
        TransientError: when another process does not finish making it.
    """
    directory = home.absolute() / f"ethereum-etl-{hashlib.sha256(_read(lock)).hexdigest()[:12]}"
    if not _complete(directory):
        make_private(directory.parent)
        try:
            with FileLock(f"{directory}.lock", timeout=WAIT_SECONDS):
                if not _complete(directory):
                    say(f"Making ethereum-etl's own environment in {directory} (a minute, once)")
                    _make(directory, lock)
        except Timeout as error:
            raise TransientError(
                f"ethereum-etl: another process has been making {directory} for {WAIT_SECONDS} s. Run again later."
            ) from error
    return directory / "bin" / COMMAND


def _read(lock: Path) -> bytes:
    try:
        return lock.read_bytes()
    except OSError as error:
        raise PermanentError(
            f"ethereum-etl: cannot read {lock} ({error.strerror}), which says what its environment consists of. "
            "Restore it from the repository."
        ) from error


def _complete(directory: Path) -> bool:
    """Whether it was made to the end, here, and its Python is still on this machine."""
    marker = directory / COMPLETE
    if not marker.is_file() or not (directory / "bin" / "python").exists():
        return False
    return marker.read_text(encoding="utf-8") == str(directory) and (directory / "bin" / COMMAND).exists()


def _make(directory: Path, lock: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    _run(directory, [sys.executable, "-m", "venv", str(directory)])
    # The lock lists every package; without --no-deps pip refuses the pins that replace ethereum-etl's own.
    # Without PEP 517 an older pip installs a command that refuses to start beside those pins.
    install = [str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run(directory, [*install, "--no-input", "--no-deps", "--use-pep517", "--require-hashes", "-r", str(lock)])
    if not (directory / "bin" / COMMAND).exists():
        raise PermanentError(f"ethereum-etl: {lock} brings no command {COMMAND}. Make it anew with `make lock`.")
    (directory / COMPLETE).write_text(str(directory), encoding="utf-8")


def _run(directory: Path, command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words only
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()
        raise PermanentError(
            f"ethereum-etl: cannot make its environment in {directory}: {' '.join(said[-3:])} "
            "Check that pip reaches a package index and that the disk has 300 MB free, then run again."
        )
