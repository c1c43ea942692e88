"""What marks days that a chain has changed since they were taken: stale, and named, once for each state of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg


@dataclass(frozen=True)
class Moved:
    """What became of a day.

    version: what the chain has in its place. since: a sentence for the chain's new version. told: what the failed check
    says, with the remedy.
    """

    version: str
    since: str
    told: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


def marked(
    moved: Mapping[str, Moved], cursor: str | None, chain: dg.AssetKey, check: dg.AssetCheckKey, nothing: str
) -> dg.SensorResult:
    """A new version of the chain for each day that has moved, and a failed check that names it.

    moved: by day, all that are so now. cursor: the versions that were marked before. chain: what the days' assets
    depend on. nothing: what is said when there is no news.
    """
    versions = {day: found.version for day, found in moved.items()}
    known = json.loads(cursor or "{}")
    news = {day: found for day, found in moved.items() if known.get(day) != found.version}
    if not news:
        return dg.SensorResult(skip_reason=dg.SkipReason(nothing), cursor=json.dumps(versions))
    stale = [
        dg.AssetMaterialization(
            chain,
            description=found.since,
            partition=day,
            metadata=found.metadata,
            tags={"dagster/data_version": found.version},
        )
        for day, found in news.items()
    ]
    named = [
        dg.AssetCheckEvaluation(
            check_name=check.name,
            asset_key=check.asset_key,
            partition=day,
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description=found.told,
            metadata=found.metadata,
        )
        for day, found in news.items()
    ]
    return dg.SensorResult(asset_events=[*stale, *named], cursor=json.dumps(versions))
