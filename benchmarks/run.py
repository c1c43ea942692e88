"""``make bench``: the budgets measured in one run, printed as tables and written to ``benchmarks/results.md``.

Every measured thing is a process of its own, whose CPU time and memory the operating system accounts for; what it
asks is answered by another. Engines take turns, each figure is the median of its repetitions.
"""

import argparse
import contextlib
import json
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import engines, report
from benchmarks.budgets import DAYS_OF_A_YEAR, FULL, MODES, OFF, Found, budgets, increment_ratio
from benchmarks.catch import catch_table, matrix
from benchmarks.engines import Engine, Export
from benchmarks.measure import Command, CommandFailed, measured, typical
from benchmarks.replay_node import replaying
from benchmarks.report import ETL, OTHER, OURS, Measured
from benchmarks.synthetic import BLOCKS_OF_A_DAY
from core.errors import HeadwaterError
from core.settings.stage import Stage

RESULTS = Path(__file__).with_name("results.md")
PARTS = ("export", "latency", "day", "load", "increment", "backfill", "catch")
LATENCY_MS = 50
# More distinct contents than this only take memory: a gigabyte for 1,500.
MOST_DISTINCT = 1_000
HISTORY_BLOCKS = 300
# Rows in every day, and a year of them loaded in less than a minute.
BACKFILL_BLOCKS = 2


def say(line: str) -> None:
    """A line of progress."""
    print(f"{time.strftime('%H:%M:%S', time.gmtime())} {line}", flush=True)


Contenders = dict[tuple[str, str | None], Engine]


def contenders(names: Sequence[str], home: Path, found: Found) -> Contenders:
    """The engines to compare, made ready; one that cannot be made is remarked upon."""
    ready: Contenders = {}
    for mode in reversed(MODES):
        ready[OURS, mode] = _ours(mode)
    for name, prepare in ((ETL, engines.etl_engine), (OTHER, engines.cryo_engine)):
        if name in names:
            try:
                ready[name, None] = prepare(home, say)
            except HeadwaterError as problem:
                found.remarks.append(f"{name} was not measured: {str(problem).replace(str(home), '$HEADWATER_HOME')}")
    return ready


def _ours(mode: str) -> Engine:
    return lambda node, blocks, scratch: engines.ours(node, blocks, scratch, mode)


@contextlib.contextmanager
def _scratch(home: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bench-", dir=home) as directory:
        yield Path(directory)


def compare(found: Found, ready: Contenders, home: Path, blocks: int, *, repeat: int, latency_ms: int) -> None:
    """Each engine's line: the same blocks, in turn, ``repeat`` times. Another's engine that fails is left out."""
    exports: dict[tuple[str, str | None], list[Export]] = {key: [] for key in ready}
    requests: dict[tuple[str, str | None], int] = {}
    say(f"Making {blocks:,} blocks")
    with replaying(blocks, min(blocks, MOST_DISTINCT), latency_ms) as node:
        for turn in range(repeat):
            for key, engine in [(key, ready[key]) for key in exports]:
                try:
                    with _scratch(home) as scratch:
                        _traffic(node)
                        export = engine(node, blocks, scratch)
                        requests[key] = _traffic(node)["requests"]
                except CommandFailed as failure:
                    if key[0] == OURS:
                        raise
                    found.remarks.append(f"{key[0]} failed with {latency_ms} ms of latency: {failure}")
                    del exports[key]
                    continue
                exports[key].append(export)
                proofs = f", proofs {key[1]}" if key[1] else ""
                cost = export.cost
                say(
                    f"{key[0]}{proofs}, {latency_ms} ms latency, {turn + 1} of {repeat}: {cost.cpu:.1f} CPU-s, "
                    f"{cost.wall:.1f} s, {cost.peak:.0f} MB"
                )
    _assert_same_rows(exports)
    found.lines += [
        Measured(*key, latency_ms, blocks, Export(typical([one.cost for one in many]), many[-1].rows), requests[key])
        for key, many in exports.items()
    ]


def _assert_same_rows(exports: dict[tuple[str, str | None], list[Export]]) -> None:
    """Engines that leave other rows than we do have done other work: no figure would mean anything."""
    (expected,) = {json.dumps(_counted(one)) for key, many in exports.items() if key[0] == OURS for one in many}
    for (name, _), many in exports.items():
        for export in many:
            theirs = _counted(export)
            ours = {table: rows for table, rows in json.loads(expected).items() if table in theirs}
            if theirs != ours:
                raise CommandFailed(f"{name} left {theirs}, we left {ours}")


def _counted(export: Export) -> dict[str, int]:
    return {name: export.rows[name] for name in engines.COUNTED if name in export.rows}


def _traffic(node: str) -> dict[str, int]:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "bench_traffic"}).encode()
    with urllib.request.urlopen(urllib.request.Request(node, body)) as answer:  # noqa: S310 - our own node
        return {"requests": 0} | json.load(answer)["result"]


def measure_day(found: Found, home: Path, scratch: Path, blocks: int) -> None:
    """A whole day without proofs, with roots, and with all; the last leaves its lake for the load."""
    say(f"Making a day of {blocks:,} blocks")
    with replaying(blocks) as node:
        for mode in MODES[:-1]:
            with _scratch(home) as aside:
                _export_day(found, node, blocks, aside, mode)
        _export_day(found, node, blocks, scratch, FULL)


def _export_day(found: Found, node: str, blocks: int, scratch: Path, mode: str) -> None:
    export = engines.ours(node, blocks, scratch, mode)
    line = Measured(OURS, mode, 0, blocks, export, _traffic(node)["requests"])
    found.days.append(line)
    cost, each = export.cost, line.seconds_per_million
    say(f"The day, proofs {mode}: {cost.wall:.1f} s, {each:.1f} s a million transactions, {cost.peak:.0f} MB")


def measure_load(found: Found, scratch: Path, repeat: int) -> None:
    """The day's lake into DuckDB."""
    program: Command = [sys.executable, "-m", "benchmarks.load", "--lake", scratch / "lake", "--repeat", str(repeat)]
    found.load = json.loads(measured(program).output)
    say(f"Lake to DuckDB: {report.load_ratio(found.load):.2f} of COPY's rows/s")


def measure_increment(found: Found, scratch: Path, days: int, blocks: int, repeat: int) -> None:
    """The daily increment, on a lake of a smaller day."""
    with replaying(blocks) as node:
        engines.ours(node, blocks, scratch, OFF)
    options = ["--days", str(days), "--repeat", str(repeat)]
    program: Command = [sys.executable, "-m", "benchmarks.increment", "--lake", scratch / "lake", *options]
    found.increment = json.loads(measured(program).output)
    ratio = increment_ratio(found.increment)
    say(f"Increment with {found.increment['times']} times the history: {ratio:.2f} times the time")


def measure_backfill(found: Found, scratch: Path, days: int) -> None:
    """The loads and the aggregates of many small days, started as from the UI."""
    with replaying(BACKFILL_BLOCKS) as node:
        engines.ours(node, BACKFILL_BLOCKS, scratch, OFF)
    say(f"Publishing and backfilling {days} days")
    program: Command = [sys.executable, "-m", "benchmarks.backfill", "--lake", scratch / "lake", "--days", str(days)]
    found.backfill = json.loads(measured(program).output)
    for entry in found.backfill:
        say(f"Backfill of {days} days of {entry['group']}: runs {entry['runs']}, {entry['seconds']:.0f} s")


def measure_catch(found: Found, ready: Contenders, home: Path) -> None:
    """Each corruption of a block by each engine; ours without proofs is as blind as the others."""
    engines_ = {f"{name}, {mode}" if mode else name: engine for (name, mode), engine in ready.items() if mode != OFF}
    found.catchers, found.caught = list(engines_), matrix(engines_, home, say)


def written(found: Found, arguments: argparse.Namespace) -> str:
    """The report."""
    text = ["# Results of `make bench`", "", "What is measured and how: `docs/performance.md`.", "", *report.machine()]
    text += [f"* medians of {arguments.repeat}, engines in turn; latency is waited before each answer", ""]
    text += ["## Budgets", "", *report.budgets_table(budgets(found)), ""]
    if found.lines:
        blocks = f"{found.lines[0].blocks:,} blocks of {found.lines[0].export.rows['transactions']:,} transactions"
        text += [f"## Export: {blocks}", "", *report.exports_table(found.lines), ""]
    if found.days:
        text += [f"## A day of {found.days[0].blocks:,} blocks", "", *report.exports_table(found.days), ""]
    if found.load:
        text += ["## Lake to DuckDB, the day's files", "", *report.load_table(found.load), ""]
    if found.increment:
        text += ["## Daily increment, tests included", "", *report.increment_table(found.increment), ""]
    if found.backfill:
        days = f"{found.backfill[0]['days']} days of {BACKFILL_BLOCKS} blocks"
        text += [f"## Backfill from the UI, {days}", "", *report.backfill_table(found.backfill), ""]
    if found.caught:
        text += ["## What each engine notices", "", *catch_table(found.catchers, found.caught), ""]
    return "\n".join([*text, *(f"* {remark}" for remark in found.remarks)]).rstrip() + "\n"


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description="Measure the budgets.")
    parser.add_argument("--blocks", type=int, default=2_000, help="blocks of the comparison (default: 2000)")
    parser.add_argument("--day-blocks", type=int, default=BLOCKS_OF_A_DAY, help="blocks of the whole day")
    parser.add_argument("--history-blocks", type=int, default=HISTORY_BLOCKS, help="blocks of each day of history")
    parser.add_argument("--history-days", type=int, default=10, help="the short history; the long one is ten times it")
    parser.add_argument("--backfill-days", type=int, default=DAYS_OF_A_YEAR, help="days of the backfill (default: 365)")
    parser.add_argument("--repeat", type=int, default=3, help="repetitions, not of day and backfill (default: 3)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what to measure (default: all)")
    parser.add_argument("--against", nargs="*", choices=(ETL, OTHER), default=(ETL, OTHER), help="engines to compare")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the report goes")
    arguments = parser.parse_args(words)
    home, found = Stage.read().directory, Found()
    home.mkdir(parents=True, exist_ok=True)
    measure(arguments, home, found)
    text = written(found, arguments)
    arguments.output.write_text(text, encoding="utf-8")
    print(f"\n{text}\nWritten to {arguments.output}.")


def measure(arguments: argparse.Namespace, home: Path, found: Found) -> None:
    """The parts asked for."""
    compared = {"export", "latency", "catch"} & set(arguments.parts)
    ready = contenders(arguments.against, home, found) if compared else {}
    if "export" in arguments.parts:
        compare(found, ready, home, arguments.blocks, repeat=arguments.repeat, latency_ms=0)
    if "latency" in arguments.parts:
        compare(found, ready, home, arguments.blocks, repeat=1, latency_ms=LATENCY_MS)
    with _scratch(home) as scratch:
        if "day" in arguments.parts or "load" in arguments.parts:
            measure_day(found, home, scratch, arguments.day_blocks)
        if "load" in arguments.parts:
            measure_load(found, scratch, arguments.repeat)
    if "increment" in arguments.parts:
        with _scratch(home) as scratch:
            measure_increment(found, scratch, arguments.history_days, arguments.history_blocks, arguments.repeat)
    if "backfill" in arguments.parts:
        with _scratch(home) as scratch:
            measure_backfill(found, scratch, arguments.backfill_days)
    if "catch" in arguments.parts:
        measure_catch(found, ready, home)


if __name__ == "__main__":
    try:
        main()
    except (HeadwaterError, CommandFailed) as problem:
        sys.exit(str(problem))
