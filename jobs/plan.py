"""What a room says about a run of its days from the command line: which jobs, over which days, and what to show."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import jobs.plans
from core.windows import DayWindow

# The days of the sandbox's first chain.
SAMPLE = DayWindow(date(2024, 1, 2), date(2024, 1, 4))

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Step:
    """One run of a job, announced by a line; over the partitions from ``first`` to ``last`` where it has any."""

    announced: str
    job: str
    first: str | None = None
    last: str | None = None


@dataclass(frozen=True)
class Plan:
    """A room's steps for a window of days, and the tables that show what came of them.

    ``route`` says in words from where to where the data goes. With ``goes_on``, the steps after one that failed
    are run all the same: for steps that do not build on each other. ``summaries`` yields titles and rows. ``sample``:
    the days that are run when none are named, those of the room's sandbox. ``uses``: the keys of the resources that
    say first what they are; a backfill is refused where one of them is the sandbox.
    """

    title: str
    route: Callable[[], str]
    steps: Callable[[DayWindow], Sequence[Step]]
    summaries: Callable[[DayWindow], Iterator[tuple[str, Rows]]]
    closing: Callable[[], str]
    uses: Sequence[str]
    goes_on: bool = False
    sample: DayWindow = SAMPLE


def rooms() -> list[str]:
    """The rooms that have a plan, by the alphabet."""
    return sorted(module.name for module in pkgutil.iter_modules(jobs.plans.__path__))


def plan_of(room: str) -> Plan:
    """A room's plan; ``room`` is one of ``rooms()``."""
    plan: Plan = importlib.import_module(f"{jobs.plans.__name__}.{room}").PLAN
    return plan


def parts(window: DayWindow, most_days: int) -> list[DayWindow]:
    """The window in pieces of at most so many days, the first days first."""
    days = list(window)
    pieces = (days[at : at + most_days] for at in range(0, len(days), most_days))
    return [DayWindow(piece[0], piece[-1]) for piece in pieces]
