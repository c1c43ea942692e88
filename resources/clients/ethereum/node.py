"""An Ethereum node: blocks, receipts, traces and token calls, each checked to be the one asked for."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import tee
from typing import Any, TypeVar

import msgspec
import pyarrow as pa

from core.clock import Clock
from resources.clients.ethereum.endpoints import Answer, Endpoint, Traffic, classify
from resources.clients.ethereum.rpc import Call, ReadTogether, RpcClient, given_up
from resources.clients.ethereum.transports import Kind, Refusal, transport_for

# The node executes each traced block anew, and its traces take megabytes.
TRACED_AT_ONCE = 8

Header = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class BlockRef:
    """A block known from the lake: what its receipts and traces must belong to.

    transaction_hashes: of its transactions, in order, where they are asked for.
    """

    number: int
    hash: str
    timestamp: int
    transaction_count: int
    receipts_root: str = ""
    transaction_hashes: pa.StringArray | None = None


@dataclass(frozen=True)
class Budget:
    """What each endpoint may be asked for: calls in one request, requests in flight, calls per second."""

    batch_size: int = 24
    in_flight: int = 3
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

    def head(self) -> Header:
        """The newest block's header."""
        return self._rpc.call(Call("eth_getBlockByNumber", ["latest", False], _header))

    def header(self, number: int) -> Header:
        """A block's header by number."""

        def read(raw: msgspec.Raw) -> Header:
            header = _header(raw)
            if header["number"] != hex(number):
                raise Refusal(Kind.BROKEN, f"block {header['number']} came for {hex(number)}")
            return header

        return self._rpc.call(Call("eth_getBlockByNumber", [hex(number), False], read))

    def finalized(self) -> Header | None:
        """The newest final block's header; None where the node does not know the tag."""
        call = Call("eth_getBlockByNumber", ["finalized", False], _header, accept_null=True, accept_error=_unknown_tag)
        return self._rpc.call(call)

    def blocks(self, numbers: Iterable[int], read: ReadTogether[T]) -> Iterator[T]:
        """Blocks with full transactions, in the order of ``numbers``.

        read: makes values of some numbers' blocks; a Refusal for one that is not the block of that number.
        """
        calls = (Call("eth_getBlockByNumber", [hex(number), True], about=number) for number in numbers)
        return self._rpc.map(calls, read)

    def receipts(self, blocks: Iterable[BlockRef], read: ReadTogether[T]) -> Iterator[T]:
        """Each block's receipts.

        read: makes values of some blocks' receipts; a Refusal for those that are not that block's.

        Raises:
            ChainReorganised: when the node's block of that number is another one by now.
            MethodUnsupported: when no endpoint offers eth_getBlockReceipts.
        """
        calls = (Call("eth_getBlockReceipts", [hex(block.number)], about=block) for block in blocks)
        return self._rpc.map(calls, read)

    def receipts_by_hash(self, blocks: Iterable[BlockRef], read: ReadTogether[T]) -> Iterator[T]:
        """The same from a node without eth_getBlockReceipts: one call per transaction.

        blocks: with their transaction hashes.
        """
        asked, blocks = tee(blocks)
        hashes = (hash_ for block in asked for hash_ in (block.transaction_hashes or pa.array([])).to_pylist())
        answers = self._rpc.map(Call("eth_getTransactionReceipt", [hash_], bytes) for hash_ in hashes)
        for block in blocks:
            together = b"[" + b",".join(next(answers) for _ in range(block.transaction_count)) + b"]"
            try:
                (outcome,) = read([block], Answer.of([together]))
            except Refusal as refusal:
                outcome = refusal
            if isinstance(outcome, Refusal):
                raise given_up(outcome.kind, f"Ethereum node {self.name}: {outcome}.")
            yield outcome

    def parity_traces(self, blocks: Iterable[BlockRef]) -> Iterator[list[dict[str, Any]]]:
        """Each block's answer of trace_block."""
        calls = (Call("trace_block", [hex(block.number)], partial(_traces_of, block)) for block in blocks)
        return self._rpc.map(calls, most_at_once=TRACED_AT_ONCE)

    def geth_traces(self, blocks: Iterable[BlockRef]) -> Iterator[list[dict[str, Any]]]:
        """Each block's answer of the callTracer, one object per transaction, asked for by block hash."""
        tracer = {"tracer": "callTracer"}
        calls = (Call("debug_traceBlockByHash", [block.hash, tracer], partial(_calls_of, block)) for block in blocks)
        return self._rpc.map(calls, most_at_once=TRACED_AT_ONCE)

    def contract_calls(self, calls: Iterable[tuple[str, str]]) -> Iterator[str | None]:
        """What contracts return at the newest block for (address, call data); None when a call fails.

        Only failures of the contract's own count; the node's are tried again.
        """
        return self._rpc.map(
            Call("eth_call", [{"to": address, "data": data}, "latest"], accept_error=_contract_failure)
            for address, data in calls
        )


def _header(raw: msgspec.Raw) -> Header:
    header = msgspec.json.decode(raw, type=dict[str, Any])
    for name in ("number", "hash", "parentHash", "timestamp"):
        if not str(header.get(name)).startswith("0x"):
            raise Refusal(Kind.BROKEN, f"a header came whose {name} is {header.get(name)!r}")
    return header


def _unknown_tag(error: dict[str, Any]) -> tuple[None] | None:
    return (None,) if classify(error).kind in (Kind.INVALID, Kind.UNSUPPORTED, Kind.BEHIND) else None


def _traces_of(block: BlockRef, raw: msgspec.Raw) -> list[dict[str, Any]]:
    traces = msgspec.json.decode(raw)
    for trace in traces:
        if trace.get("blockHash", block.hash) != block.hash:
            raise Refusal(Kind.MOVED, moved(block, trace["blockHash"]))
    if block.transaction_count and not traces:
        raise Refusal(Kind.BEHIND, f"block {block.number} has transactions but no traces")
    return traces


def _calls_of(block: BlockRef, raw: msgspec.Raw) -> list[dict[str, Any]]:
    return one_each(block, msgspec.json.decode(raw))


def one_each(block: BlockRef, items: list[T]) -> list[T]:
    """The items, one for each of the block's transactions; raises Refusal when there are more or fewer."""
    if len(items) != block.transaction_count:
        detail = f"{len(items)} items came for the {block.transaction_count} transactions of block {block.number}"
        raise Refusal(Kind.BROKEN, detail)
    return items


def moved(block: BlockRef, found: str | None) -> str:
    """That the node's block of a number is another one by now."""
    return f"block {block.number} is {found}, the lake holds {block.hash}"


# Words of the clients for a call that the contract, not the node, failed.
_CONTRACT_FAILURES = ("revert", "invalid opcode", "invalid jump", "out of gas", "stack", "vm execution error", "evm")


def _contract_failure(error: dict[str, Any]) -> tuple[None] | None:
    message = str(error.get("message", "")).lower()
    failed = error.get("code") in (3, -32015) or any(words in message for words in _CONTRACT_FAILURES)
    return (None,) if failed else None
