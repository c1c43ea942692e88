"""A clock that stands still until somebody sleeps."""

import threading
from datetime import UTC, datetime, timedelta

from core.clock import Clock

START = datetime(2024, 1, 10, 12, tzinfo=UTC)


class ManualClock(Clock):
    def __init__(self, start=START):
        self._start = start
        self.slept: list[float] = []
        self._passed = 0.0
        self._lock = threading.Lock()

    def monotonic(self):
        return self._passed

    def sleep(self, seconds):
        if seconds > 0:
            with self._lock:
                self.slept.append(seconds)
                self._passed += seconds

    def advance(self, delta: timedelta):
        self._passed += delta.total_seconds()

    def now(self):
        return self._start + timedelta(seconds=self._passed)
