"""PostgreSQL as the warehouse of a room with a lake."""

from dataclasses import replace

import dagster as dg

from resources.clients.postgres.warehouse import PostgresWarehouse
from resources.io_managers.postgres import postgres_address
from resources.io_managers.warehouse import WarehouseReadsAndWrites, roles


class PostgresWarehouseIOManager(WarehouseReadsAndWrites, dg.ConfigurableIOManager):
    """Tables of the PostgreSQL behind ``POSTGRES_HOST``, locally of the embedded one when that is not set."""

    def warehouse(self) -> PostgresWarehouse:
        """The plain client."""
        address, named = postgres_address(), roles()
        return PostgresWarehouse(address, replace(named, dbt=named.dbt or address.dbt_user))
