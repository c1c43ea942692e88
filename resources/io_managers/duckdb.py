"""DuckDB as the warehouse: a file of this machine, or in memory for tests."""

import os

import dagster as dg

from core.settings import warehouse_file_from
from resources.clients.duckdb.warehouse import DuckDbWarehouse
from resources.io_managers.warehouse import WarehouseReadsAndWrites


class DuckDbIOManager(WarehouseReadsAndWrites, dg.ConfigurableIOManager):
    """Tables in ``$HEADWATER_HOME/warehouse.duckdb``."""

    path: str | None = None

    def warehouse(self) -> DuckDbWarehouse:
        """The plain client."""
        return DuckDbWarehouse(self.path or str(warehouse_file_from(os.environ)))


class InMemoryWarehouseIOManager(WarehouseReadsAndWrites, dg.IOManager):
    """The same in this process, for pytest: what one ``materialize`` loaded, the next one reads."""

    def __init__(self) -> None:
        self._warehouse = DuckDbWarehouse(":memory:")

    def warehouse(self) -> DuckDbWarehouse:
        """The plain client."""
        return self._warehouse
