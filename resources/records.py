"""The newest record that Dagster has of each partition of an asset."""

from collections.abc import Sequence

import dagster as dg

# Materializations asked for at once.
PAGE = 100


def newest_records(
    instance: dg.DagsterInstance, key: dg.AssetKey, partitions: Sequence[str]
) -> dict[str, dg.EventLogRecord]:
    """The newest materialization of each of the partitions that has one, however often others were written since."""
    if not partitions:
        return {}  # Dagster takes no partitions for all of them
    wanted, cursor = dg.AssetRecordsFilter(asset_key=key, asset_partitions=list(partitions)), None
    found: dict[str, dg.EventLogRecord] = {}
    while len(found) < len(set(partitions)):  # a day that was run again and again may fill pages
        page = instance.fetch_materializations(wanted, limit=PAGE, cursor=cursor)
        for record in page.records:  # newest first
            if record.partition_key is not None:
                found.setdefault(record.partition_key, record)
        if not page.has_more:
            break
        cursor = page.cursor
    return found
