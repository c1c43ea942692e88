"""An Ethereum node: blocks, receipts, traces and token calls, each checked to be the one asked for."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from itertools import tee
from typing import Any, TypeVar

from core.clock import Clock
from core.errors import HeadwaterError, HistoryPruned, SettingError
from resources.clients.ethereum import shapes
from resources.clients.ethereum.calls import Call, ReadTogether, answer_at_fault
from resources.clients.ethereum.endpoints import Answer, Endpoint, Traffic
from resources.clients.ethereum.refusals import Kind, Refusal, classify, is_contracts_own
from resources.clients.ethereum.rpc import RpcClient
from resources.clients.ethereum.shapes import BlockRef, Header, ReadTraces
from resources.clients.ethereum.transports import transport_for
from resources.clients.ethereum.verdicts import given_up

# The node executes each traced block anew, and its traces take megabytes.
TRACED_AT_ONCE = 8
UNKNOWN = "unknown"

T = TypeVar("T")


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

    Raises:
        SettingError: when one of them is none, or there is none.
    """

    def __init__(self, uris: str, budget: Budget | None = None, clock: Clock | None = None):
        self._clock = clock or Clock()
        budget = budget or Budget()
        self._timeout = budget.timeout
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
        if not endpoints:
            raise SettingError("ETHEREUM_PROVIDER_URI names no endpoint: set one, for example http://localhost:8545.")
        self._rpc = RpcClient(endpoints, self._clock)

    @property
    def traffic(self) -> Traffic:
        return self._rpc.traffic

    @property
    def name(self) -> str:
        return ", ".join(endpoint.name for endpoint in self._rpc.endpoints)

    @property
    def has_several(self) -> bool:
        """Whether one endpoint may know what another does not."""
        return len(self._rpc.endpoints) > 1

    def now(self) -> datetime:
        """The time here, to compare the chain's with."""
        return self._clock.now()

    def version(self) -> str:
        """The client's name and version, or ``unknown``: it is only shown, so nothing depends on the answer."""
        return next(filter(None, self._rpc.said_by_each(Call("web3_clientVersion", [], shapes.text))), UNKNOWN)

    def chain_id(self) -> int:
        """Which chain this is; 1 is Ethereum's mainnet."""
        return self._rpc.call(Call("eth_chainId", [], shapes.whole_number))

    def head(self, *, anywhere: bool = False) -> Header:
        """The newest block's header, of the first endpoint that answers. anywhere: the newest of all."""
        call = Call("eth_getBlockByNumber", ["latest", False], shapes.header)
        found = self._rpc.call(call)
        return max([found, *self._rpc.said_by_each(call)], key=_number) if anywhere else found

    def header(self, number: int) -> Header:
        """A block's header by number."""
        return self._rpc.call(Call("eth_getBlockByNumber", [hex(number), False], partial(shapes.header_of, number)))

    def holds(self, number: int, *, anywhere: bool = False) -> Header | None:
        """A block's header by number; None where the node holds a later part of the chain only.

        anywhere: None only if every endpoint says so; otherwise the first that does is believed.
        """
        ask = partial(Call, "eth_getBlockByNumber", [hex(number), False], partial(shapes.header_of, number))
        if not anywhere:
            return self._rpc.call(ask(accept_null=True, accept_error=_not_held))
        try:
            return self._rpc.call(ask(meaning=_held_elsewhere))
        except HistoryPruned:
            return None

    def finalized(self, *, anywhere: bool = False) -> Header | None:
        """The newest final block's header; None where the node does not know the tag. anywhere: the newest of all."""
        call = Call(
            "eth_getBlockByNumber", ["finalized", False], shapes.header, accept_null=True, accept_error=_unknown_tag
        )
        found = self._rpc.call(call)
        every = [found, *self._rpc.said_by_each(call)] if anywhere else [found]
        return max((header for header in every if header), key=_number, default=None)

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

        blocks: with their transactions.
        """
        asked, blocks = tee(blocks)
        answers = self._rpc.map(call for block in asked for call in _receipt_calls(block))
        for block in blocks:
            outcome = _read_joined(block, [next(answers) for _ in range(block.transaction_count)], read)
            if isinstance(outcome, Refusal):
                outcome = self._from_one_endpoint(block, read, outcome)
            if isinstance(outcome, Refusal):
                raise given_up(outcome.kind, f"Ethereum node {self.name}: {outcome}.")
            yield outcome

    def _from_one_endpoint(self, block: BlockRef, read: ReadTogether[T], refusal: Refusal) -> T | Refusal:
        """A block's receipts of one endpoint alone: which of them gave a wrong one before cannot be told."""
        outcome: T | Refusal = refusal
        for client in self._rpc.apart():
            try:
                outcome = _read_joined(block, list(client.map(_receipt_calls(block))), read)
            except HeadwaterError:
                continue
            if not isinstance(outcome, Refusal):
                break
        return outcome

    def parity_traces(self, blocks: Iterable[BlockRef], read: ReadTraces[T] = shapes.as_they_came) -> Iterator[T]:
        """Each block's answer of trace_block.

        read: makes a value of it; raises Refusal when it holds no traces of the block.

        Raises:
            StateMissing: when the node holds the block, but not the state that tracing it takes.
        """
        means = self._meaning_for_traces()
        calls = (
            Call(
                "trace_block",
                [hex(block.number)],
                partial(shapes.traces_of, block, read),
                meaning=partial(means, block),
            )
            for block in blocks
        )
        return self._rpc.map(calls, most_at_once=TRACED_AT_ONCE)

    def geth_traces(self, blocks: Iterable[BlockRef], read: ReadTraces[T] = shapes.as_they_came) -> Iterator[T]:
        """Each block's answer of the callTracer, one object per transaction, asked for by block hash.

        read: makes a value of it; raises Refusal when it holds no traces of the block.

        Raises:
            StateMissing: when the node holds the block, but not the state that tracing it takes.
        """
        # Without a limit of the call's own, geth ends a trace after 5 s.
        tracer = {"tracer": "callTracer", "timeout": f"{self._timeout:g}s"}
        means = self._meaning_for_traces()
        calls = (
            Call(
                "debug_traceBlockByHash",
                [block.hash, tracer],
                partial(shapes.calls_of, block, read),
                meaning=partial(means, block),
            )
            for block in blocks
        )
        return self._rpc.map(calls, most_at_once=TRACED_AT_ONCE)

    def _meaning_for_traces(self) -> Callable[[BlockRef, Refusal], Refusal]:
        """What refusals mean where a block is traced: who has newer blocks is not behind, but holds no state."""
        newest = cache(lambda: int(self.head()["number"], 16))

        def means(block: BlockRef, refusal: Refusal) -> Refusal:
            unknown = refusal.kind is Kind.BEHIND and refusal.is_error
            if refusal.kind is Kind.PRUNED or (unknown and block.number < newest()):
                return Refusal(Kind.STATE_MISSING, refusal.detail)
            return refusal

        return means

    def contract_calls(self, calls: Iterable[tuple[str, str]]) -> Iterator[str | None]:
        """What contracts return at the newest block for (address, call data); None when a call fails.

        Only failures of the contract's own count; the node's are tried again. A call that fails again and again while
        others to the same node succeed is the contract's, whatever the words are.
        """
        return self._rpc.map(
            Call(
                "eth_call",
                [{"to": address, "data": data}, "latest"],
                shapes.data,
                accept_error=_contract_failure,
                may_fail_alone=True,
            )
            for address, data in calls
        )


def _receipt_calls(block: BlockRef) -> list[Call]:
    hashes = block.transactions["hash"].to_pylist() if block.transactions else []
    return [Call("eth_getTransactionReceipt", [hash_], bytes) for hash_ in hashes]


def _read_joined(block: BlockRef, receipts: Sequence[bytes], read: ReadTogether[T]) -> T | Refusal:
    """What single receipts of a block are together."""
    try:
        with answer_at_fault():
            (outcome,) = read([block], Answer.of([b"[" + b",".join(receipts) + b"]"]))
    except Refusal as refusal:
        return refusal
    return outcome


def _unknown_tag(error: dict[str, Any]) -> tuple[None] | None:
    return (None,) if classify(error).kind in (Kind.INVALID, Kind.UNSUPPORTED, Kind.BEHIND) else None


def _contract_failure(error: dict[str, Any]) -> tuple[None] | None:
    return (None,) if is_contracts_own(error) else None


def _number(header: Header) -> int:
    return int(header["number"], 16)


# What nodes say of a block that they hold no longer, or never had; null is taken for BEHIND.
_NOT_HELD = (Kind.PRUNED, Kind.BEHIND, Kind.STATE_MISSING)


def _not_held(error: dict[str, Any]) -> tuple[None] | None:
    return (None,) if classify(error).kind in _NOT_HELD else None


def _held_elsewhere(refusal: Refusal) -> Refusal:
    """What a refusal means for a block that is not new: this endpoint does not hold it, another one may."""
    return Refusal(Kind.PRUNED, refusal.detail) if refusal.kind in _NOT_HELD else refusal
