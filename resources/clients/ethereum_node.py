"""An Ethereum node: blocks, receipts, traces and token calls, each checked to be the one asked for."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from resources.clients.clock import Clock
from resources.clients.endpoints import Endpoint, Traffic, classify
from resources.clients.rpc import Call, RpcClient, not_null
from resources.clients.transports import Kind, Refusal, transport_for

Block = dict[str, Any]


@dataclass(frozen=True)
class BlockRef:
    """A block known from the lake: what its receipts and traces must belong to."""

    number: int
    hash: str
    timestamp: int
    transaction_count: int


@dataclass(frozen=True)
class Budget:
    """What each endpoint may be asked for: calls in one request, requests in flight, calls per second."""

    batch_size: int = 10
    in_flight: int = 8
    per_second: float | None = None
    timeout: float = 60.0


class EthereumNode:
    """A chain, seen through one or several endpoints.

    uris: comma-separated http(s), ws(s) URIs or IPC paths.
    """

    def __init__(self, uris: str, budget: Budget | None = None, clock: Clock | None = None):
        self._clock = clock or Clock()
        budget = budget or Budget()
        endpoints = [
            Endpoint(
                uri,
                transport_for(uri, budget.timeout, budget.in_flight, self._clock),
                batch_size=budget.batch_size,
                in_flight=budget.in_flight,
                per_second=budget.per_second,
                clock=self._clock,
            )
            for uri in map(str.strip, uris.split(","))
            if uri
        ]
        self._rpc = RpcClient(endpoints, self._clock)

    @property
    def traffic(self) -> Traffic:
        return self._rpc.traffic

    @property
    def name(self) -> str:
        return ", ".join(endpoint.name for endpoint in self._rpc.endpoints)

    def version(self) -> str:
        """The client's name and version."""
        return self._rpc.call(Call("web3_clientVersion", []))

    def head(self) -> Block:
        """The newest block's header."""
        return self._rpc.call(Call("eth_getBlockByNumber", ["latest", False]))

    def header(self, number: int) -> Block:
        """A block's header by number."""
        return self._rpc.call(_block_call(number, full=False))

    def finalized(self) -> Block | None:
        """The newest final block's header; None where the node does not know the tag."""
        return self._rpc.call(Call("eth_getBlockByNumber", ["finalized", False], lambda block: block, _unknown_tag))

    def blocks(self, numbers: Iterable[int]) -> Iterator[Block]:
        """Blocks with full transactions, in the order of ``numbers``."""
        return self._rpc.map(_block_call(number, full=True) for number in numbers)

    def receipts(self, blocks: Iterable[BlockRef]) -> Iterator[list[dict[str, Any]]]:
        """Each block's receipts in transaction order.

        Raises:
            ChainReorganised: when the node's block of that number is another one by now.
            MethodUnsupported: when no endpoint offers eth_getBlockReceipts.
        """
        return self._rpc.map(
            Call("eth_getBlockReceipts", [hex(block.number)], partial(_receipts_of, block)) for block in blocks
        )

    def receipts_by_hash(
        self, blocks: Sequence[BlockRef], hashes: Mapping[int, Sequence[str]]
    ) -> Iterator[list[dict[str, Any]]]:
        """The same from a node without eth_getBlockReceipts: one call per transaction.

        hashes: transaction hashes by block number.
        """
        answers = self._rpc.map(
            Call("eth_getTransactionReceipt", [hash_], partial(_receipt_of, block))
            for block in blocks
            for hash_ in hashes[block.number]
        )
        for block in blocks:
            yield [next(answers) for _ in hashes[block.number]]

    def parity_traces(self, blocks: Iterable[BlockRef]) -> Iterator[list[dict[str, Any]]]:
        """Each block's answer of trace_block."""
        return self._rpc.map(Call("trace_block", [hex(block.number)], partial(_traces_of, block)) for block in blocks)

    def geth_traces(self, blocks: Iterable[BlockRef]) -> Iterator[list[dict[str, Any]]]:
        """Each block's answer of the callTracer, one object per transaction, asked for by block hash."""
        tracer = {"tracer": "callTracer"}
        return self._rpc.map(
            Call("debug_traceBlockByHash", [block.hash, tracer], partial(_one_each, block)) for block in blocks
        )

    def contract_calls(self, calls: Iterable[tuple[str, str]]) -> Iterator[str | None]:
        """What contracts return at the newest block for (address, call data); None when a call fails.

        Only failures of the contract's own count; the node's are tried again.
        """
        return self._rpc.map(
            Call("eth_call", [{"to": address, "data": data}, "latest"], not_null, _contract_failure)
            for address, data in calls
        )


def _block_call(number: int, full: bool) -> Call:
    def accept(block: Any) -> Block:
        if not_null(block).get("number") != hex(number):
            raise Refusal(Kind.BROKEN, f"block {block.get('number')} came for {hex(number)}")
        if full and any(
            not isinstance(tx, dict) or tx.get("blockHash") != block["hash"] for tx in block["transactions"]
        ):
            raise Refusal(Kind.BROKEN, f"transactions of another block came with block {number}")
        return block

    return Call("eth_getBlockByNumber", [hex(number), full], accept)


def _unknown_tag(error: dict[str, Any]) -> tuple[None] | None:
    return (None,) if classify(error).kind in (Kind.INVALID, Kind.UNSUPPORTED, Kind.BEHIND) else None


def _receipts_of(block: BlockRef, receipts: Any) -> list[dict[str, Any]]:
    found = not_null(receipts)
    if any(receipt is None for receipt in found):
        raise Refusal(Kind.BEHIND, f"a receipt of block {block.number} is null")
    return [_receipt_of(block, receipt) for receipt in _one_each(block, found)]


def _receipt_of(block: BlockRef, receipt: Any) -> dict[str, Any]:
    for owner in (not_null(receipt), *(receipt.get("logs") or ())):
        if owner.get("blockHash") != block.hash:
            raise Refusal(Kind.MOVED, _moved(block, owner.get("blockHash")))
    return receipt


def _traces_of(block: BlockRef, traces: Any) -> list[dict[str, Any]]:
    for trace in not_null(traces):
        if trace.get("blockHash", block.hash) != block.hash:
            raise Refusal(Kind.MOVED, _moved(block, trace["blockHash"]))
    if block.transaction_count and not traces:
        raise Refusal(Kind.BEHIND, f"block {block.number} has transactions but no traces")
    return traces


def _one_each(block: BlockRef, items: Any) -> list[dict[str, Any]]:
    if len(not_null(items)) != block.transaction_count:
        detail = f"{len(items)} items came for the {block.transaction_count} transactions of block {block.number}"
        raise Refusal(Kind.BROKEN, detail)
    return items


def _moved(block: BlockRef, found: str | None) -> str:
    return f"block {block.number} is {found}, the lake holds {block.hash}"


# Words of the clients for a call that the contract, not the node, failed.
_CONTRACT_FAILURES = ("revert", "invalid opcode", "invalid jump", "out of gas", "stack", "vm execution error", "evm")


def _contract_failure(error: dict[str, Any]) -> tuple[None] | None:
    message = str(error.get("message", "")).lower()
    failed = error.get("code") in (3, -32015) or any(words in message for words in _CONTRACT_FAILURES)
    return (None,) if failed else None
