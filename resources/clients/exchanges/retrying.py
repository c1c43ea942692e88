"""Asking again: which failures may pass, how long to wait, and when to give up."""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from core.clock import Clock
from core.errors import SourceUnavailable

ATTEMPTS = 5
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
# Seconds that all attempts of one page may take; an exchange that asks for a longer wait is left to the run's retry.
LONGEST_TOTAL = 600.0
BANNED = 418
T = TypeVar("T")
log = logging.getLogger("headwater.exchanges")


class MayPass(Exception):
    """An attempt failed in a way that the next one may not. retry_after: seconds the exchange asked for."""

    def __init__(self, reason: str, status: int | None = None, retry_after: float | None = None):
        super().__init__(reason)
        self.status, self.retry_after = status, retry_after


@dataclass
class Patience:
    """Calls something until it works. ``banned``: the exchange has locked this address out; ask for nothing more."""

    clock: Clock
    chance: Callable[[], float] = field(default=random.random, repr=False)
    banned: bool = False
    retries: int = 0

    def call(self, what: str, ask: Callable[[], T]) -> T:
        """What ``ask`` returns. what: the subject, for messages.

        Raises:
            SourceUnavailable: when it has failed too often, or the exchange asks to wait too long.
        """
        began, reasons = self.clock.monotonic(), list[str]()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return ask()
            except MayPass as failure:
                reasons.append(str(failure))
                wait = self._wait(attempt, failure)
                late = self.clock.monotonic() - began + wait > LONGEST_TOTAL
                if attempt == ATTEMPTS or late:
                    self.banned = self.banned or failure.status == BANNED
                    break
                log.warning("%s: %s; attempt %d of %d, next in %.0f s", what, failure, attempt, ATTEMPTS, wait)
                self.retries += 1
                self.clock.sleep(wait)
        raise SourceUnavailable(
            f"{what}: no usable answer after {len(reasons)} attempts ({'; '.join(dict.fromkeys(reasons))}). Check that "
            "the exchange is up and reachable, then run again."
        )

    def _wait(self, attempt: int, failure: MayPass) -> float:
        if failure.retry_after is not None:
            return failure.retry_after
        longest: float = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1))
        return longest / 2 + self.chance() * longest / 2
