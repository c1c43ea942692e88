"""Stage after stage: what has to be there for a day before the next stage may start on it.

Pure but for the Dagster instance it asks; shared by the rooms that load in stages.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import dagster as dg

from resources.records import newest_records


@dataclass(frozen=True)
class Written:
    """The newest materialization of an asset's partition."""

    storage_id: int
    run_id: str
    succeeded: bool


def newest(instance: dg.DagsterInstance, key: dg.AssetKey, partitions: Sequence[str]) -> dict[str, Written]:
    """The newest materialization of each partition that has one."""
    return {
        partition: Written(record.storage_id, record.run_id, _succeeded(instance, record.run_id))
        for partition, record in newest_records(instance, key, partitions).items()
    }


def _succeeded(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether the run, or a later re-execution of what failed in it, succeeded."""
    run = instance.get_run_by_id(run_id)
    if run is None or run.status == dg.DagsterRunStatus.SUCCESS:
        return True  # a run whose record was purged is long done
    again = instance.get_runs(dg.RunsFilter(tags={"dagster/root_run_id": run.tags.get("dagster/root_run_id", run_id)}))
    later = takewhile(lambda other: other.run_id != run_id, again)  # the newest come first
    return any(other.status == dg.DagsterRunStatus.SUCCESS for other in later)


def missing(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetKey], partitions: Sequence[str]
) -> dict[str, list[str]]:
    """For each partition, the assets that are not there, or whose run failed a step or a blocking check."""
    by_key = {key: newest(instance, key, partitions) for key in keys}
    return {
        partition: [
            key.to_user_string() + ("" if partition not in found else " (its run failed)")
            for key, found in by_key.items()
            if partition not in found or not found[partition].succeeded
        ]
        for partition in partitions
    }


def to_start(
    instance: dg.DagsterInstance,
    before: Sequence[dg.AssetKey],
    after: Sequence[dg.AssetKey],
    partitions: Sequence[str],
) -> dict[str, str]:
    """Partitions of the stage ``after`` that are ready and older than the stage ``before``, each with a run key.

    The key changes with what the stage before wrote, so that each state of a day is passed on once.
    """
    ready = [partition for partition, absent in missing(instance, before, partitions).items() if not absent]
    sources = [newest(instance, key, ready) for key in before]
    results = [newest(instance, key, ready) for key in after]
    starts = {}
    for partition in ready:
        latest_source = max(found[partition].storage_id for found in sources)
        oldest_result = min(found[partition].storage_id if partition in found else -1 for found in results)
        if oldest_result < latest_source:
            starts[partition] = f"{partition}:{latest_source}"
    return starts
