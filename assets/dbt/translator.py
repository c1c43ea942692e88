"""From dbt's names to asset keys: sources are warehouse tables, models are marts."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject

from assets.conventions import OWNERS, group_of, tags_of


class RoomTranslator(DagsterDbtTranslator):
    """``models/<layer>/<room>/<model>.sql`` is ``<layer>/<room>/<model>``, seeds and folders below it alike.

    A source is ``warehouse/<room>/<table>``, one of the schema ``raw`` is ``raw/<room>/<table>``.
    """

    def __init__(self, room: str, engine: str, freshness: dg.FreshnessPolicy) -> None:
        """engine: what builds the room's models. freshness: when they count as late."""
        super().__init__()
        self.room = room
        self._engine = engine
        self._freshness = freshness

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = manifest["nodes"].get(unique_id)
        # As everywhere in the house: schema and table. What the database is called differs from stage to stage.
        named = {"dagster/table_name": f"{node['schema']}.{node['name']}"} if node else {}
        return spec.replace_attributes(
            freshness_policy=self._freshness, kinds={"dbt", self._engine}, metadata={**spec.metadata, **named}
        )

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        return dg.AssetKey([*_place(dbt_resource_props), dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        layer, room = _place(dbt_resource_props)
        return group_of(room, layer)

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        return OWNERS

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return dbt_resource_props.get("description") or ""

    def get_tags(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, str]:
        layer, room = _place(dbt_resource_props)
        return tags_of(room, layer)


def _place(node: Mapping[str, Any]) -> tuple[str, str]:
    """Layer and room of what dbt knows as a node or a source."""
    if node["resource_type"] == "source":
        return "raw" if node["schema"] == "raw" else "warehouse", node["source_name"]
    layer, room = node["fqn"][1:3]
    return layer, room
