"""From dbt's names to asset keys: sources are warehouse tables, models are marts."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject

from assets.partitions import OWNERS

# What builds a room's models, where it is not the engine the project was parsed for.
ENGINES = {"markets": "postgres"}


class RoomTranslator(DagsterDbtTranslator):
    """``models/<layer>/<room>/<model>.sql`` is ``<layer>/<room>/<model>``, seeds and folders below it alike.

    A source is ``warehouse/<room>/<table>``, one of the schema ``raw`` is ``raw/<room>/<table>``.
    """

    def __init__(self, freshness: dg.FreshnessPolicy) -> None:
        super().__init__()
        self._freshness = freshness

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project).replace_attributes(freshness_policy=self._freshness)
        engine = ENGINES.get(spec.group_name or "")
        return spec.replace_attributes(kinds={"dbt", engine}) if engine else spec

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            layer = "raw" if dbt_resource_props["schema"] == "raw" else "warehouse"
            return dg.AssetKey([layer, dbt_resource_props["source_name"], dbt_resource_props["name"]])
        layer, room = dbt_resource_props["fqn"][1:3]
        return dg.AssetKey([layer, room, dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        if dbt_resource_props["resource_type"] == "source":
            return dbt_resource_props["source_name"]
        return dbt_resource_props["fqn"][2]

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        return OWNERS

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return dbt_resource_props.get("description") or ""

    def get_tags(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, str]:
        return {}
