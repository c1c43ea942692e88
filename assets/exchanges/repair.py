"""Which of a job's symbols a repair fetches: those that are named, or those that minutes are still to be fetched of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from assets.exchanges.minutes import Neighbours, account
from assets.exchanges.transform import Stored
from core.errors import LakeDamaged, SettingError
from core.windows import start_of
from resources.clients.exchanges.bars import MINUTES
from resources.clients.exchanges.objects import SymbolDay
from resources.clients.exchanges.profiles import EmptyMinute

Read = Callable[[str], SymbolDay | None]


@dataclass(frozen=True)
class Choice:
    """What to fetch of a universe. pairs: these only; all without any. unfetched: of those, only where minutes are
    missing that nobody looked for twice."""

    pairs: tuple[str, ...] = ()
    unfetched: bool = False

    def of(self, universe: Sequence[str], lacks: Callable[[str], int]) -> list[str]:
        """The chosen pairs, in the universe's order. lacks: how many minutes of a pair are unfetched.

        Raises:
            SettingError: naming pairs that the universe does not have.
        """
        if unknown := sorted(set(self.pairs) - set(universe)):
            raise SettingError(f"pairs {', '.join(unknown)[:300]}: the job's universe has {', '.join(universe)[:300]}")
        named = [pair for pair in universe if not self.pairs or pair in self.pairs]
        return [pair for pair in named if lacks(pair)] if self.unfetched else named


EVERYTHING = Choice()


def unfetched(read: Read, pair: str, day: date, empty_minute: EmptyMinute) -> int:
    """How many minutes of a pair's day are missing, and nobody knows why. read: what is stored of a pair."""
    try:
        found = read(pair)
    except LakeDamaged:
        return MINUTES
    stored = Stored(pair, found)
    counted = account(start_of(day) * 1000, stored.bars, stored.facts, empty_minute, Neighbours())
    return counted.unfetched
