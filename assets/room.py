"""What a room contributes to the house. ``definitions.py`` lists the rooms; what is shared reads that list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.tables import Table


@dataclass(frozen=True)
class Room:
    """One outside system, under its one name: that of its folders, its keys' second part and its tag."""

    name: str
    assets: Sequence[Any]
    checks: Sequence[Any]
    jobs: Sequence[Any]
    schedules: Sequence[Any]
    sensors: Sequence[Any]
    # Those that dbt's models may read as sources.
    tables: Sequence[Table]
    # Those of them that get rows every day; `dbt source freshness` warns after 26 hours and fails after 50.
    fetched_daily: Sequence[Table] = ()
