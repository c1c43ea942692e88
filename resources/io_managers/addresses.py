"""From what Dagster passes an IO manager to what it means here: the table of a key, the days of a step."""

from datetime import date
from typing import Protocol

import dagster as dg

from core.tables import Table, declared
from core.windows import parse_day


class _Context(Protocol):
    @property
    def asset_key(self) -> dg.AssetKey: ...

    @property
    def asset_partition_keys(self) -> list[str]: ...


def table_of(context: _Context) -> Table:
    """The declared table that an asset key, ``layer/system/table``, is the address of."""
    _layer, system, name = context.asset_key.path
    return declared(system, name)


def days_of(context: _Context) -> list[date]:
    """The UTC days of a step's input or output: one partition, or a range in a single run."""
    return [parse_day(key) for key in context.asset_partition_keys]
