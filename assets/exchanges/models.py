"""The room's dbt models: views of the days and gaps, in the warehouse that its tables are loaded into."""

from datetime import timedelta

import dagster as dg
from dagster_dbt import dbt_assets

from assets.dbt.build import build
from assets.dbt.manifest import MANIFEST
from assets.dbt.translator import RoomTranslator
from assets.exchanges.tables import TABLES
from resources.dbt import PROJECT, Dbt
from resources.io_managers.selected import WarehouseIOManager
from resources.retries import failures_explained

# Bars are fetched at 01:20 UTC.
FRESHNESS = dg.FreshnessPolicy.cron(deadline_cron="0 4 * * *", lower_bound_delta=timedelta(hours=3))
TRANSLATOR = RoomTranslator("exchanges", "duckdb", FRESHNESS)


@dbt_assets(
    manifest=MANIFEST,
    select="tag:exchanges",
    dagster_dbt_translator=TRANSLATOR,
    project=PROJECT,
    pool="warehouse",
)
def exchanges_views(context: dg.AssetExecutionContext, dbt: Dbt, warehouse: dg.ResourceParam[WarehouseIOManager]):
    """Views of days and gaps; they show new partitions as soon as these are loaded."""
    with failures_explained():
        client = warehouse.warehouse()
        client.migrate(*TABLES)  # views also read tables that nothing was loaded into yet
        yield from build(context, dbt, client, TRANSLATOR, None)
