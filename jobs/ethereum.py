"""The old four DAGs as jobs: export, load, increment aggregates, and the manual full refresh; and the migration."""

import dagster as dg

from assets.dbt.build import rebuild
from assets.ethereum.assets import LAKE_ASSETS, WAREHOUSE_ASSETS, WAREHOUSE_POOL
from assets.ethereum.chain_state import chain
from assets.ethereum.models import TRANSLATOR, ethereum_aggregates
from assets.ethereum.tables import TABLES
from resources.dbt import Dbt
from resources.io_managers.selected import WarehouseIOManager
from resources.retries import failures_explained

ethereum_export_job = dg.define_asset_job(
    "ethereum_export_job",
    selection=dg.AssetSelection.assets(chain, *LAKE_ASSETS),
    description="Export the day's datasets from the node to the lake.",
)

ethereum_load_job = dg.define_asset_job(
    "ethereum_load_job",
    selection=dg.AssetSelection.assets(*WAREHOUSE_ASSETS),
    description="Load the day's datasets from the lake into the warehouse.",
)

ethereum_aggregates_job = dg.define_asset_job(
    "ethereum_aggregates_job",
    selection=dg.AssetSelection.assets(ethereum_aggregates),
    description="Build and test the day's aggregates with dbt.",
)


@dg.op(pool=WAREHOUSE_POOL)
def rebuild_aggregates(
    context: dg.OpExecutionContext, dbt: Dbt, warehouse: dg.ResourceParam[WarehouseIOManager]
) -> None:
    """Rebuild every aggregate from all days in the warehouse; each table is swapped in when it is complete."""
    with failures_explained():
        client = warehouse.warehouse()
        client.migrate(*TABLES)
        rebuild(context, dbt, client, TRANSLATOR)


@dg.job(description="Rebuild all aggregates from scratch. Started by hand: needed after a model's SQL changed.")
def ethereum_full_refresh_job() -> None:
    """The old refresh DAG."""
    rebuild_aggregates()


@dg.op(pool=WAREHOUSE_POOL)
def migrate_warehouse(warehouse: dg.ResourceParam[WarehouseIOManager]) -> None:
    """Create or extend every table, and give the roles their rights."""
    with failures_explained():
        client = warehouse.warehouse()
        client.migrate(*TABLES)
        client.grant(*TABLES)


@dg.job(
    description="Create the warehouse's tables, add columns, grant rights. Loads do the first two by themselves where "
    "they own the tables; started by hand as the owner where they do not, or when roles were named later."
)
def ethereum_migration_job() -> None:
    """What an administrator runs before the first load."""
    migrate_warehouse()


JOBS = (
    ethereum_export_job,
    ethereum_load_job,
    ethereum_aggregates_job,
    ethereum_full_refresh_job,
    ethereum_migration_job,
)
