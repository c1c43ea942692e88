"""What the sandbox chain is made of: its days, its people, and how often what happens."""

from dataclasses import dataclass
from datetime import date

# 2021-01-14 17:28:24 UTC, as mainnet's.
GENESIS = 1_610_645_304
FIRST_DAY = date(2021, 1, 14)
FIRST_BURN_HEIGHT = 666_050
CYCLE_LENGTH, PREPARE_LENGTH = 20, 4
COLLECTIONS = ("SP1GATED.crashing-penguins::penguin", "SP2MINT.block-frogs::frog", "SP3NAMES.bns::names")
STX = 1_000_000


@dataclass(frozen=True)
class Story:
    """One chain. Shares are of all blocks or transactions; days count from the genesis day, 0.

    ``nakamoto``: the day from which a Bitcoin block has several Stacks blocks. ``maturity``: blocks until a reward is
    paid. ``backwards``: the day whose last block is later by its time than the next day's first, which can be, since
    miners choose times within bounds. ``beyond``: blocks after the last full day, so that it is over.
    """

    seed: int = 20210114
    days: int = 4
    blocks_a_day: int = 24
    transactions_a_block: int = 5
    principals: int = 60
    whales: int = 8
    forks: float = 0.08
    orphaned: float = 0.05
    empty_day: int | None = None
    backwards: int | None = None
    nakamoto: int = 2
    maturity: int = 10
    beyond: int = 12


# What `make run` shows: three days that are over, and a part of the fourth.
SAMPLE = Story(days=3, blocks_a_day=40)
# With everything: an empty day, a fork over midnight, a time that runs backwards over it.
EVERYTHING = Story(days=6, empty_day=3, backwards=0)
