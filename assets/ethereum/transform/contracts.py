"""Contracts out of creation traces, and the standards their code announces."""

from typing import Any

import pyarrow as pa

from assets.ethereum.tables import CONTRACTS
from assets.ethereum.transform.rows import batch
from assets.ethereum.transform.traces import set_statuses

TRACE_COLUMNS = [
    "block_number",
    "transaction_index",
    "to_address",
    "output",
    "trace_type",
    "trace_address",
    "error",
    "block_date",
]

_JUMPDEST, _PUSH1, _PUSH4, _PUSH32 = 0x5B, 0x60, 0x63, 0x7F

# First four bytes of keccak256 of the signatures.
_TOTAL_SUPPLY = "0x18160ddd"  # totalSupply()
_BALANCE_OF = "0x70a08231"  # balanceOf(address)
_TRANSFER = "0xa9059cbb"  # transfer(address,uint256)
_TRANSFER_FROM = "0x23b872dd"  # transferFrom(address,address,uint256)
_APPROVE = "0x095ea7b3"  # approve(address,uint256)
_ALLOWANCE = "0xdd62ed3e"  # allowance(address,address)
_OWNER_OF = "0x6352211e"  # ownerOf(uint256)

_ERC20 = {_TOTAL_SUPPLY, _BALANCE_OF, _TRANSFER, _TRANSFER_FROM, _APPROVE, _ALLOWANCE}
_ERC721 = {_BALANCE_OF, _OWNER_OF, _APPROVE}


def contracts(traces: pa.Table) -> pa.RecordBatch:
    """One row per successful creation.

    traces: whole blocks of the traces table, with ``TRACE_COLUMNS``. Success is worked out from the errors
    along the call tree, since old geth answers carry no status.
    """
    rows = traces.to_pylist()
    for row in rows:
        row["trace_address"] = [int(step) for step in row["trace_address"].split(",") if step]
    by_block: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        by_block.setdefault(row["block_number"], []).append(row)
    for block_rows in by_block.values():
        set_statuses(block_rows)
    created = [row for row in rows if row["trace_type"].startswith("create") and row["to_address"] and row["status"]]
    selectors = [function_selectors(row["output"]) for row in created]
    columns = {
        "address": [row["to_address"] for row in created],
        "bytecode": [row["output"] or "0x" for row in created],  # geth leaves empty code out
        "function_sighashes": [",".join(found) for found in selectors],
        "is_erc20": [_ERC20.issubset(found) for found in selectors],
        "is_erc721": [
            _ERC721.issubset(found) and bool({_TRANSFER, _TRANSFER_FROM} & set(found)) for found in selectors
        ],
        "block_number": [row["block_number"] for row in created],
        "block_date": [row["block_date"] for row in created],
    }
    return batch(CONTRACTS, columns)


def function_selectors(bytecode: str | None) -> list[str]:
    """Operands of the PUSH4 instructions before the first jump destination, sorted, each once.

    That is where solc's dispatcher compares selectors, and where ethereum-etl looks.
    """
    code = bytes.fromhex((bytecode or "0x").removeprefix("0x"))
    found, at = set(), 0
    while at < len(code) and code[at] != _JUMPDEST:
        operation = code[at]
        width = operation - _PUSH1 + 1 if _PUSH1 <= operation <= _PUSH32 else 0
        if operation == _PUSH4:
            found.add("0x" + code[at + 1 : at + 1 + width].hex())
        at += 1 + width
    return sorted(found)
