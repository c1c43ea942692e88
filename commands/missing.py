"""Which days of a room are not there, or are of a run that failed, layer by layer; for ``python -m commands missing``.

A series that was never materialized, such as traces of a node that cannot trace or a chain that is not fetched, is not
missed: it is named, and left alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import dagster as dg

from core.windows import DayWindow, parse_day, windows
from jobs.plan import parts
from schedules.stages import newest

DAY = "day"


class Series(NamedTuple):
    """What a room has days of: a layer's assets, and where they have another dimension, a value of it."""

    layer: str
    value: str = ""

    def __str__(self) -> str:
        return f"{self.layer} {self.value}".strip()


@dataclass(frozen=True)
class Gaps:
    """An asset's days of a window that are to be materialized. ``keys``: the partition key of each of the days."""

    asset: dg.AssetKey
    series: Series
    missing: Sequence[date]
    failed: Sequence[date]
    keys: dict[date, str]
    most_days: int
    never: bool

    @property
    def days(self) -> list[date]:
        """Both kinds."""
        return sorted([*self.missing, *self.failed])


@dataclass(frozen=True)
class Start:
    """One run that fills gaps of a series: assets, and the first and last partition."""

    series: Series
    window: DayWindow
    assets: tuple[dg.AssetKey, ...]
    first: str
    last: str


def gaps(defs: dg.Definitions, instance: dg.DagsterInstance, room: str, window: DayWindow) -> Iterator[Gaps]:
    """What each of the room's assets by day lacks of the window, those first that others build on."""
    graph = defs.resolve_asset_graph()
    for key in graph.toposorted_asset_keys:
        node = graph.get(key)
        if node.tags.get("room") != room or node.partitions_def is None or not node.is_materializable:
            continue
        policy = node.backfill_policy
        most = (policy.max_partitions_per_run if policy else 1) or len(list(window))
        ever = instance.get_materialized_partitions(key)
        for value, keys in _keys_by_day(node.partitions_def, window).items():
            found = newest(instance, key, list(keys.values()))
            absent = [day for day, partition in keys.items() if partition not in found]
            failed = [day for day, partition in keys.items() if partition in found and not found[partition].succeeded]
            never = not any(partition.startswith(f"{value}|") for partition in ever) if value else not ever
            yield Gaps(key, Series(_layer(node.tags), value), absent, failed, keys, most, never)


def starts(found: Sequence[Gaps]) -> list[Start]:
    """The runs that fill the gaps of one series, the first days first; each of the assets that lack one of its days."""
    known = [gap for gap in found if gap.days and not gap.never]
    runs = []
    for window in windows(day for gap in known for day in gap.days):
        lacking = [gap for gap in known if set(gap.days) & set(window)]
        for part in parts(window, min(gap.most_days for gap in lacking)):
            chosen = [gap for gap in lacking if set(gap.days) & set(part)]
            keys = chosen[0].keys
            assets = tuple(gap.asset for gap in chosen)
            runs.append(Start(chosen[0].series, part, assets, keys[part.first], keys[part.last]))
    return runs


def by_series(found: Iterable[Gaps]) -> dict[Series, list[Gaps]]:
    """The gaps of each series, in the order of their assets."""
    grouped = defaultdict[Series, list[Gaps]](list)
    for gap in found:
        grouped[gap.series].append(gap)
    return dict(grouped)


def told(series: Series, found: Sequence[Gaps]) -> list[str]:
    """Lines about one series: its missing and failed days with the assets they are of, and what was never there."""
    lines = []
    for word, of in (("missing", "missing"), ("failed", "failed")):
        assets = defaultdict[date, list[str]](list)
        for gap in found:
            for day in getattr(gap, of) if not gap.never else ():
                assets[day].append(gap.asset.path[-1])
        same = defaultdict[tuple[str, ...], list[date]](list)
        for day, names in assets.items():
            same[tuple(names)].append(day)
        lines += [
            f"{series}: {word} {', '.join(map(str, windows(days)))}: {', '.join(names)}" for names, days in same.items()
        ]
    if never := [gap.asset.path[-1] for gap in found if gap.never]:
        lines.append(f"{series}: never materialized, not counted: {', '.join(never)}")
    return lines or [f"{series}: all there"]


def _layer(tags: Mapping[str, str]) -> str:
    """dbt builds its layers in one run: which of them comes first is its own knowledge."""
    return "models" if "dagster/kind/dbt" in tags else tags["layer"]


def _keys_by_day(definition: dg.PartitionsDefinition, window: DayWindow) -> dict[str, dict[date, str]]:
    """Partition keys by the other dimension's value, empty where there is none, and by the days of the window."""
    found = defaultdict[str, dict[date, str]](dict)
    for key in definition.get_partition_keys():
        dimensions = key.keys_by_dimension if isinstance(key, dg.MultiPartitionKey) else {DAY: key}
        day = parse_day(dimensions[DAY])
        if window.first <= day <= window.last:
            value = "|".join(part for name, part in sorted(dimensions.items()) if name != DAY)
            found[value][day] = str(key)
    return dict(found)
