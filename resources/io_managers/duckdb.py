"""DuckDB as the warehouse: a file of this machine, or in memory for tests."""

import dagster as dg

from resources.clients.duckdb.warehouse import DuckDbWarehouse
from resources.configured import ReadsSettings
from resources.io_managers.warehouse import WarehouseReadsAndWrites


class DuckDbIOManager(ReadsSettings, WarehouseReadsAndWrites, dg.ConfigurableIOManager):
    """Tables in ``$HEADWATER_HOME/warehouse.duckdb``."""

    path: str | None = None

    def warehouse(self) -> DuckDbWarehouse:
        """The plain client."""
        return DuckDbWarehouse(self._path())

    def in_force(self) -> dict[str, str]:
        """Where the file is."""
        return {"Warehouse": f"duckdb, embedded: {self._path()}"}

    def _path(self) -> str:
        return self.path or str(self.of_stage().warehouse_file)


class InMemoryWarehouseIOManager(WarehouseReadsAndWrites, dg.IOManager):
    """The same in this process, for pytest: what one ``materialize`` loaded, the next one reads."""

    def __init__(self) -> None:
        self._warehouse = DuckDbWarehouse(":memory:")

    def warehouse(self) -> DuckDbWarehouse:
        """The plain client."""
        return self._warehouse
