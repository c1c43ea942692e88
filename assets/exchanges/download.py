"""``python -m assets.exchanges.download JOB DAY``: one job's day, as the run itself or a task on ECS fetches it.

``--pairs`` and ``--unfetched`` repair a day: only these symbols, or those with minutes left to fetch, are asked for.

Settings come from the environment. In a task of Dagster's the outcome is reported through Pipes as well.
"""

import argparse
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache, partial
from typing import Any, get_args

from dagster_pipes import DAGSTER_PIPES_CONTEXT_ENV_VAR, open_dagster_pipes

from assets.exchanges.extract import JobDay, Outcome, Policy, fetch_job_day
from assets.exchanges.listed import Ask, DayPairs, pairs_of
from assets.exchanges.names import JobName, check_username, dataset_path, parse_job
from assets.exchanges.repair import EVERYTHING, Choice, unfetched
from assets.exchanges.vendors import CcxtVendor, DumpVendor, Vendor
from core.errors import HeadwaterError, SettingError, TransientError
from core.settings.base import environment
from core.settings.exchanges import Exchanges, words
from core.settings.lake import Lake
from core.settings.stage import Stage
from core.windows import parse_day
from resources.clients.aws.batch import TEMPORARY_FAILURE
from resources.clients.exchanges import old_layout
from resources.clients.exchanges.ccxt_source import CcxtSource
from resources.clients.exchanges.dumps import BinanceDumps
from resources.clients.exchanges.objects import BarObjects, SymbolDay, Written
from resources.clients.exchanges.profiles import profile_of
from resources.clients.lake.store_of_uri import store_for
from resources.samples import SAMPLE, sample_exchange, sample_for

# Raised when what is stored of the same answers changes.
CODE_VERSION = "1"
# By this figure a day is found that is there and still lacks something.
UNFETCHED = "minutes_unfetched"


@dataclass(frozen=True)
class Exchange:
    """Where a job's bars come from and go to, of the settings in force."""

    given: Exchanges
    stage: Stage
    objects: BarObjects

    @staticmethod
    def of(environ: Mapping[str, str], stage: str | None = None) -> "Exchange":
        """Of an environment's settings.

        Raises:
            SettingError: naming what is missing or wrong.
        """
        given, lake, of_stage = Exchanges.read(environ), Lake.read(environ), Stage.read(environ, stage=stage)
        return Exchange(given, of_stage, BarObjects(store_for(lake.root(of_stage), lake.kms_key)))

    @property
    def is_sample(self) -> bool:
        """Whether the sample serves the bars, as it does locally unless something else is set.

        Raises:
            SettingError: when nothing is set elsewhere.
        """
        chosen = self.given.chosen
        if sample_for(chosen, self.stage):
            return True
        if chosen is None:
            self.given.require("source")
        return chosen == SAMPLE

    @property
    def prefix(self) -> str:
        """The folder under the lake's root: the user's own in stage test.

        Raises:
            SettingError: when test has no user, or another stage has one.
        """
        try:
            check_username(self.stage.stage, self.given.user)
        except ValueError as error:
            raise SettingError(str(error)) from None
        return f"{self.given.user}/" if self.given.user else ""

    @property
    def policy(self) -> Policy:
        return Policy(self.given.on_missing, self.given.min_completeness, frozenset(words(self.given.required)))

    def key(self, job: JobName, pair: str, day: date) -> str:
        """The key of a symbol's object."""
        return self.prefix + dataset_path(job.signature(), pair, day)

    def former(self, job: JobName, pair: str, day: date) -> SymbolDay:
        """What the old system left of a pair's day.

        Raises:
            LakeDamaged: naming a file that is none of its.
        """
        return old_layout.read_day(self.objects.store, self.prefix + job.signature().path, job.exchange_id, pair, day)

    def pairs(self, job: JobName, day: date, ask: Ask | None = None) -> DayPairs:
        """The pairs of a job's day; see ``pairs_of``."""
        return pairs_of(self.objects.store, self.prefix, job, day, ask)

    def ccxt(self, job: JobName) -> CcxtSource:
        """The job's exchange by ccxt."""
        root = sample_exchange() if self.is_sample else self.given.url
        return CcxtSource(job.exchange_id, job.contract, root=root)

    def vendor(self, job: JobName) -> Vendor:
        """Where the job's bars come from.

        Raises:
            SettingError: when the job's vendor cannot be asked.
        """
        if job.vendor == "ccxt":
            return CcxtVendor(self.ccxt(job))
        if (job.vendor, job.exchange_id) == ("binance", "binance"):
            root = sample_exchange() if self.is_sample else self.given.dumps_url
            return DumpVendor(BinanceDumps(job.contract, root=root), partial(self.ccxt, job))
        raise SettingError(
            f"job {job.key}: vendor {job.vendor} of {job.exchange_id} is not one of ccxt and binance's own dumps"
        )


def download(exchange: Exchange, job: JobName, day: date, choice: Choice = EVERYTHING) -> JobDay:
    """Fetch and store the symbols of a job's day; a choice of them leaves the others' objects as they are.

    Raises:
        HeadwaterError: when the exchange tells nothing at all, or a setting is wrong. What a symbol met is its result.
    """
    now, empty_minute = lambda: datetime.now(UTC), profile_of(job.exchange_id).empty_minute

    def lacks(pair: str) -> int:
        return unfetched(lambda pair: exchange.objects.read(exchange.key(job, pair, day)), pair, day, empty_minute)

    def store(one: SymbolDay) -> Written:
        former = lambda: exchange.former(job, one.pair, day).bars  # noqa: E731
        return exchange.objects.put(exchange.key(job, one.pair, day), one, now(), former)

    with ExitStack() as opened:
        # Where nothing is to be fetched, nobody is asked.
        vendor = cache(lambda: opened.enter_context(closing(exchange.vendor(job))))
        universe = exchange.pairs(job, day, lambda: vendor().listed())
        facts = {"signature": str(job.signature()), "universe_sha256": universe.sha256, "code_version": CODE_VERSION}
        pairs, done = choice.of(universe.pairs, lacks), JobDay()
        if pairs:
            done = fetch_job_day(vendor(), job.exchange_id, pairs, day, facts=facts, store=store, now=now)
    left = () if choice == EVERYTHING else set(universe.pairs).difference(pairs)
    done.unfetched_before, done.universe = sum(map(lacks, left)), universe.told
    return done


def figures(done: JobDay) -> dict[str, Any]:
    """What a day's run tells in numbers."""
    written = [result.written for result in done.results if result.written]
    outcomes = [result.outcome for result in done.results]
    return {
        "rows": sum(one.rows for one in written),
        "symbols": len(outcomes),
        **{f"symbols_{name}": outcomes.count(name) for name in get_args(Outcome)},
        "objects_written": sum(one.written for one in written),
        "changed_bars": sum(one.changed for one in written),
        "withdrawn_bars": sum(one.withdrawn for one in written),
        UNFETCHED: done.unfetched_before + sum(result.unfetched for result in done.results),
        "off_grid": sum(result.off_grid for result in done.results),
        "unfinished_dropped": sum(result.unfinished_dropped for result in done.results),
        "run_requests": sum(result.requests for result in done.results),
        **done.universe,
    }


def command(job: JobName, day: date, choice: Choice = EVERYTHING) -> list[str]:
    """This program, for a task."""
    pairs = ["--pairs", ",".join(choice.pairs)] if choice.pairs else []
    only = ["--unfetched"] if choice.unfetched else []
    return ["python", "-m", "assets.exchanges.download", job.key, f"{day}", *pairs, *only]


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch a job's day; 0 when it is complete."""
    parser = argparse.ArgumentParser(prog="python -m assets.exchanges.download", description=main.__doc__)
    parser.add_argument("job", help="vendor.exchange.contract.universe")
    parser.add_argument("day", help="UTC day, YYYY-MM-DD")
    parser.add_argument("--pairs", default="", help="only these of the universe, with commas between them")
    parser.add_argument("--unfetched", action="store_true", help="only those with minutes left to fetch")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    environ = environment()
    try:
        job, day = parse_job(given.job), parse_day(given.day)
        exchange = Exchange.of(environ)
        done = download(exchange, job, day, Choice(words(given.pairs), given.unfetched))
        if DAGSTER_PIPES_CONTEXT_ENV_VAR in environ:
            with open_dagster_pipes() as pipes:
                pipes.report_asset_materialization(metadata=figures(done))
        else:
            sys.stdout.write(json.dumps(figures(done)) + "\n")
        if verdict := done.verdict(exchange.policy, f"{job.key} {day}"):
            exchange.policy.tell(verdict, logging.warning)
    except (HeadwaterError, ValueError) as error:
        sys.stderr.write(f"Failed: {error}\n")
        # Whoever started the task tries again what may pass, and hears of it by nothing but this.
        as_task = DAGSTER_PIPES_CONTEXT_ENV_VAR in environ
        return TEMPORARY_FAILURE if as_task and isinstance(error, TransientError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
