"""Balance changes of mainnet that no transaction made: the genesis allocation and the DAO fork.

``mainnet_state_changes.csv.gz`` holds both: 8,893 accounts of the genesis block with 72,009,990.49948 ether in all,
and the 116 accounts drained into the refund contract at block 1,920,000.
"""

import csv
import gzip
from collections.abc import Callable, Collection
from pathlib import Path

from assets.ethereum.transform.traces import Row
from core.errors import SettingError

KINDS = ("genesis", "daofork")
_FILE = Path(__file__).with_name("mainnet_state_changes.csv.gz")


MAINNET = 1


def require_mainnet(kinds: Collection[str], chain_id: Callable[[], int]) -> None:
    """Refuse mainnet's balance changes on any other chain; another with the same genesis never had the DAO fork.

    chain_id: asks the node, only when there is something to add.

    Raises:
        SettingError: naming the setting and the node's chain.
    """
    if kinds and (found := chain_id()) != MAINNET:
        raise SettingError(
            f"ETHEREUM_STATE_CHANGES={','.join(kinds)}: these balance changes are of Ethereum's mainnet (chain id "
            f"{MAINNET}); the node is of chain id {found}. Unset it for this chain; nothing was published."
        )


def mainnet_state_changes(kinds: Collection[str]) -> dict[int, list[Row]]:
    """The changes of these kinds by block number; value in wei.

    Raises:
        SettingError: for a kind that is not known.
    """
    unknown = set(kinds) - set(KINDS)
    if unknown:
        raise SettingError(f"ETHEREUM_STATE_CHANGES: {', '.join(sorted(unknown))} unknown; use {' or '.join(KINDS)}.")
    if not kinds:
        return {}
    by_block: dict[int, list[Row]] = {}
    with gzip.open(_FILE, "rt", newline="") as file:
        for row in csv.DictReader(file):
            if row["trace_type"] in kinds:
                number = int(row["block_number"])
                change = {"block_number": number, "value": int(row["value"]), "trace_type": row["trace_type"]}
                change |= {name: row[name] or None for name in ("from_address", "to_address")}
                by_block.setdefault(number, []).append(change)
    return by_block
