"""The sample chain's script: which block comes when, and what happens in it.

    2024-01-01  6 blocks from noon (block 1), the last two both at 23:59:59
    2024-01-02  the first two blocks both at 00:00:00
    2024-01-03  the last two blocks both at 23:59:59, three at one second of the afternoon
    2024-01-04  first block at 00:00:00, last at 23:59:59
    2024-01-05  no block
    2024-01-06  75 blocks: enough that the empty day before them is `finalized`

The script is pure: the same steps every time, whatever runs them.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from sandbox.ethereum.author import NOBODY, Author, Step
from sandbox.ethereum.story import Story

DAY = 86_400
Scenes = Mapping[int, tuple[Callable[[], None], ...]]


def steps() -> Iterator[Step]:
    """Yield every block after genesis, in order."""
    author = Author()
    story = Story(author)
    for day, times, scenes in (
        (1, [43_200, 50_000, 61_003, 73_777, DAY - 1, DAY - 1], _first_day(story)),
        (2, [0, 0, *_spread(author, 33, 30, DAY - 20)], _second_day(story)),
        (3, _third_day_times(author), _third_day(story)),
        (4, [0, *_spread(author, 35, 60, DAY - 60), DAY - 1], _fourth_day(story)),
    ):
        midnight = int(datetime(2024, 1, day, tzinfo=UTC).timestamp())
        for index, second in enumerate(times):
            for scene in scenes.get(index, ()):
                scene()
            if index not in scenes:
                _everyday(author, story)
            yield author.close(midnight + second)
    yield from _last_day(author, story)


def _spread(author: Author, count: int, first: int, last: int) -> list[int]:
    """Return `count` irregular, ascending seconds of a day within [first, last)."""
    width = (last - first) // count
    return [first + index * width + author.roll(width) for index in range(count)]


def _third_day_times(author: Author) -> list[int]:
    times = [5, *_spread(author, 34, 60, DAY - 60)]
    times[20] = times[21] = times[19]
    return [*times, DAY - 1, DAY - 1]


def _everyday(author: Author, story: Story) -> None:
    """Nothing in a quarter of the blocks, else one to six transactions, and once in a while ten."""
    busy = author.roll(16)
    for _ in range((0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6, 6, 10)[busy]):
        story.traffic()


def _first_day(story: Story) -> Scenes:
    """Ether only."""
    return {
        0: (story.newcomer, story.pay),
        1: (story.pay, story.pay, story.pay_the_old_way),
        3: (story.newcomer,),
        5: (story.pay,),
    }


def _second_day(story: Story) -> Scenes:
    """The first contracts."""

    def coins() -> None:
        story.open_coin("Coin", "Sample Dollar", "SMPL", 6, 10**15, unit=10**6)

    def old_coin() -> None:
        text = b"Old Coin".ljust(32, b"\0"), b"OLD".ljust(32, b"\0")
        story.open_coin("OldCoin", *text, 10**24, unit=10**18)

    def hidden_coin() -> None:
        story.open_coin("HiddenCoin", 10**27, unit=10**18)

    return {
        0: (story.newcomer,),
        1: (story.pay, story.newcomer),
        2: (coins, story.newcomer),
        3: (story.open_workshop,),
        4: (old_coin,),
        6: (lambda: story.open_collectible("Sample Portraits", "FACE", 24), story.open_bundle),
        8: (hidden_coin,),
        9: (story.send_coin, story.pay),
        11: (story.tour, story.tour, story.send_item, story.overspend),
        13: (story.fail, story.panic, story.send_coin, story.newcomer),
        15: (lambda: story.children(101),),
        16: (story.note,),
        18: (lambda: story.delegate(0), story.spend_allowance),
        19: (lambda: story.tour_as_account(0), story.newcomer),
        21: (story.odd_log, story.burn),
        23: (story.stillborn, story.send_batch, story.send_single),
        25: (story.run_out_of_gas, story.send_coin, story.pay_the_old_way),
        34: (story.send_coin, story.newcomer),
    }


def _third_day(story: Story) -> Scenes:
    """Coins with difficult names and numbers."""

    def loud_coin() -> None:
        story.open_coin("LoudCoin", 10**18, unit=10**9)

    return {
        0: (story.newcomer, story.send_coin),
        2: (loud_coin, story.newcomer),
        4: (story.move_huge, story.send_coin),
        5: (lambda: story.open_collectible("Sample Maps — Übersicht", "MAP", 12),),
        7: (lambda: story.children(202), story.open_mortal),
        9: (story.end_mortal, story.send_item),
        10: (story.newcomer, story.pay),
        12: (story.tour, story.fail, story.overdraw_coin),
        14: (lambda: story.delegate(1), lambda: story.delegate(0, story.callee)),
        16: (story.odd_log, story.newcomer),
        19: (story.send_coin,),
        20: (story.pay, story.send_coin),
        21: (story.send_batch, story.send_single),
        24: (story.stillborn, story.run_out_of_gas, story.burn),
        27: (story.mayfly, story.newcomer),
        30: (story.note, story.pay),
        35: (story.send_coin, story.newcomer),
        36: (story.send_item, story.pay),
    }


def _fourth_day(story: Story) -> Scenes:
    """The oddest token, and everything once more."""

    def odd_coin() -> None:
        symbol = b"\xff\xfe\x80A\xc3(".ljust(32, b"\0")
        story.open_coin("OddCoin", 'New\nline\0Coin, "quoted"', symbol, 10**12, unit=1_000)

    return {
        0: (story.newcomer, story.send_coin),
        3: (odd_coin,),
        5: (story.open_bundle, story.newcomer),
        6: (story.send_single, story.send_batch, story.send_batch),
        8: (story.open_empty, story.stillborn),
        10: (lambda: story.children(303), story.mayfly),
        12: (story.newcomer, story.send_item),
        14: (story.tour, story.overspend, story.fail, story.panic),
        16: (lambda: story.delegate(0, NOBODY), lambda: story.delegate(2)),
        17: (lambda: story.tour_as_account(2), story.pay_the_old_way),
        19: (story.odd_log,),
        22: (story.burn, story.newcomer, story.overdraw_coin),
        25: (story.run_out_of_gas, story.send_item),
        28: (story.tour, story.newcomer),
        36: (story.newcomer, story.send_coin, story.pay),
    }


def _last_day(author: Author, story: Story) -> Iterator[Step]:
    """Mostly empty blocks (`finalized` trails anvil's head by 64), and the blob transactions.

    These stand only here, on the day that is not over: anvil's transactionsRoot of a block with
    blobs is not the protocol's (README.md), so such a block cannot be proved and exported.
    """
    midnight = int(datetime(2024, 1, 6, tzinfo=UTC).timestamp())
    for index, second in enumerate([0, *_spread(author, 74, 12, 3_600)]):
        if index % 5 == 0:
            story.traffic()
        if index % 15 == 0:
            story.newcomer()
        if index in (3, 8):
            story.blobs(0)
            story.blobs(1, 0)
        yield author.close(midnight + second)
