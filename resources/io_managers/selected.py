"""The warehouse that ``WAREHOUSE`` names, looked up when a run needs it."""

import dagster as dg

from core.settings import warehouse as warehouse_settings
from resources.clients.warehouse import Warehouse
from resources.configured import ReadsSettings
from resources.io_managers.duckdb import DuckDbIOManager
from resources.io_managers.postgres_warehouse import PostgresWarehouseIOManager
from resources.io_managers.redshift import RedshiftIOManager
from resources.io_managers.warehouse import WarehouseReadsAndWrites

ENGINES = {
    "duckdb": DuckDbIOManager,
    "redshift": RedshiftIOManager,
    "postgres": PostgresWarehouseIOManager,
}


class WarehouseIOManager(ReadsSettings, WarehouseReadsAndWrites, dg.ConfigurableIOManager):
    """Tables of the warehouse of this stage. engine: instead of ``WAREHOUSE``."""

    engine: str | None = None

    def warehouse(self) -> Warehouse:
        """The plain client."""
        return self._chosen().warehouse()

    def in_force(self) -> dict[str, str]:
        """The engine, and where it is."""
        return self._chosen().in_force()

    def _chosen(self) -> DuckDbIOManager | RedshiftIOManager | PostgresWarehouseIOManager:
        engine = self.settings(warehouse_settings.Warehouse).engine
        return ENGINES[engine](stage=self.stage).sharing(self)
