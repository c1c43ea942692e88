"""Materializing parts of the graph in a test's own directory, and reading what came out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import dagster as dg

from assets.ethereum.tables import TABLES
from core.windows import DayWindow
from resources.clients.lake.lake import Lake
from resources.clients.lake.store_of_uri import store_for
from resources.dbt import dbt_resource
from resources.ethereum import EthereumNodeResource
from resources.io_managers.duckdb import DuckDbIOManager
from resources.io_managers.lake import LakeIOManager
from resources.io_managers.selected import WarehouseIOManager
from resources.retries import sentence_of
from resources.stages import resources_for
from schedules.ethereum import ROOM

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
LAKE, WAREHOUSE, MARTS = (
    "key:lake/ethereum/*",
    "key:warehouse/ethereum/*",
    "key:marts/ethereum/* or key:intermediate/ethereum/*",
)
MARTS_AND_PARTS = (
    "aggregate_transaction_metrics_by_block",
    "aggregate_metrics_by_day",
    "daily_chain_metrics",
    "daily_contract_metrics",
    "daily_token_metrics",
    "int_ethereum__daily_token_transfers",
)
ALL_DAYS = DayWindow(date(2023, 12, 1), date(2024, 1, 31))


@dataclass
class Graph:
    """The graph with its own lake and warehouse on a given node."""

    home: Path
    node_uri: str
    format: str = "parquet"
    lake_uri: str | None = None
    tracer: str = "parity"
    overrides: dict = field(default_factory=dict)
    instance: dg.DagsterInstance = field(default_factory=dg.DagsterInstance.ephemeral)

    @property
    def warehouse(self):
        return DuckDbIOManager(path=str(self.home / "warehouse.duckdb")).warehouse()

    @property
    def lake(self) -> Lake:
        return Lake(store_for(self.lake_uri or str(self.home / "lake")), self.format)

    def run(self, select: str, *days: date, expect_success: bool = True) -> dg.ExecuteInProcessResult:
        """One run over a window of days."""
        tags = {"dagster/asset_partition_range_start": str(days[0]), "dagster/asset_partition_range_end": str(days[-1])}
        result = dg.materialize(
            [*ROOM.assets, *ROOM.checks],  # Dagster makes jobs anew of all that a run is given
            selection=select,
            resources=self.resources(),
            instance=self.instance,
            tags=tags if len(days) > 1 else None,
            partition_key=str(days[0]) if len(days) == 1 else None,
            run_config=QUIET,
            raise_on_error=False,
        )
        assert result.success == expect_success, failures(result)
        return result

    def evaluate(self, asset_key: Sequence[str], check: str, day: date) -> dg.AssetCheckEvaluation:
        """One check alone, on one day."""
        key = dg.AssetCheckKey(dg.AssetKey(asset_key), check)
        (definition,) = (found for found in ROOM.checks if key in found.check_keys)
        result = dg.materialize(
            [*ROOM.assets, definition],
            selection=dg.AssetSelection.checks(key),
            resources=self.resources(),
            instance=self.instance,
            tags={"dagster/partition": str(day)},
            run_config=QUIET,
            raise_on_error=False,
        )
        (evaluation,) = result.get_asset_check_evaluations()
        return evaluation

    def resources(self) -> dict:
        return (
            resources_for("local")
            | {
                "ethereum": EthereumNodeResource(provider_uri=self.node_uri, tracer=self.tracer),
                "lake": LakeIOManager(uri=self.lake_uri or str(self.home / "lake"), format=self.format),
                "warehouse": DuckDbIOManager(path=str(self.home / "warehouse.duckdb")),
                "dbt": dbt_resource(),
            }
            | self.overrides
        )

    def lake_rows(self, days: Sequence[date]) -> dict[str, list[dict]]:
        lake = self.lake
        return {table.name: lake.open(table, days).table().to_pylist() for table in TABLES}

    def warehouse_rows(self) -> dict[str, list[dict]]:
        return {table.name: sorted_rows(self.warehouse.read(table, ALL_DAYS).to_pylist()) for table in TABLES}

    def marts(self) -> dict[str, list[dict]]:
        return {
            name: sorted_rows(self.warehouse.query(f"SELECT * FROM ethereum.{name}").to_pylist())
            for name in MARTS_AND_PARTS
        }


@dataclass
class ConfiguredGraph(Graph):
    """The graph as the settings in the environment make it."""

    @property
    def warehouse(self):
        return WarehouseIOManager().warehouse()

    def resources(self):
        return resources_for("test")


def sorted_rows(rows: list[dict]) -> list[dict]:
    """In an order of their own, whatever the engine's."""
    return sorted(rows, key=lambda row: str(sorted(row.items())))


def failures(result: dg.ExecuteInProcessResult) -> list[str]:
    """What each failed step said."""
    said = []
    for event in result.filter_events(lambda event: event.is_step_failure):
        cause = sentence_of(event.step_failure_data.error)
        said.append(f"{event.step_key}: {cause.message if cause else event.message}")
    return said
