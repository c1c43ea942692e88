"""A file system of some kilobytes in memory, which only root may mount; tests without that right are skipped."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class SmallDisk:
    """A mounted file system. ``path``: where."""

    def __init__(self, path: Path):
        self.path = path

    def resize(self, kilobytes: int) -> None:
        """Give it another size, not below what it holds."""
        subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", str(self.path)], check=True)

    @property
    def used(self) -> int:
        """Kilobytes that are taken."""
        return int(subprocess.run(["du", "-sk", str(self.path)], check=True, capture_output=True).stdout.split()[0])


@contextmanager
def small_disk(path: Path, kilobytes: int) -> Iterator[SmallDisk]:
    """A file system of this size under a new directory."""
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(path)]
    if (done := subprocess.run(command, check=False, capture_output=True, text=True)).returncode:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)
