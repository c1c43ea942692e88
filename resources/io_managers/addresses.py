"""From what Dagster passes an IO manager to what it means here: the table or object of a key, a step's partitions."""

from collections.abc import Mapping
from datetime import date

import dagster as dg

from core.objects import PublishedObject, object_of_key
from core.partitions import PartitionAddress
from core.tables import Table, table_of_key
from core.windows import parse_day

Context = dg.InputContext | dg.OutputContext


def table_of(context: Context) -> Table:
    """The declared table that an asset key is the address of: ``layer/system/table``, or as the table declares it."""
    return table_of_key(context.asset_key.path)


def object_of(context: Context) -> PublishedObject:
    """The declared object that an asset key is the address of."""
    return object_of_key(list(context.asset_key.path))


def days_of(context: Context) -> list[date]:
    """The UTC days of a step's input or output: one partition, or a range in a single run.

    Raises:
        ValueError: when the asset has other partitions than days.
    """
    partitions = partitions_of(context)
    if any(address.others for address in partitions.values()):
        raise ValueError(
            f"{context.asset_key.to_user_string()}: whole days are replaced here, its partitions are by day and "
            f"{' and '.join(next(iter(partitions.values())).dimensions)}. Partition it by days only."
        )
    return [address.day for address in partitions.values()]


def partitions_of(context: Context) -> Mapping[str, PartitionAddress]:
    """The partitions of a step's input or output, by Dagster's keys, in its order."""
    return {str(key): _address(context.asset_partitions_def, key) for key in context.asset_partition_keys}


def _address(definition: dg.PartitionsDefinition, key: str) -> PartitionAddress:
    if not isinstance(definition, dg.MultiPartitionsDefinition):
        return PartitionAddress(parse_day(key))
    values = dict(definition.get_partition_key_from_str(str(key)).keys_by_dimension)
    dimensions = definition.partitions_defs
    (day,) = (one.name for one in dimensions if isinstance(one.partitions_def, dg.TimeWindowPartitionsDefinition))
    return PartitionAddress.of(parse_day(values.pop(day)), values)
