"""Kinds of assets, which the UI shows as icons. Declarations name one lake and one warehouse; the stage has its own."""

from collections.abc import Callable

import dagster as dg

from core.settings.lake import Lake
from core.settings.warehouse import Warehouse


def with_kinds_of(lake: Lake, warehouse: Warehouse) -> Callable[[dg.AssetSpec], dg.AssetSpec]:
    """Gives a spec the warehouse that there is, and S3 only where the lake lies there."""
    here = {
        "duckdb": warehouse.engine,
        "s3": "s3" if (lake.uri or "").startswith("s3://") else lake.format,
    }
    return lambda spec: spec.replace_attributes(kinds={here.get(kind, kind) for kind in spec.kinds})
