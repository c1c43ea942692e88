"""Which blocks a UTC day consists of, and whether it is over and final."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from core.errors import DayIncomplete, HistoryPruned, InvalidAnswer
from core.windows import end_of, start_of
from resources.clients.ethereum.node import EthereumNode

# From a slot to its finality: two epochs, and some time for the block that shows it.
FINALITY_DELAY = timedelta(minutes=20)
# Confirmations that count as final where the node does not know the tag.
CONFIRMATIONS = 64
# How far a chain's clock, or this machine's, may be wrong.
CLOCKS_APART = timedelta(days=1)
# Stands for the time of a block that the node no longer holds: before all others.
NOT_HELD = -1


@dataclass(frozen=True)
class BlockRange:
    """The blocks of a day, both ends included; ``last < first`` when the day has none.

    The block after the range exists, belongs to a later day and is final.
    """

    first: int
    last: int

    def __len__(self) -> int:
        return max(0, self.last - self.first + 1)


def block_range(node: EthereumNode, day: date, confirmations: int) -> BlockRange:
    """The day's blocks, found in a few dozen calls at most.

    The genesis block belongs to the day of block 1, whatever its own timestamp.

    Raises:
        DayIncomplete: when the chain has not reached a final block of a later day.
        HistoryPruned: when the day reaches below the oldest block that any endpoint holds.
        InvalidAnswer: when the newest block's time cannot be true.
    """
    try:
        return _block_range(node, day, confirmations, anywhere=False)
    except (DayIncomplete, HistoryPruned):  # by the word of one endpoint: another may hold more
        if not node.has_several:
            raise
        return _block_range(node, day, confirmations, anywhere=True)


def _block_range(node: EthereumNode, day: date, confirmations: int, *, anywhere: bool) -> BlockRange:
    head = node.head(anywhere=anywhere)
    head_number, head_time = int(head["number"], 16), int(head["timestamp"], 16)
    _check_time(node, head_number, head_time)
    if head_time < end_of(day):
        raise DayIncomplete(_incomplete(node, day, f"its newest block {head_number} is of {_utc(head_time)}"))
    times = _Times(node, {head_number: head_time}, anywhere=anywhere)
    first = first_block_at(start_of(day), head_number, times.of)
    after = first_block_at(end_of(day), head_number, times.of)
    if first > 1 and times.of(first - 1) == NOT_HELD:
        raise HistoryPruned(
            f"Ethereum day {day}: {node.name} holds no block below {first}, which is of {_utc(times.of(first))}; the "
            "day may begin before it. Use a node that holds the whole chain; nothing was written."
        )
    finalized = node.finalized(anywhere=anywhere)
    final = int(finalized["number"], 16) if finalized else head_number - confirmations
    if final < after:
        raise DayIncomplete(_incomplete(node, day, f"block {after}, the first after the day, is not final yet"))
    return BlockRange(0 if first == 1 and after > 1 else first, after - 1)


def first_block_at(moment: int, head: int, time_of: Callable[[int], int]) -> int:
    """The lowest block from 1 on whose time is at or after ``moment``; ``head``'s must be.

    Interpolates between known times, halving instead whenever interpolation gained less than half. Correct
    for repeated times: it looks for a boundary, not for a value.
    """
    low, high = 0, head  # low is before the moment, high at or after it
    interpolate = True
    while high - low > 1:
        middle = (low + high) // 2
        if interpolate and low > 0 and time_of(high) > time_of(low) != NOT_HELD:
            share = (moment - time_of(low)) / (time_of(high) - time_of(low))
            guess = low + int(share * (high - low))
        else:
            guess = 1 if low == 0 and interpolate else middle
        guess = min(max(guess, low + 1), high - 1)
        before = high - low
        if time_of(guess) >= moment:
            high = guess
        else:
            low = guess
        interpolate = not interpolate or (high - low) * 2 <= before or guess == 1
    return high


class _Times:
    """Times of blocks, asked once each. What a node has pruned lies below everything that it holds.

    anywhere: whether every endpoint is asked before a block counts as not held.
    """

    def __init__(self, node: EthereumNode, known: dict[int, int], *, anywhere: bool):
        self._node, self._known, self._anywhere, self._pruned_to = node, known, anywhere, 0

    def of(self, number: int) -> int:
        """The block's Unix time in seconds, or ``NOT_HELD``."""
        if number <= self._pruned_to:
            return NOT_HELD
        if number not in self._known:
            header = self._node.holds(number, anywhere=self._anywhere)
            if header is None:
                self._pruned_to = number
                return NOT_HELD
            self._known[number] = int(header["timestamp"], 16)
        return self._known[number]


def _check_time(node: EthereumNode, number: int, timestamp: int) -> None:
    """Refuse a head whose time cannot be true: it would end days that are not over, and none of its blocks is found."""
    latest = int(node.now().timestamp()) + int(CLOCKS_APART.total_seconds())
    if not 0 < timestamp <= latest:
        raise InvalidAnswer(
            f"Ethereum node {node.name}: its newest block {number} has timestamp {timestamp}, which is no time before "
            f"{_utc(latest)}. Timestamps are Unix time in seconds; a chain that counts in other units, or whose clock "
            "is wrong, cannot be exported by days. Nothing was written."
        )


def _incomplete(node: EthereumNode, day: date, why: str) -> str:
    expected = datetime.fromtimestamp(end_of(day), tz=UTC) + FINALITY_DELAY
    return (
        f"Ethereum day {day} is not complete on {node.name}: {why}. Expect it after "
        f"{expected:%Y-%m-%d %H:%M} UTC, or when the node has caught up; nothing was written."
    )


def _utc(timestamp: int) -> str:
    return f"{datetime.fromtimestamp(timestamp, tz=UTC):%Y-%m-%d %H:%M:%S} UTC"
