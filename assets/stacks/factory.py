"""How the room's assets are made: tables of days, kept answers, tables of moments, and published objects."""

import inspect
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg

from assets.conventions import OWNERS, group_of, raw_table, tags_of
from assets.stacks.extract.published import no_earlier_than
from assets.stacks.partitions import DAILY
from core.merging import Batch
from core.objects import PublishedObject
from core.tables import Table
from core.windows import parse_day
from resources.clients.postgres.database import Postgres
from resources.clients.stacks.answers import FOLDER, Bundle
from resources.io_managers.postgres import PostgresIOManager
from resources.retries import failures_explained
from resources.stacks import StacksResource

# An object is of one day.
ONE_DAY_A_RUN = dg.BackfillPolicy.multi_run(max_partitions_per_run=1)
# By bottleneck: the node's database, its API, CoinGecko and LunarCrush.
DB_POOL, API_POOL, PRICE_POOL = "stacks_db", "stacks_api", "price_api"
ROOM = "stacks"

# Days are read at 00:45 UTC and count as late two hours later; what is so now, after three half hours.
DAYS_FRESH = dg.FreshnessPolicy.cron(deadline_cron="0 3 * * *", lower_bound_delta=timedelta(hours=3))
NOW_FRESH = dg.FreshnessPolicy.time_window(fail_window=timedelta(minutes=90))
ONCE_A_DAY_FRESH = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=26))

PostgresParam = dg.ResourceParam[PostgresIOManager]
Make = Callable[[StacksResource, Postgres], Any]
MakeOfDay = Callable[[StacksResource, Postgres, date], Any]


def table_of_days(table: Table, **more: Any) -> dg.AssetSpec:
    """The spec of a table of days in PostgreSQL."""
    told = raw_table(table, DAYS_FRESH)
    told |= {"key": dg.AssetKey(table.warehouse_key), "group_name": group_of(ROOM, "warehouse")}
    told |= {"tags": tags_of(ROOM, "warehouse"), "kinds": {"sql", "postgres"}}
    return dg.AssetSpec(**told, partitions_def=DAILY, **more)


def kept_answers(
    name: str, pool: str, freshness: dg.FreshnessPolicy | None, ask: Callable[[StacksResource], Bundle]
) -> dg.AssetsDefinition:
    """An asset that asks an API for what there is now, and keeps the answers as they came."""

    @dg.asset(
        key=["raw", ROOM, name],
        description=f"{_doc(ask)} Grain: one object per moment, {FOLDER}/{name}/, never changed.",
        group_name=group_of(ROOM, "raw"),
        tags=tags_of(ROOM, "raw"),
        kinds={"python", "s3"},
        owners=OWNERS,
        pool=pool,
        freshness_policy=freshness,
        metadata={"object_key": f"{FOLDER}/{name}/"},
    )
    def answers(context: dg.AssetExecutionContext, stacks: StacksResource) -> dg.MaterializeResult:
        with failures_explained():
            refuse_the_past(context, stacks)
            bundle, raw = ask(stacks), stacks.raw()
            key = raw.keep(bundle)
        absent = bundle.absent()
        for route, reason in absent.items():
            context.log.warning(f"{name}: no {route}, and what follows from it stays as it is: {reason}")
        return dg.MaterializeResult(
            metadata={
                "dagster/uri": raw.store.uri(key),
                "rows": len(bundle.answers),
                "observed_at": bundle.observed_at.isoformat(),
                "run_attempts": sum(answer.attempt for answer in bundle.answers),
                "absent": absent,
            }
        )

    return answers


def table_of_moments(table: Table, deps: Sequence[Any], pool: str | None, make: Make) -> dg.AssetsDefinition:
    """An asset whose rows are added to a table in PostgreSQL. ``make`` gives a ``Batch``."""

    @dg.asset(**raw_table(table, NOW_FRESH), deps=deps, io_manager_key="postgres", pool=pool)
    def rows(context: dg.AssetExecutionContext, stacks: StacksResource, postgres: PostgresParam) -> Batch:
        with failures_explained():
            refuse_the_past(context, stacks)
            return make(stacks, postgres.postgres())

    return rows


def object_of_days(declared: PublishedObject, deps: Sequence[Any], make: MakeOfDay, **more: Any) -> Any:
    """An object for each day, whose newest is published under a second key, too."""

    @dg.asset(
        **_published(declared, make, DAYS_FRESH), deps=deps, partitions_def=DAILY, backfill_policy=ONE_DAY_A_RUN, **more
    )
    def document(context: dg.AssetExecutionContext, stacks: StacksResource, postgres: PostgresParam) -> Any:
        with failures_explained():
            return make(stacks, postgres.postgres(), parse_day(context.partition_key))

    return document


def object_of_now(
    declared: PublishedObject,
    deps: Sequence[Any],
    make: Make,
    pool: str | None = None,
    *,
    freshness: dg.FreshnessPolicy | None,
) -> Any:
    """An object by a single key, of what there is now; nothing is published when ``make`` gives None."""

    @dg.asset(**_published(declared, make, freshness), deps=deps, pool=pool, output_required=False)
    def document(context: dg.AssetExecutionContext, stacks: StacksResource, postgres: PostgresParam) -> Any:
        with failures_explained():
            refuse_the_past(context, stacks)
            made = make(stacks, postgres.postgres())
        if made is None:
            context.log.warning(f"{declared.key}: its source is absent, so what was published stays.")
        else:
            yield dg.Output(made)

    return document


def refuse_the_past(context: dg.AssetExecutionContext, stacks: StacksResource) -> None:
    """Refuse to write what is so now into the record of a day that is over.

    Raises:
        dagster.Failure: when the run is for a partition older than yesterday.
    """
    tags = context.run.tags
    asked = tags.get("dagster/partition") or tags.get("dagster/asset_partition_range_start")
    if asked and parse_day(asked) < no_earlier_than(stacks.clock().now()):
        raise dg.Failure(
            description=f"{context.asset_key.to_user_string()} tells what is so now, and the run is for {asked}. "
            "Materialize it without a partition.",
            allow_retries=False,
        )


def _published(
    declared: PublishedObject, make: Callable[..., Any], freshness: dg.FreshnessPolicy | None
) -> dict[str, Any]:
    grain = "one object per day, and the newest once more" if declared.latest else "one object"
    return {
        "key": dg.AssetKey(declared.asset_key),
        "description": f"{_doc(make)} Grain: {grain}, {declared.key}.",
        "group_name": group_of(ROOM, "lake"),
        "tags": tags_of(ROOM, "lake"),
        "kinds": {"python", "s3"},
        "owners": OWNERS,
        "io_manager_key": "stacks_objects",
        "freshness_policy": freshness,
        "metadata": {"object_key": declared.key},
    }


def _doc(function: Callable[..., Any]) -> str:
    return " ".join((inspect.getdoc(function) or "").split())
