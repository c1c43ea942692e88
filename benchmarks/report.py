"""What was measured, as Markdown: the machine, the tables, and each figure against its budget."""

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

from benchmarks.engines import CRYO, Export
from benchmarks.signing import seconds_to_recover_a_key

PACKAGES = ("coincurve", "duckdb", "dbt-core", "msgspec", "pyarrow", "safe-pysha3", "urllib3")
OURS, ETL, OTHER = "Headwater", "ethereum-etl", "cryo"


@dataclass(frozen=True)
class Measured:
    """One engine's line in the table of exports. ``proofs``: as ``ETHEREUM_VERIFY``; None for an engine without."""

    engine: str
    proofs: str | None
    latency_ms: int
    blocks: int
    export: Export
    requests: int

    @property
    def cpu(self) -> float:
        """CPU seconds per 1,000 blocks."""
        return self.export.cost.cpu * 1000 / self.blocks

    @property
    def seconds_per_million(self) -> float:
        """Seconds for a million transactions."""
        return self.export.cost.wall * 1e6 / self.export.rows["transactions"]

    @property
    def per_second(self) -> float:
        return self.blocks / self.export.cost.wall

    def cells(self, reference: "Measured | None") -> list[str]:
        cost = self.export.cost
        cells = [self.engine, self.proofs or "none", f"{self.latency_ms} ms"]
        cells += [f"{self.cpu:.2f}", f"{self.per_second:,.0f}", f"{self.export.total_rows / cost.wall:,.0f}"]
        cells += [f"{cost.peak:,.0f}", f"{self.requests:,}"]
        if reference is None:
            return [*cells, "not measured", "not measured"]
        return [*cells, f"{reference.cpu / self.cpu:.1f}x", f"{self.per_second / reference.per_second:.1f}x"]


@dataclass(frozen=True)
class Budget:
    """A figure and what it must and should be. ``more``: whether more is better."""

    figure: str
    unit: str
    must: float
    aim: float
    found: float | None
    more: bool = False

    def cells(self) -> list[str]:
        must, aim = f"{self.must:g}{self.unit}", f"{self.aim:g}{self.unit}"
        if self.found is None:
            return [self.figure, must, aim, "not measured", ""]
        digits = 2 if isinstance(self.found, float) and self.found < 20 else 0
        found = f"{self.found:,.{digits}f}{self.unit}"
        return [self.figure, must, aim, found, self._verdict(self.found)]

    def _verdict(self, found: float) -> str:
        def meets(limit: float) -> bool:
            return found >= limit if self.more else found <= limit

        if meets(self.aim):
            return "aim met"
        away = self.aim / found if self.more else found / self.aim
        return f"{'must met' if meets(self.must) else 'MISSED'}, {away:.1f} times from the aim"


def exports_table(lines: Sequence[Measured]) -> list[str]:
    """The exporters side by side, ratios to ethereum-etl at the same latency."""
    reference = {line.latency_ms: line for line in lines if line.engine == ETL}
    titles = ["engine", "proofs", "latency", "CPU-s per 1,000 blocks", "blocks/s", "rows/s", "peak MB", "requests"]
    titles += ["CPU, times less than ethereum-etl", "speed, times ethereum-etl's"]
    return table(titles, (line.cells(reference.get(line.latency_ms)) for line in lines))


def load_table(entries: Sequence[dict]) -> list[str]:
    """Our load against COPY."""
    titles = ["table", "rows", "ours, rows/s", "COPY, rows/s", "ours to COPY"]
    cells = (
        [
            entry["table"],
            f"{entry['rows']:,}",
            f"{entry['rows'] / median(entry['ours']):,.0f}",
            f"{entry['rows'] / median(entry['copy']):,.0f}",
            f"{load_ratio([entry]):.2f}x",
        ]
        for entry in entries
    )
    return table(titles, cells)


def load_ratio(entries: Iterable[dict]) -> float:
    """Rows/s of ours to COPY's over all tables: the median of the repetitions' ratios."""
    ours = zip(*(entry["ours"] for entry in entries), strict=True)
    copies = zip(*(entry["copy"] for entry in entries), strict=True)
    return median(sum(copy) / sum(our) for our, copy in zip(ours, copies, strict=True))


def increment_table(found: dict) -> list[str]:
    """The daily increment on both histories."""
    titles = ["history", "transactions a day", "seconds, median", "fastest", "slowest"]
    cells = (
        [
            f"{found['days'] * factor} days",
            f"{found['rows']:,}",
            *(f"{of(found[name]):.2f}" for of in (median, min, max)),
        ]
        for name, factor in (("short", 1), ("long", found["times"]))
    )
    return table(titles, cells)


def backfill_table(entries: Sequence[dict]) -> list[str]:
    """What a backfill of each group took."""
    titles = ["backfill of", "tables", "days", "runs", "rows", "seconds in runs", "seconds from launch to last row"]
    cells = (
        [
            entry["group"],
            str(len(entry["tables"])),
            str(entry["days"]),
            str(entry["runs"]),
            f"{entry['rows']:,}",
            *(f"{entry[name]:.0f}" for name in ("run_seconds", "seconds")),
        ]
        for entry in entries
    )
    return table(titles, cells)


def budgets_table(budgets: Iterable[Budget]) -> list[str]:
    """Each figure against what it must be."""
    return table(["figure", "must", "aim", "measured", ""], (budget.cells() for budget in budgets))


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table, its columns aligned so that it also reads as text."""
    cells = [list(titles), *map(list, rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(titles))]
    lines = [_line(row, widths) for row in cells]
    return [lines[0], _line(["-" * width for width in widths], widths), *lines[1:]]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"


def machine() -> list[str]:
    """What the figures were measured on, without names."""
    packages = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return [
        f"* {len(os.sched_getaffinity(0))} cores, {_field('/proc/cpuinfo', 'model name') or platform.machine()}",
        f"* {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB of memory",
        f"* {platform.system()} {platform.machine()}, {platform.python_implementation()} {platform.python_version()}",
        f"* {1e6 * seconds_to_recover_a_key():.0f} µs to recover a key by coincurve (31 where the budgets were set)",
        f"* {packages}; ethereum-etl 2.4.2, {CRYO.replace('==', ' ')}, each in its own environment",
    ]


def _field(path: str, name: str) -> str | None:
    """A field of one of the kernel's files of facts."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), None)
