"""Ways in which a node's answers are not the chain, each of one block: what an exporter has to notice or publishes.

Each takes the block and its receipts as the node's objects and changes them; what counts and positions would tell is
put in order again, as a node that is wrong by itself would have it.
"""

from collections.abc import Callable
from typing import Any

from assets.ethereum.proofs import encodings, trie
from assets.ethereum.tables import BLOCKS

Block = dict[str, Any]
Receipts = list[dict[str, Any]]


def _drop_last_log(block: Block, receipts: Receipts) -> None:
    _with_logs(receipts)["logs"].pop()
    _renumber(receipts)


def _cut_log_data(block: Block, receipts: Receipts) -> None:
    log = next(log for receipt in receipts for log in receipt["logs"] if len(log["data"]) > 66)
    log["data"] = log["data"][:-64]


def _change_topic(block: Block, receipts: Receipts) -> None:
    _with_logs(receipts)["logs"][0]["topics"][0] = "0x" + "22" * 32


def _flip_status(block: Block, receipts: Receipts) -> None:
    receipts[0]["status"] = "0x0" if receipts[0]["status"] == "0x1" else "0x1"


def _change_gas_used(block: Block, receipts: Receipts) -> None:
    receipts[1]["gasUsed"] = hex(int(receipts[1]["gasUsed"], 16) + 1)


def _change_created_contract(block: Block, receipts: Receipts) -> None:
    next(receipt for receipt in receipts if receipt["contractAddress"])["contractAddress"] = "0x" + "33" * 20


def _drop_last_transaction(block: Block, receipts: Receipts) -> None:
    block["transactions"].pop()
    receipts.pop()


def _change_value(block: Block, receipts: Receipts) -> None:
    block["transactions"][0]["value"] = hex(int(block["transactions"][0]["value"], 16) + 1)


def _blank_input(block: Block, receipts: Receipts) -> None:
    next(tx for tx in block["transactions"] if tx["input"] != "0x")["input"] = "0x"


def _change_sender(block: Block, receipts: Receipts) -> None:
    block["transactions"][0]["from"] = receipts[0]["from"] = "0x" + "44" * 20


def _drop_withdrawal(block: Block, receipts: Receipts) -> None:
    block["withdrawals"].pop()


def _change_miner(block: Block, receipts: Receipts) -> None:
    block["miner"] = "0x" + "55" * 20


def _serve_stale_block(block: Block, receipts: Receipts) -> None:
    """A sibling of before a reorganisation, whole in itself; the block after it has another parent."""
    block["stateRoot"] = "0x" + "66" * 32
    row = {column.name: _value(block.get(column.source)) for column in BLOCKS.columns if column.source}
    block["hash"] = "0x" + trie.keccak(encodings.header(row, block["mixHash"])).hex()
    logs = [log for receipt in receipts for log in receipt["logs"]]
    for item in (*block["transactions"], *receipts, *logs):
        item["blockHash"] = block["hash"]


def _value(text: str | None) -> Any:
    """A field as its column has it: short hex is a number."""
    return int(text, 16) if text and len(text) < len("0x") + 16 else text


def _with_logs(receipts: Receipts) -> dict[str, Any]:
    return max(receipts, key=lambda receipt: len(receipt["logs"]))


def _renumber(receipts: Receipts) -> None:
    for at, log in enumerate(log for receipt in receipts for log in receipt["logs"]):
        log["logIndex"] = hex(at)


CORRUPTIONS: dict[str, Callable[[Block, Receipts], None]] = {
    "last log dropped": _drop_last_log,
    "log data cut": _cut_log_data,
    "topic changed": _change_topic,
    "status flipped": _flip_status,
    "gas used changed": _change_gas_used,
    "created contract changed": _change_created_contract,
    "last transaction dropped": _drop_last_transaction,
    "value changed": _change_value,
    "input blanked": _blank_input,
    "sender changed": _change_sender,
    "withdrawal dropped": _drop_withdrawal,
    "miner changed": _change_miner,
    "stale block served": _serve_stale_block,
}
