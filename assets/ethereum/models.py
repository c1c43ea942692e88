"""The room's dbt models, built where its tables are loaded."""

from datetime import timedelta

import dagster as dg
from dagster_dbt import dbt_assets

from assets.conventions import RANGES
from assets.dbt.build import build
from assets.dbt.manifest import MANIFEST
from assets.dbt.translator import RoomTranslator
from assets.ethereum.partitions import DAILY
from assets.ethereum.tables import TABLES
from core.windows import DayWindow, parse_day
from resources.dbt import PROJECT, Dbt
from resources.io_managers.selected import WarehouseIOManager
from resources.retries import failures_explained

# Due at 02:00 UTC; two hours later they count as late.
FRESHNESS = dg.FreshnessPolicy.cron(deadline_cron="0 4 * * *", lower_bound_delta=timedelta(hours=3))
TRANSLATOR = RoomTranslator("ethereum", "duckdb", FRESHNESS)


@dbt_assets(
    manifest=MANIFEST,
    select="tag:ethereum",
    dagster_dbt_translator=TRANSLATOR,
    project=PROJECT,
    partitions_def=DAILY,
    backfill_policy=RANGES,
    pool="warehouse",
)
def ethereum_aggregates(context: dg.AssetExecutionContext, dbt: Dbt, warehouse: dg.ResourceParam[WarehouseIOManager]):
    """Daily metrics of the run's days, built and tested by dbt in one invocation."""
    days = [parse_day(key) for key in context.partition_keys]
    with failures_explained():
        client = warehouse.warehouse()
        client.migrate(*TABLES)  # models also read tables that nothing was loaded into, as without tracing
        yield from build(context, dbt, client, TRANSLATOR, DayWindow(days[0], days[-1]))
