"""What the room is read from, as functions see it: the resource without Dagster."""

from typing import Protocol

from core.clock import Clock
from core.settings.stacks import Stacks
from resources.clients.stacks.answers import RawAnswers
from resources.clients.stacks.indexer import Indexer


class Sources(Protocol):
    """The node's database, the kept answers, the settings and the time to go by."""

    def figures(self) -> Stacks: ...

    def indexer(self) -> Indexer: ...

    def raw(self) -> RawAnswers: ...

    def clock(self) -> Clock: ...
