"""What the CDN has been told: the public objects whose bytes have changed since, and no others."""

from typing import Any

import dagster as dg

from assets.conventions import raw_table
from assets.stacks.extract.changed import changed_objects, reference_of
from assets.stacks.factory import NOW_FRESH, PostgresParam, refuse_the_past
from assets.stacks.public.assets import PUBLISHED
from assets.stacks.tables import CDN_TOLD
from core.merging import Batch
from resources.retries import failures_explained
from resources.stacks import StacksObjectIOManager, StacksResource


@dg.asset(
    **raw_table(CDN_TOLD, NOW_FRESH),
    deps=[key for asset in PUBLISHED for key in asset.keys],
    io_manager_key="postgres",
)
def cdn_told(
    context: dg.AssetExecutionContext,
    stacks: StacksResource,
    postgres: PostgresParam,
    stacks_objects: dg.ResourceParam[StacksObjectIOManager],
) -> Batch:
    """Invalidate the objects that changed at the CDN; none where STACKS_CDN_DISTRIBUTION is not set."""
    with failures_explained():
        refuse_the_past(context, stacks)
        cdn = stacks.cdn()
        if cdn is None:
            context.log.info("STACKS_CDN_DISTRIBUTION is not set: no CDN is told.")
            return Batch([], source="no CDN")
        changed = changed_objects(stacks_objects.objects(), postgres.postgres())
        told: dict[str, Any] = {"told_at": stacks.clock().now(), "invalidation": "-"}
        if changed:
            told["invalidation"] = cdn.invalidate([one.key for one in changed], reference_of(changed))
    context.add_output_metadata({"invalidated": [one.key for one in changed], "invalidation": told["invalidation"]})
    return Batch([{"key": one.key, "sha256": one.sha256, **told} for one in changed], source=str(cdn))


CDN: tuple[dg.AssetsDefinition, ...] = (cdn_told,)
