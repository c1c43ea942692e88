"""dbt's models as assets, one set per room, each on its room's partitions."""

import json
from datetime import timedelta

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets

from assets.dbt.build import build
from assets.dbt.translator import RoomTranslator
from assets.ethereum.tables import TABLES as ETHEREUM_TABLES
from assets.partitions import ETHEREUM_DAILY, RANGES
from core.windows import DayWindow, parse_day
from resources.dbt import PROJECT, prepared_manifest
from resources.io_managers.duckdb import DuckDbIOManager
from resources.retries import failures_explained

MANIFEST = json.loads(prepared_manifest().read_text())
# Due at 02:00 UTC; two hours later they count as late.
ETHEREUM_FRESHNESS = dg.FreshnessPolicy.cron(deadline_cron="0 4 * * *", lower_bound_delta=timedelta(hours=3))
TRANSLATOR = RoomTranslator(ETHEREUM_FRESHNESS)


@dbt_assets(
    manifest=MANIFEST,
    select="tag:ethereum",
    dagster_dbt_translator=TRANSLATOR,
    project=PROJECT,
    partitions_def=ETHEREUM_DAILY,
    backfill_policy=RANGES,
    pool="warehouse",
)
def ethereum_aggregates(
    context: dg.AssetExecutionContext, dbt: DbtCliResource, warehouse: dg.ResourceParam[DuckDbIOManager]
):
    """Daily metrics of the run's days, built and tested by dbt in one invocation."""
    days = [parse_day(key) for key in context.partition_keys]
    with failures_explained():
        client = warehouse.warehouse()
        client.migrate(*ETHEREUM_TABLES)  # models also read tables that nothing was loaded into, as without tracing
        yield from build(context, dbt, client, MANIFEST, DayWindow(days[0], days[-1]))
