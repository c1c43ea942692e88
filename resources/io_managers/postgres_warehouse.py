"""PostgreSQL as the warehouse of a room with a lake."""

from dataclasses import replace

import dagster as dg

from core.settings.postgres import Postgres
from core.settings.warehouse import Warehouse
from resources.clients.postgres.warehouse import PostgresWarehouse
from resources.configured import ReadsSettings
from resources.io_managers.warehouse import WarehouseReadsAndWrites, roles
from resources.postgres import postgres_address, postgres_in_force


class PostgresWarehouseIOManager(ReadsSettings, WarehouseReadsAndWrites, dg.ConfigurableIOManager):
    """Tables of the PostgreSQL behind ``POSTGRES_HOST``, locally of the embedded one when that is not set."""

    def warehouse(self) -> PostgresWarehouse:
        """The plain client."""
        address = postgres_address(self.settings(Postgres), self.of_stage())
        named = roles(self.settings(Warehouse))
        return PostgresWarehouse(address, replace(named, dbt=named.dbt or address.dbt_user))

    def in_force(self) -> dict[str, str]:
        """Where the warehouse is; no password."""
        return {"Warehouse": f"PostgreSQL, {postgres_in_force(self.settings(Postgres), self.of_stage())}"}
