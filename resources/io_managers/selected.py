"""The warehouse that ``WAREHOUSE`` names, looked up when a run needs it."""

import os

import dagster as dg

from core.settings import WAREHOUSE
from resources.clients.warehouse import Warehouse
from resources.io_managers.duckdb import DuckDbIOManager
from resources.io_managers.postgres_warehouse import PostgresWarehouseIOManager
from resources.io_managers.redshift import RedshiftIOManager
from resources.io_managers.warehouse import WarehouseReadsAndWrites

ENGINES = {
    "duckdb": DuckDbIOManager,
    "redshift": RedshiftIOManager,
    "postgres": PostgresWarehouseIOManager,
}


class WarehouseIOManager(WarehouseReadsAndWrites, dg.ConfigurableIOManager):
    """Tables of the warehouse of this stage."""

    def warehouse(self) -> Warehouse:
        """The plain client."""
        return ENGINES[WAREHOUSE.require(os.environ)]().warehouse()
