"""The node's chain as an asset: its version for a day is the hash of the day's last block.

Exported blocks depend on it, so when a day's hash changes after the export, Dagster shows that day, and all that
was built from it, as stale until it is materialized again.
"""

import dagster as dg

from assets.partitions import ETHEREUM_DAILY, OWNERS

CHAIN_STATE_KEY = dg.AssetKey(["node", "ethereum", "chain"])

chain = dg.AssetSpec(
    CHAIN_STATE_KEY,
    description=(
        "The chain behind ETHEREUM_PROVIDER_URI. A day gets a new version when the reorganisation sensor finds that "
        "the node's last block of the day is no longer the one that was exported."
    ),
    group_name="ethereum",
    kinds={"ethereum"},
    owners=OWNERS,
    partitions_def=ETHEREUM_DAILY,
)
