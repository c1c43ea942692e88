"""A project's parsing, lent to commands that each write into a directory of their own."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.private import make_private

PARSED = "partial_parse.msgpack"


@contextmanager
def lent(kept: Path, target: Path) -> Iterator[None]:
    """A copy of what was parsed last, in the command's directory for its time; kept again if it had to parse anew.

    kept: the file, of one engine; absent at first. Commands at the same time work on copies, and the file is only ever
    replaced as a whole: whoever reads it finds one command's parsing, never two halves.
    """
    target.mkdir(parents=True, exist_ok=True)
    mine = target / PARSED
    if kept.exists():
        shutil.copyfile(kept, mine)
    before = mine.stat().st_mtime_ns if mine.exists() else None
    try:
        yield
    finally:
        if mine.exists() and mine.stat().st_mtime_ns != before:
            _replace(kept, mine)
        mine.unlink(missing_ok=True)


def _replace(kept: Path, new: Path) -> None:
    make_private(kept.parent)
    with tempfile.TemporaryDirectory(prefix="parsed-", dir=kept.parent) as scratch:
        whole = Path(scratch) / PARSED
        shutil.copyfile(new, whole)
        whole.replace(kept)
