"""How far a long step is: a line every few seconds, and its pace at the end."""

from collections.abc import Callable

EVERY_SECONDS = 5.0


class Progress:
    """Counts units of work against a total.

    say: takes a line for the run's log. monotonic: seconds, from an injected clock.
    """

    def __init__(self, unit: str, say: Callable[[str], None], monotonic: Callable[[], float]):
        self._unit, self._say, self._monotonic = unit, say, monotonic
        self._started = self._said = monotonic()
        self.done = self.total = 0

    @property
    def seconds(self) -> float:
        return self._monotonic() - self._started

    @property
    def per_second(self) -> float:
        return self.done / self.seconds if self.seconds > 0 else 0.0

    def expect(self, count: int) -> None:
        """Add to the total."""
        self.total += count

    def advance(self, count: int = 1) -> None:
        """Add to what is done, saying so when it is time to; negative when work was undone."""
        self.done += count
        now = self._monotonic()
        if now - self._said >= EVERY_SECONDS:
            self._said = now
            left = (self.total - self.done) / self.per_second if self.per_second else 0.0
            share = self.done / self.total if self.total else 0.0
            self._say(
                f"{self.done:,} of {self.total:,} {self._unit} ({share:.0%}), "
                f"{self.per_second:,.0f} {self._unit}/s, about {left:,.0f} s left"
            )
