"""What the parts of the benchmark found, and each figure of it against its budget."""

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.report import ETL, OURS, Budget, Measured, load_ratio
from benchmarks.synthetic import BLOCKS_OF_A_DAY

DAYS_OF_A_YEAR = 365
# As ``ETHEREUM_VERIFY``, from the least to the most.
OFF, ROOTS, FULL = MODES = ("off", "roots", "full")


@dataclass
class Found:
    """What the parts measured so far."""

    lines: list[Measured] = field(default_factory=list)
    days: list[Measured] = field(default_factory=list)
    load: list[dict] = field(default_factory=list)
    increment: dict | None = None
    backfill: list[dict] = field(default_factory=list)
    caught: dict[str, list[str]] = field(default_factory=dict)
    catchers: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def increment_ratio(increment: dict) -> float:
    """The time of the increment on the long history to that on the short one."""
    return median(increment["long"]) / median(increment["short"])


def budgets(found: Found) -> list[Budget]:
    """Every figure of sections 10 and 13 of the specification, as far as it was measured."""
    at_once = {(line.engine, line.proofs): line for line in found.lines if line.latency_ms == 0}
    plain, roots, full = (at_once.get((OURS, mode)) for mode in MODES)
    reference = at_once.get((ETL, None))
    ratio = reference.cpu / plain.cpu if plain and reference else None
    ours = [line for line in (*found.lines, *found.days) if line.engine == OURS]
    whole = {line.proofs: line for line in found.days if line.blocks == BLOCKS_OF_A_DAY}
    year = [entry for entry in found.backfill if entry["days"] == DAYS_OF_A_YEAR]
    return [
        Budget("export without proofs, per 1,000 blocks", " CPU-s", 3.5, 1.8, plain.cpu if plain else None),
        Budget("the same, times less than ethereum-etl", "x", 8, 15, ratio, more=True),
        # The comparison's blocks bear the start and end of a process; a day's, which a run exports, hardly.
        Budget("the same of a day, per 1,000 blocks", " CPU-s", 3.5, 1.8, whole[OFF].cpu if whole else None),
        Budget("roots, extra per 1,000 blocks", " CPU-s", 5, 2.5, roots.cpu - plain.cpu if roots and plain else None),
        *_of_senders(full.cpu - roots.cpu if full and roots else None, reference),
        Budget(
            "a million transactions of a day, roots proved",
            *(" s", 32, 20),
            whole[ROOTS].seconds_per_million if whole else None,
        ),
        Budget(
            "a million transactions of a day, all proved",
            *(" s", 45, 30),
            whole[FULL].seconds_per_million if whole else None,
        ),
        Budget("peak memory of a process", " MB", 500, 300, max((one.export.cost.peak for one in ours), default=None)),
        Budget("lake to DuckDB, of COPY's rows/s", "x", 0.8, 0.95, _or_none(found.load, load_ratio), more=True),
        Budget("increment with 10 times the history", "x", 1.2, 1.05, _or_none(found.increment, increment_ratio)),
        Budget("365-day backfill, runs for each asset group", "", 1, 1, _or_none(year, _most_runs)),
    ]


def _of_senders(cpu: float | None, reference: Measured | None) -> list[Budget]:
    # Absolute figures are of a machine: on the one that these budgets were set on, ethereum-etl took 27.1 CPU-s.
    times = reference.cpu / cpu if cpu and reference else None
    return [
        Budget("senders and what else is recomputed, extra per 1,000 blocks", " CPU-s", 6, 4, cpu),
        Budget("the same, times less than ethereum-etl's export", "x", 4.5, 6.8, times, more=True),
    ]


def _most_runs(backfill: list[dict]) -> int:
    return max(entry["runs"] for entry in backfill)


def _or_none(entries: Any, figure: Callable[[Any], float]) -> float | None:
    return figure(entries) if entries else None
