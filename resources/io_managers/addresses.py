"""From what Dagster passes an IO manager to what it means here: the table of a key, the days of a step."""

from datetime import date

import dagster as dg

from core.tables import Table, declared
from core.windows import parse_day


def table_of(context: dg.InputContext | dg.OutputContext) -> Table:
    """The declared table that an asset key, ``layer/system/table``, is the address of."""
    _layer, system, name = context.asset_key.path
    return declared(system, name)


def days_of(context: dg.InputContext | dg.OutputContext) -> list[date]:
    """The UTC days of a step's input or output: one partition, or a range in a single run."""
    return [parse_day(key) for key in context.asset_partition_keys]
