"""The room's assets: a job's day of minutes, what is missing of it and why, and what follows from it."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, get_args

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from assets.conventions import OWNERS, RANGES, group_of, lake_table, tags_of, warehouse_table
from assets.exchanges import universe as universes
from assets.exchanges.comparing import compared
from assets.exchanges.crosscheck import Finding, Severity, market_limits
from assets.exchanges.download import Exchange, command, download, figures
from assets.exchanges.market_prices import COINS, PRICES, against_markets, prices_of
from assets.exchanges.minutes import STATUSES
from assets.exchanges.names import JobName, parse_job, task_definition_name
from assets.exchanges.partitions import JOB_DAYS, JOBS
from assets.exchanges.plot import recent_closes
from assets.exchanges.repair import Choice
from assets.exchanges.resample import DAY_MS, HOUR_MS
from assets.exchanges.stored import stored_days
from assets.exchanges.tables import (
    MARKET_CROSSCHECK,
    OHLCV_1D,
    OHLCV_1H,
    OHLCV_1M,
    OHLCV_GAPS,
    TABLES,
    VENDOR_CROSSCHECK,
)
from assets.exchanges.transform import (
    Explained,
    explained,
    finding_rows,
    gap_rows,
    long_bars,
    long_rows,
    minute_rows,
)
from core.errors import SettingError
from core.tables import Table
from core.windows import parse_day
from resources.clients.exchanges.objects import COLUMNS as RAW_COLUMNS
from resources.clients.exchanges.objects import SCHEMA as RAW_SCHEMA
from resources.clients.exchanges.profiles import profile_of
from resources.clients.lake.reading import LakeObject
from resources.exchanges import ExchangesResource, environ_of_task, tags_of_task
from resources.io_managers.postgres import PostgresIOManager
from resources.plots import DAYS, MOST_PANELS, plot_by_day

ROOM = "exchanges"
UNIVERSE_KEY = dg.AssetKey(["lake", ROOM, "universe"])
RAW_KEY = dg.AssetKey(["lake", ROOM, "ohlcv_1m_raw"])
MARKET_KEYS = [dg.AssetKey(["marts", "markets", name]) for name in (PRICES, COINS)]
RAW_DESCRIPTION = (
    "A job's minutes as the vendor sends them, one object for each symbol and day, with the time that each value was "
    "first known; bars off the minute as well. Grain: one row per symbol and bar."
)
# Fetched at 01:20 UTC: at 03:00 yesterday has to be there.
FRESHNESS = dg.FreshnessPolicy.cron(deadline_cron="0 3 * * *", lower_bound_delta=timedelta(hours=2))
# One caller at a time for each exchange: it counts requests by address.
POOL = "exchanges"
UNIVERSE_COLUMNS = dg.TableSchema(
    [
        dg.TableColumn("vendor", "string", description="CCXT, or BINANCE for its own dumps."),
        dg.TableColumn("exchange", "string", description="ccxt's name of the exchange."),
        dg.TableColumn("currency_pair", "string", description="The pair, as BTC_USDT."),
    ]
)


class Repair(dg.Config):
    """What is fetched of a day that is there already."""

    pairs: list[str] = Field(default=[], description="Only these pairs of the universe; all of it without any.")
    unfetched_only: bool = Field(
        default=False, description="Only pairs with minutes that are missing and were not looked for twice."
    )


def _shown(field: pa.Field) -> dg.TableColumn:
    constraints = dg.TableColumnConstraints(nullable=field.nullable)
    return dg.TableColumn(field.name, str(field.type), description=RAW_COLUMNS[field.name], constraints=constraints)


@dg.asset(
    key=UNIVERSE_KEY,
    description="The pairs of each job, by version. Grain: one version per file.",
    group_name=group_of(ROOM, "lake"),
    tags=tags_of(ROOM, "lake"),
    kinds={"python", "json"},
    owners=OWNERS,
    metadata={"dagster/column_schema": UNIVERSE_COLUMNS},
)
def universe() -> dg.MaterializeResult:
    """Every version, checked, with its hash."""
    found = [universes.load(version) for version in universes.versions()]
    told: dict[str, Any] = {"rows": sum(len(pairs) for one in found for pairs in one.pairs.values())}
    for one in found:
        counts = ", ".join(f"{vendor} {exchange} {len(pairs)}" for (vendor, exchange), pairs in one.pairs.items())
        told |= {f"{one.version}": counts, f"{one.version} sha256": one.sha256}
    return dg.MaterializeResult(metadata=told)


@dg.asset(
    key=RAW_KEY,
    description=RAW_DESCRIPTION,
    group_name=group_of(ROOM, "lake"),
    tags=tags_of(ROOM, "lake"),
    kinds={"python", "s3"},
    owners=OWNERS,
    metadata={"dagster/column_schema": dg.TableSchema([*map(_shown, RAW_SCHEMA)])},
    deps=[universe],
    freshness_policy=FRESHNESS,
    partitions_def=JOB_DAYS,
    pool=POOL,
)
def ohlcv_1m_raw(
    context: dg.AssetExecutionContext, config: Repair, exchanges: ExchangesResource
) -> dg.MaterializeResult:
    """Fetch every symbol of the jobs' days, here or on ECS, and then tell of all that is not complete."""
    choice = Choice(tuple(config.pairs), config.unfetched_only)
    with exchanges.failures_explained():
        exchange, verdicts = Exchange.of(exchanges.environ(), exchanges.stage), []
        for key, (job, day) in _job_days(context).items():
            if exchange.given.execution == "ecs":
                told = _on_ecs(context, exchanges, job, day, choice)
            else:
                source = "the sample of this repository" if exchange.is_sample else "the exchange"
                context.log.info(f"{job.key} {day}: from {source} to {exchange.objects.store.uri(exchange.prefix)}")
                done = download(exchange, job, day, choice)
                told = figures(done) | {"results": dg.MetadataValue.text("\n".join(map(str, done.results)))}
                verdicts += [verdict] if (verdict := done.verdict(exchange.policy, f"{job.key} {day}")) else []
            context.add_asset_metadata(told, partition_key=key)
        if verdicts:
            exchange.policy.tell("; ".join(verdicts), context.log.warning)
    return dg.MaterializeResult()


def _on_ecs(
    context: dg.AssetExecutionContext, exchanges: ExchangesResource, job: JobName, day: date, choice: Choice
) -> dict[str, Any]:
    """Run the same program as a task, with the settings of this run; what it reported."""
    exchange = Exchange.of(exchanges.environ(), exchanges.stage)
    environ = environ_of_task(exchanges.environ(), exchange.stage.stage)
    try:
        definition = task_definition_name(exchange.stage.stage, exchange.given.user)
    except ValueError as error:
        raise SettingError(f"EXCHANGES_EXECUTION=ecs: {error}") from None
    done = exchanges.ecs().run(
        context=context,
        definition=definition,
        command=command(job, day, choice),
        environment=environ,
        place=exchanges.place(),
        tags=tags_of_task(environ, job.key, f"{day}"),
    )
    return dict(done.get_materialize_result().metadata or {})


def _lake(table: Table, deps: list[Any]) -> Any:
    return dg.asset(**lake_table(table, FRESHNESS), deps=deps, io_manager_key="lake", partitions_def=JOB_DAYS)


@_lake(OHLCV_1M, [ohlcv_1m_raw])
def ohlcv_1m(context: dg.AssetExecutionContext, exchanges: ExchangesResource) -> pa.Table:
    """The bars on the minute, of every symbol that has any."""
    found = []
    with exchanges.failures_explained():
        for key, (job, day) in _job_days(context).items():
            days = list(_explained(exchanges, job, day))
            told = {f"minutes_{status}": sum(one.account.minutes[status] for one in days) for status in STATUSES}
            moved = {
                "off_grid": sum(one.account.off_grid for one in days),
                "off_grid_moved": sum(one.moved for one in days),
            }
            context.add_asset_metadata(told | moved, partition_key=key)
            found.append(minute_rows(job.key, day, days))
    return pa.concat_tables(found)


@_lake(OHLCV_GAPS, [ohlcv_1m_raw])
def ohlcv_gaps(context: dg.AssetExecutionContext, exchanges: ExchangesResource) -> pa.Table:
    """What is missing of the day, and why."""
    with exchanges.failures_explained():
        of = _job_days(context).values()
        return pa.concat_tables([gap_rows(job.key, day, _explained(exchanges, job, day)) for job, day in of])


@_lake(OHLCV_1H, [])
def ohlcv_1h(context: dg.AssetExecutionContext, ohlcv_1m: pa.Table) -> pa.Table:
    """Hours of the minutes."""
    of = _job_days(context).values()
    return pa.concat_tables([long_rows(OHLCV_1H, job.key, day, _of(ohlcv_1m, job, day), HOUR_MS) for job, day in of])


@_lake(OHLCV_1D, [])
def ohlcv_1d(context: dg.AssetExecutionContext, exchanges: ExchangesResource, ohlcv_1m: pa.Table) -> pa.Table:
    """The day of the minutes, and a picture of the last 90 of them."""
    found = []
    for key, (job, day) in _job_days(context).items():
        rows = long_rows(OHLCV_1D, job.key, day, _of(ohlcv_1m, job, day), DAY_MS)
        with exchanges.failures_explained():
            exchange = Exchange.of(exchanges.environ(), exchanges.stage)
            closes = recent_closes(exchange, job, day, rows, days=DAYS, most_pairs=MOST_PANELS)
        if closes:
            context.add_asset_metadata({"closes": plot_by_day(closes)}, partition_key=key)
        found.append(rows)
    return pa.concat_tables(found)


@_lake(VENDOR_CROSSCHECK, [ohlcv_1m_raw])
def vendor_crosscheck(
    context: dg.AssetExecutionContext, exchanges: ExchangesResource, ohlcv_1h: pa.Table, ohlcv_1d: pa.Table
) -> pa.Table:
    """Our bars beside what others have of the same."""
    rows, jobs = [], [parse_job(key) for key in JOBS]
    for key, (job, day) in _job_days(context).items():
        with exchanges.failures_explained():
            exchange = Exchange.of(exchanges.environ(), exchanges.stage)
            hours, days = long_bars(_of(ohlcv_1h, job, day), HOUR_MS), long_bars(_of(ohlcv_1d, job, day), DAY_MS)
            found = compared(exchange, job, jobs, day, hours=hours, days=days)
        context.add_asset_metadata(_by_severity(found), partition_key=key)
        rows.append(finding_rows(VENDOR_CROSSCHECK, job.key, day, found))
    return pa.concat_tables(rows)


@_lake(MARKET_CROSSCHECK, [dg.AssetDep(key, partition_mapping=dg.AllPartitionMapping()) for key in MARKET_KEYS])
def market_crosscheck(
    context: dg.AssetExecutionContext,
    exchanges: ExchangesResource,
    postgres: dg.ResourceParam[PostgresIOManager],
    ohlcv_1d: pa.Table,
) -> pa.Table:
    """Our closes beside what ``markets`` has of the same midnight; it gets its prices later than we our bars."""
    rows, limits = [], market_limits(exchanges.given())
    for key, (job, day) in _job_days(context).items():
        with exchanges.failures_explained():
            prices = prices_of(postgres.postgres(), day)
        found = against_markets(long_bars(_of(ohlcv_1d, job, day), DAY_MS), prices, limits)
        context.add_asset_metadata(_by_severity(found), partition_key=key)
        rows.append(finding_rows(MARKET_CROSSCHECK, job.key, day, found))
    return pa.concat_tables(rows)


def _by_severity(found: list[Finding]) -> dict[str, Any]:
    severities = [one.severity for one in found]
    return {f"findings_{name}": severities.count(name) for name in get_args(Severity)}


def _explained(exchanges: ExchangesResource, job: JobName, day: date) -> Iterator[Explained]:
    exchange = Exchange.of(exchanges.environ(), exchanges.stage)
    days = stored_days(exchange, job, day)
    return explained(days, day, profile_of(job.exchange_id).empty_minute, exchange.given.off_grid)


def _job_days(context: dg.AssetExecutionContext) -> dict[str, tuple[JobName, date]]:
    """The jobs and days of the run's partitions, by key."""
    found = {}
    for key in context.partition_keys:
        of = JOB_DAYS.get_partition_key_from_str(key).keys_by_dimension
        found[str(key)] = (parse_job(of["job"]), parse_day(of["day"]))
    return found


def _of(rows: pa.Table, job: JobName, day: date) -> pa.Table:
    return rows.filter(pc.and_(pc.equal(rows.column("job"), job.key), pc.equal(rows.column("day"), day)))


def _loaded(table: Table) -> dg.AssetsDefinition:
    """The asset that loads a table's partitions into the warehouse."""

    @dg.asset(
        **warehouse_table(table, FRESHNESS),
        ins={"days": dg.AssetIn(key=table.lake_key, input_manager_key="lake")},
        io_manager_key="warehouse",
        partitions_def=JOB_DAYS,
        backfill_policy=RANGES,
        pool="warehouse",
    )
    def load(days: LakeObject) -> LakeObject:
        return days

    load.__doc__ = f"Load {table.name}."
    return load


# None of these has a backfill policy, so that a backfill fetches by one run for each job and day. Dagster tags such a
# run with its job, by which the run queue lets one at a time go; a run of a range of partitions has no such tag.
LAKE_ASSETS = (universe, ohlcv_1m_raw, ohlcv_1m, ohlcv_gaps, ohlcv_1h, ohlcv_1d, vendor_crosscheck)
WAREHOUSE_ASSETS = tuple(map(_loaded, TABLES))
EXCHANGES_ASSETS = (*LAKE_ASSETS, market_crosscheck, *WAREHOUSE_ASSETS)
