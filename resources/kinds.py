"""Kinds of assets, which the UI shows as icons. Declarations name one lake and one warehouse; the stage has its own."""

import os

import dagster as dg

from core.settings import LAKE_FORMAT, LAKE_URI, WAREHOUSE


def with_kinds_of_stage(spec: dg.AssetSpec) -> dg.AssetSpec:
    """The spec with the warehouse that ``WAREHOUSE`` names, and S3 only where the lake lies there.

    Raises:
        SettingError: when a setting has none of its values.
    """
    on_s3 = (LAKE_URI.read(os.environ) or "").startswith("s3://")
    here = {
        "duckdb": WAREHOUSE.require(os.environ),
        "s3": "s3" if on_s3 else LAKE_FORMAT.require(os.environ),
    }
    return spec.replace_attributes(kinds={here.get(kind, kind) for kind in spec.kinds})
