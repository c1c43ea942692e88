"""A day whose newest blocks are held back in memory, so that a reorganisation met while fetching can be undone."""

from collections import deque
from collections.abc import Mapping

from core.spool import BatchOrSpan, DaySpool


class HeldBack:
    """Fills a day block by block. depth: how many of the newest blocks can still be taken back."""

    def __init__(self, day: DaySpool, depth: int):
        self._day, self._depth = day, depth
        self._held: deque[tuple[int, Mapping[str, BatchOrSpan]]] = deque()

    def add(self, block: int, tables: Mapping[str, BatchOrSpan]) -> None:
        """Append the rows of a block, above all added before."""
        self._held.append((block, tables))
        while self._held and self._held[0][0] <= block - self._depth:
            self._day.add(self._held.popleft()[1])

    def take_back(self, from_block: int) -> None:
        """Forget the rows of ``from_block`` and above; they must still be held back."""
        while self._held and self._held[-1][0] >= from_block:
            self._held.pop()

    def release(self) -> None:
        """Pass on what is held: no block is taken back any more."""
        while self._held:
            self._day.add(self._held.popleft()[1])
