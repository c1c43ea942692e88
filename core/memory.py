"""The memory of a process that reads and writes much: when it goes back to the system."""

import ctypes

import pyarrow as pa

# Parameters of glibc's mallopt; 32 MB is the most that it takes for the first.
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
_LARGEST_MMAP_THRESHOLD, _KEPT_BYTES = 32 << 20, 128 << 20


def keep_freed_memory() -> None:
    """Let the allocators serve the next batch from what the last one freed.

    By default glibc returns large blocks at once, and the system clears every page of them anew: a tenth of the
    export's CPU time. Where the C library is another one, nothing happens.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)


def give_back() -> None:
    """Return freed memory to the system: what a day needed is not kept for the steps after it."""
    for pool in (pa.default_memory_pool(), pa.system_memory_pool()):
        pool.release_unused()
