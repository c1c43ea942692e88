"""The node's chain as an asset: which blocks a day has there.

Exported blocks depend on it. When the reorganisation sensor gives an exported day a new version, Dagster shows
the day's blocks, and all that was built from them, as stale until they are materialized again.
"""

import dagster as dg

from assets.conventions import EXPORTS, OWNERS, group_of, tags_of
from assets.ethereum.extract.day_range import block_range
from assets.ethereum.partitions import DAILY
from core.windows import parse_day
from resources.ethereum import EthereumNodeResource
from resources.retries import failures_explained

CHAIN_KEY = dg.AssetKey(["node", "ethereum", "chain"])


@dg.asset(
    key=CHAIN_KEY,
    group_name=group_of("ethereum", "node"),
    tags=tags_of("ethereum", "node"),
    kinds={"ethereum"},
    owners=OWNERS,
    partitions_def=DAILY,
    backfill_policy=EXPORTS,
    pool="ethereum_node",
)
def chain(context: dg.AssetExecutionContext, ethereum: EthereumNodeResource) -> None:
    """The UTC day's blocks on the node's final chain: where its exports start, and what a reorganisation changes."""
    with failures_explained():
        node = ethereum.client()
        for key in context.partition_keys:
            blocks = block_range(node, parse_day(key), ethereum.confirmations())
            edges = {}
            if blocks:
                last_hash = node.header(blocks.last)["hash"]
                edges = {"first_block": blocks.first, "last_block": blocks.last, "last_hash": last_hash}
            context.add_asset_metadata({"rows": len(blocks), **edges}, partition_key=key)
