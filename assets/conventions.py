"""What all rooms agree on: how an asset is described, who owns it, and how backfills group its days."""

import warnings
from typing import Any

import dagster as dg

from core.tables import Table
from resources.descriptions import described
from resources.io_managers.rows import PLOTTED

# backfill_policy= and partitions_def= on checks work and are tested here; Dagster calls them beta and preview.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
# A job may hold a lake's assets and a warehouse's: in backfills of assets each keeps its own policy.
warnings.filterwarnings("ignore", message="Asset job .* materializes assets with varying BackfillPolicies")

OWNERS = ["team:data-platform"]

# Spool space bounds how many days one run may export: a mainnet day of 2026 is about 1.5 GB, a task's disk 40 GB. With
# half as many, starting runs would be a third of the hours of a backfill (docs/scaling.md).
EXPORTS = dg.BackfillPolicy.multi_run(max_partitions_per_run=14)
# A load or an aggregate of a whole range costs one run, not one per day.
RANGES = dg.BackfillPolicy.single_run()


def group_of(room: str, layer: str) -> str:
    """The asset's group: one picture in the UI, in which no table's name stands twice."""
    return f"{room}_{layer}"


def tags_of(room: str, layer: str) -> dict[str, str]:
    """What assets are found by in the UI and in selections."""
    return {"room": room, "layer": layer}


def lake_table(table: Table, freshness: dg.FreshnessPolicy | None = None, *, plot_rows: bool = False) -> dict[str, Any]:
    """What ``dg.asset`` and ``dg.AssetSpec`` are told of a table's files in the lake.

    plot_rows: whether each run shows the rows of the last 90 days as a picture.
    """
    told = _described(table, "lake", "s3", freshness)
    plotted = {PLOTTED: True} if plot_rows else {}
    return told | {"key": dg.AssetKey(table.lake_key), "metadata": told["metadata"] | plotted}


def warehouse_table(table: Table, freshness: dg.FreshnessPolicy | None = None) -> dict[str, Any]:
    """The same of a table that is loaded from the lake, column by column."""
    told = _described(table, "warehouse", "duckdb", freshness)
    lake = dg.AssetKey(table.lake_key)
    copied = {column.name: [dg.TableColumnDep(asset_key=lake, column_name=column.name)] for column in table.columns}
    more = {"dagster/table_name": table.address, "dagster/column_lineage": dg.TableColumnLineage(copied)}
    return told | {
        "key": dg.AssetKey(table.warehouse_key),
        "description": f"{table.description} Loaded from the lake, a day at a time. Grain: {table.grain}.",
        "metadata": told["metadata"] | more,
    }


def raw_table(table: Table, freshness: dg.FreshnessPolicy | None = None) -> dict[str, Any]:
    """The same of a table that a source's rows are merged into, in PostgreSQL."""
    told = _described(table, "raw", "postgres", freshness)
    metadata = told["metadata"] | {"dagster/table_name": table.address}
    return told | {"key": dg.AssetKey(table.raw_key), "metadata": metadata}


def _described(table: Table, layer: str, store: str, freshness: dg.FreshnessPolicy | None) -> dict[str, Any]:
    return {
        "description": f"{table.description} Grain: {table.grain}.",
        "group_name": group_of(table.system, layer),
        "tags": tags_of(table.system, layer),
        "kinds": {"python", store},
        "owners": OWNERS,
        "metadata": described(table),
        "freshness_policy": freshness,
    }
