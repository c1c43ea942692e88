"""`python -m sandbox.ethereum.record`: play the script on a fresh anvil and write down what it answers.

The result, `chain.json.gz`, is the same byte for byte at every run.
"""

import argparse
import gzip
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

from sandbox.ethereum.anvil import Anvil
from sandbox.ethereum.author import accounts
from sandbox.ethereum.rpc import Rpc
from sandbox.ethereum.script import steps

CHAIN = Path(__file__).parent / "chain.json.gz"
CALL_TRACER = {"tracer": "callTracer"}
TAGS = ("latest", "safe", "finalized", "earliest")
BEYOND = "0xffffff"
NO_HASH = "0x" + "ff" * 32

# EIP-2935's block hash history: code that stands in the state although no transaction made it.
HISTORY = "0x0000f90827f1c53a10cb7a02335b175320002935"

# symbol(), SYMBOL(), name(), NAME(), decimals(), DECIMALS(), totalSupply()
TOKEN_QUESTIONS = (
    *("0x95d89b41", "0xf76f8d78", "0x06fdde03", "0xa3f4df7e"),
    *("0x313ce567", "0x2e0f2625", "0x18160ddd"),
)

# anvil hangs a blob transaction's sidecar (131,072 bytes per blob) into the block, where it does
# not belong. Mended after 1.7.1: https://github.com/foundry-rs/foundry/pull/15699
SIDECAR = ("blobs", "commitments", "proofs", "cellProofs")


class PlayError(RuntimeError):
    """The client did not make the block that the script asked for."""


def play(uri: str) -> list[str]:
    """Play the script on a fresh anvil; return the hashes of all its blocks, genesis first.

    Raises:
        PlayError: a block does not hold exactly the step's transactions, in order.
        RpcError: the client refused a transaction or a setting.
    """
    rpc = Rpc(uri)
    hashes = [rpc.call("eth_getBlockByNumber", "0x0", False)["hash"]]
    for step in steps():
        rpc.call("evm_setNextBlockTimestamp", step.timestamp)
        rpc.call("anvil_setNextBlockBaseFeePerGas", hex(step.base_fee))
        rpc.call("anvil_setCoinbase", step.miner)
        # One by one: the order of arrival is the order in the block.
        sent = [rpc.call("eth_sendRawTransaction", raw) for raw in step.transactions]
        rpc.call("evm_mine")
        block = rpc.call("eth_getBlockByNumber", "latest", False)
        if block["transactions"] != sent or int(block["timestamp"], 16) != step.timestamp:
            raise PlayError(
                f"block {len(hashes)}: the script sent {len(sent)} transactions for timestamp "
                f"{step.timestamp}, anvil made {len(block['transactions'])} at {block['timestamp']}"
            )
        hashes.append(block["hash"])
    return hashes


def record(uri: str) -> dict:
    """Ask the client everything that the recorded node will be asked."""
    rpc = Rpc(uri)
    head = int(rpc.call("eth_blockNumber"), 16)
    blocks = [_record_block(rpc, number) for number in range(head + 1)]
    created, seen = _addresses(blocks)
    codes = {address: rpc.call("eth_getCode", address, "latest") for address in seen}
    return {
        "web3_clientVersion": rpc.call("web3_clientVersion"),
        "eth_chainId": rpc.call("eth_chainId"),
        "net_version": rpc.call("net_version"),
        "tags": {
            tag: rpc.call("eth_getBlockByNumber", tag, False)["number"] for tag in TAGS
        },
        "blocks": blocks,
        "beyond": dict(_record_beyond(rpc)),
        "eth_call": {
            address: {
                data: rpc.response("eth_call", {"to": address, "data": data}, "latest")
                for data in TOKEN_QUESTIONS
            }
            for address in created
        },
        "eth_getCode": {address: code for address, code in codes.items() if code != "0x"},
        "eth_getBalance": {
            address: rpc.call("eth_getBalance", address, "latest") for address in seen
        },
    }  # fmt: skip


def _record_block(rpc: Rpc, number: int) -> dict:
    """Record one block; the keys are those of `sandbox.ethereum.node`."""
    at = hex(number)
    block = rpc.call("eth_getBlockByNumber", at, True)
    call_traces = rpc.call("debug_traceBlockByNumber", at, CALL_TRACER)
    if rpc.call("debug_traceBlockByHash", block["hash"], CALL_TRACER) != call_traces:
        raise PlayError(f"block {number}: debug_traceBlockByHash and ByNumber disagree")
    for transaction in block["transactions"]:
        for field in SIDECAR:
            transaction.pop(field, None)
    return {
        "block": block,
        "receipts": rpc.call("eth_getBlockReceipts", at),
        "traces": rpc.call("trace_block", at),
        "call_traces": call_traces,
    }


def _record_beyond(rpc: Rpc) -> Iterator[tuple[str, dict]]:
    """Record what each method answers about a block that does not exist."""
    yield "eth_getBlockByNumber", rpc.response("eth_getBlockByNumber", BEYOND, True)
    yield "eth_getBlockByHash", rpc.response("eth_getBlockByHash", NO_HASH, True)
    yield "eth_getBlockReceipts", rpc.response("eth_getBlockReceipts", BEYOND)
    yield "eth_getTransactionByHash", rpc.response("eth_getTransactionByHash", NO_HASH)
    yield "eth_getTransactionReceipt", rpc.response("eth_getTransactionReceipt", NO_HASH)
    yield "trace_block", rpc.response("trace_block", BEYOND)
    for method, at in (("debug_traceBlockByNumber", BEYOND), ("debug_traceBlockByHash", NO_HASH)):
        yield method, rpc.response(method, at, CALL_TRACER)


def _addresses(blocks: list[dict]) -> tuple[list[str], list[str]]:
    """Return the addresses of all creations, failed ones too, and of everyone the chain names."""
    created: set[str] = set()
    seen = {HISTORY, *(account.address.lower() for account in accounts())}
    for entry in blocks:
        seen.add(entry["block"]["miner"])
        created.update(r["contractAddress"] for r in entry["receipts"] if r["contractAddress"])
        for trace in entry["traces"]:
            action, result = trace["action"], trace.get("result") or {}
            if "address" in result:
                created.add(result["address"])
            seen.update(action[key] for key in ("from", "to", "address", "refundAddress") if key in action)
    created = {address.lower() for address in created}
    seen = {address.lower() for address in seen} | created
    return sorted(created), sorted(seen)


def packed(chain: dict) -> bytes:
    """Return the recording as gzip, byte for byte the same for the same answers."""
    text = json.dumps(chain, sort_keys=True, separators=(",", ":"))
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
        file.write(text.encode())
    return buffer.getvalue()


def main() -> None:
    """Record the sample chain afresh."""
    about = "Play the script on a fresh anvil, and write down what it answers, to chain.json.gz."
    argparse.ArgumentParser(prog="python -m sandbox.ethereum.record", description=about).parse_args()
    started = time.monotonic()
    with Anvil() as anvil:
        blocks = len(play(anvil.uri))
        played = time.monotonic()
        CHAIN.write_bytes(packed(record(anvil.uri)))
    print(
        f"wrote {CHAIN}: {blocks} blocks, {CHAIN.stat().st_size:,} bytes; "
        f"played in {played - started:.1f} s, recorded in {time.monotonic() - played:.1f} s"
    )


if __name__ == "__main__":
    main()
