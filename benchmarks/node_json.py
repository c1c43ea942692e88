"""Rows as the JSON objects of a node's answers. Where they say which block they belong to, they hold ``PLACE``."""

import json
from collections.abc import Sequence
from typing import Any

# Stands for "blockHash":"0x…","blockNumber":"0x…"; no other JSON of a block holds it.
PLACE = "@"

Row = dict[str, Any]


def transaction_json(row: Row, signed: Row, index: int) -> str:
    """A transaction; signed: its signature and chain id."""
    fields: Row = {"from": row["from_address"], "gas": hex(row["gas"]), "gasPrice": hex(row["gas_price"])}
    for name, source in (("maxFeePerGas", "max_fee_per_gas"), ("maxPriorityFeePerGas", "max_priority_fee_per_gas")):
        if row[source] is not None:
            fields[name] = hex(row[source])
    if row["max_fee_per_blob_gas"] is not None:
        fields["maxFeePerBlobGas"] = hex(row["max_fee_per_blob_gas"])
    fields |= {"hash": row["hash"], "input": row["input"], "nonce": hex(row["nonce"]), "to": row["to_address"]}
    fields |= {"transactionIndex": hex(index), "value": hex(row["value"]), "type": hex(row["transaction_type"])}
    for name, source in (("accessList", "access_list"), ("authorizationList", "authorization_list")):
        if row[source] is not None:
            fields[name] = json.loads(row[source])
    if row["blob_versioned_hashes"]:
        fields["blobVersionedHashes"] = row["blob_versioned_hashes"].split(",")
    return _placed(fields | signed)


def receipt_json(tx: Row, receipt: Row, logs: Sequence[Row], *, bloom: str, first_log: int) -> str:
    """A receipt with its logs, the first of which is the block's ``first_log``-th."""
    place = f'{PLACE},"transactionHash":"{tx["hash"]}","transactionIndex":"{receipt["transaction_index"]:#x}"'
    entries = ",".join(
        f'{{"address":"{log["address"]}","topics":{json.dumps(log["topics"].split(","), separators=(",", ":"))},'
        f'"data":"{log["data"]}",{place},"logIndex":"{at:#x}","removed":false}}'
        for at, log in enumerate(logs, first_log)
    )
    fields = {
        "contractAddress": receipt["contract_address"],
        "cumulativeGasUsed": hex(receipt["cumulative_gas_used"]),
        "effectiveGasPrice": hex(tx["gas_price"]),
        "from": tx["from_address"],
        "gasUsed": hex(receipt["gas_used"]),
    }
    if tx["transaction_type"] == 3:
        fields |= {
            "blobGasUsed": hex(131_072 * len(tx["blob_versioned_hashes"].split(","))),
            "blobGasPrice": hex(receipt["blob_gas_price"]),
        }
    fields |= {"logsBloom": bloom, "status": hex(receipt["status"]), "to": tx["to_address"]}
    text = json.dumps(fields | {"type": hex(tx["transaction_type"])}, separators=(",", ":"))
    return f'{{{place},"logs":[{entries}],{text[1:]}'


def _placed(fields: Row) -> str:
    return f"{{{PLACE}," + json.dumps(fields, separators=(",", ":"))[1:]


def withdrawals_json(rows: Sequence[Row]) -> str:
    """A block's list of withdrawals."""
    return json.dumps(
        [
            {
                "index": hex(row["index"]),
                "validatorIndex": hex(row["validator_index"]),
                "address": row["address"],
                "amount": hex(row["amount"]),
            }
            for row in rows
        ],
        separators=(",", ":"),
    )
