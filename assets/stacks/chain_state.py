"""The node's chain as an asset: which blocks a day has there.

The tables of days depend on it. When the reorganisation sensor gives a loaded day a new version, Dagster shows the
day's tables, and all that was made of them, as stale until they are materialized again.
"""

import dagster as dg

from assets.conventions import OWNERS, RANGES, group_of, tags_of
from assets.stacks.extract.days import span_of
from assets.stacks.extract.source import name_of
from assets.stacks.factory import DB_POOL, ROOM
from assets.stacks.partitions import DAILY
from core.windows import parse_day
from resources.retries import failures_explained
from resources.stacks import StacksResource

CHAIN_KEY = dg.AssetKey(["node", ROOM, "chain"])


@dg.asset(
    key=CHAIN_KEY,
    group_name=group_of(ROOM, "node"),
    tags=tags_of(ROOM, "node"),
    kinds={"postgres"},
    owners=OWNERS,
    partitions_def=DAILY,
    backfill_policy=RANGES,
    pool=DB_POOL,
)
def chain(context: dg.AssetExecutionContext, stacks: StacksResource) -> None:
    """The UTC day's heights on the node's canonical chain: what a reorganisation changes."""
    with failures_explained(), stacks.indexer().snapshot() as snapshot:
        for key in context.partition_keys:
            span = span_of(snapshot, parse_day(key))
            edges = {"first_height": span.before + 1, "last_height": span.last, "last_block": name_of(snapshot, span)}
            context.add_asset_metadata({"rows": span.last - span.before, **edges}, partition_key=key)
