"""Single rows of the indexer's tables, as dicts of the columns that matter."""

import hashlib
from typing import Any

Row = dict[str, Any]
TRANSFER, CALL, COINBASE, TENURE = 0, 2, 4, 7
NO_HASH = bytes(32)
# The microblock sequence of a transaction that is in no microblock.
ANCHORED = 0x7FFFFFFF


def digest(*parts: object) -> bytes:
    """Thirty-two bytes that look like a hash and follow from the parts."""
    return hashlib.sha256(repr(parts).encode()).digest()


def block_of(parent: Row, name: bytes, time: int, burn_height: int, canonical: bool) -> Row:
    """The block after ``parent``."""
    return {
        "index_block_hash": name,
        "block_hash": digest("hash", name),
        "block_height": parent["block_height"] + 1,
        "burn_block_time": time,
        "burn_block_hash": digest("burn", burn_height),
        "burn_block_height": burn_height,
        "miner_txid": digest("miner", name),
        "parent_index_block_hash": parent["index_block_hash"],
        "parent_block_hash": parent["block_hash"],
        "parent_microblock_hash": NO_HASH,
        "parent_microblock_sequence": 0,
        "canonical": canonical,
        "block_time": time,
    }


def transaction(block: Row, name: bytes, index: int, kind: int, *, sender: str, paid: tuple[str, int] | None) -> Row:
    """A transaction that succeeded and cost nothing; ``paid``: recipient and µSTX of a transfer."""
    return {
        "tx_id": name,
        "tx_index": index,
        "index_block_hash": block["index_block_hash"],
        "block_hash": block["block_hash"],
        "block_height": block["block_height"],
        "parent_block_hash": block["parent_block_hash"],
        "burn_block_time": block["burn_block_time"],
        "parent_burn_block_time": block["burn_block_time"],
        "type_id": kind,
        "status": 1,
        "canonical": block["canonical"],
        "nonce": index,
        "fee_rate": 0,
        "sponsor_address": None,
        "sender_address": sender,
        "microblock_canonical": True,
        "microblock_sequence": ANCHORED,
        "microblock_hash": b"",
        "parent_index_block_hash": block["parent_index_block_hash"],
        "token_transfer_recipient_address": paid[0] if paid else None,
        "token_transfer_amount": paid[1] if paid else None,
        "token_transfer_memo": bytes(34) if paid else None,
        "burn_block_height": block["burn_block_height"],
    }


def microblock(block: Row, tx: Row) -> Row:
    """The microblock of a transaction that no block confirmed."""
    return {
        "receive_timestamp": block["burn_block_time"] + tx["tx_index"],
        "canonical": block["canonical"],
        "microblock_canonical": False,
        "microblock_hash": digest("micro", tx["index_block_hash"], tx["tx_index"]),
        "microblock_sequence": 1,
        "microblock_parent_hash": block["parent_block_hash"],
        "index_block_hash": block["index_block_hash"],
        "parent_index_block_hash": block["parent_index_block_hash"],
        "block_height": block["block_height"],
        "parent_block_height": block["block_height"] - 1,
        "parent_block_hash": block["parent_block_hash"],
        "parent_burn_block_height": block["burn_block_height"] - 1,
        "parent_burn_block_time": block["burn_block_time"],
        "parent_burn_block_hash": block["burn_block_hash"],
        "block_hash": block["block_hash"],
    }


def waiting(tip: Row, number: int, sender: str) -> Row:
    """A transaction of the mempool; every fifth was dropped from it, every third moves STX."""
    paid = number % 3 == 0
    return {
        "pruned": number % 5 == 0,
        "tx_id": digest("mempool", number),
        "type_id": TRANSFER if paid else CALL,
        "nonce": number,
        "fee_rate": 200 + number,
        "sponsored": False,
        "sender_address": sender,
        "raw_tx": bytes(180),
        "receipt_time": tip["burn_block_time"] - number,
        "receipt_block_height": tip["block_height"],
        "token_transfer_recipient_address": sender if paid else None,
        "token_transfer_amount": 5 if paid else None,
        "token_transfer_memo": bytes(34) if paid else None,
    }


def of_transaction(tx: Row) -> Row:
    """What an event repeats of its transaction."""
    names = ("tx_id", "tx_index", "block_height", "index_block_hash", "parent_index_block_hash", "microblock_hash")
    return {name: tx[name] for name in (*names, "microblock_sequence", "microblock_canonical", "canonical")}
