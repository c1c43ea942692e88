"""Which warehouse there is, and who may do what in it."""

from typing import Literal

from core.settings.base import Settings, Text, setting


class Warehouse(Settings):
    """Which warehouse there is, and who may do what in it."""

    engine: Literal["duckdb", "redshift", "postgres"] = setting(
        "WAREHOUSE",
        "The warehouse's engine: duckdb is a file under HEADWATER_HOME, the others are told of by the settings "
        "of their name.",
        "redshift",
        "duckdb",
    )
    loader_role: Text | None = setting(
        "WAREHOUSE_LOADER_ROLE",
        "Role that a migration grants what loading takes, where tables are not owned by who loads; no grants "
        "when not set.",
        "headwater_loader",
    )
    dbt_role: Text | None = setting(
        "WAREHOUSE_DBT_ROLE",
        "Role that a migration grants what dbt takes: to read the loaded tables and make its own beside them.",
        "headwater_dbt",
    )
    reader_role: Text | None = setting(
        "WAREHOUSE_READER_ROLE",
        "Role that a migration grants reading every table.",
        "headwater_reader",
    )
