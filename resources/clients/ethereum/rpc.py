"""JSON-RPC calls, batched and pipelined over several endpoints.

One call, not the whole task, moves to the next endpoint when an endpoint gives no usable answer. Results
come back in the order of the calls, and only a bounded number of them is ever held.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

import msgspec

from core.clock import Clock
from core.errors import (
    ChainReorganised,
    CommitmentMismatch,
    HeadwaterError,
    MethodUnsupported,
    NodeBehind,
    NodeRefused,
    NodeUnavailable,
)
from resources.clients.ethereum.endpoints import Answer, Endpoint, Response, Traffic, classify
from resources.clients.ethereum.transports import Kind, Refusal

# With an endpoint's pauses of 0.5 s doubling to 30 s, some two minutes until a call is given up.
ATTEMPTS = 10
# A server that asks for a longer pause than this, in seconds, is left to the run's own retry.
LONGEST_WAIT = 300.0


# What a call is given up with, by the kind of its last refusal.
_GIVEN_UP: dict[Kind, tuple[type[HeadwaterError], str]] = {
    Kind.BEHIND: (NodeBehind, "Check that the node is synced, then run again."),
    Kind.UNSUPPORTED: (MethodUnsupported, "Use a node that offers it."),
    Kind.INVALID: (NodeRefused, "Use a node that accepts it."),
    Kind.UNPROVEN: (CommitmentMismatch, "Compare the block with a node you trust; nothing of the day was published."),
    Kind.MOVED: (ChainReorganised, "Materialize the day's blocks again, then what follows from them."),
}


def given_up(kind: Kind, story: str) -> HeadwaterError:
    """The error to end with when the last refusal was of that kind."""
    error, remedy = _GIVEN_UP.get(kind, (NodeUnavailable, "Check the node, then run again."))
    return error(f"{story} {remedy}")


# Asking the same endpoint again cannot change these; another endpoint may still answer.
_FINAL = {Kind.UNSUPPORTED, Kind.INVALID, Kind.MOVED, Kind.UNPROVEN}


T = TypeVar("T")
# Makes values of all results of an answer at once, given what each call was about. A Refusal stands in the place of a
# result that is not what was asked for; one that is raised may be any result's, so the answer is then taken apart.
ReadTogether = Callable[[Sequence[Any], Answer], Sequence[T | Refusal]]


@dataclass(frozen=True)
class Call:
    """One call.

    read: makes a value of the result's JSON, or raises Refusal when it is not what was asked for.
    about: what the call asks for, for those who read results together.
    accept_null: null is an answer, and not what a node sends for what it does not have yet.
    accept_error: returns what an error object means for this call, or None to treat it as a failure.
    """

    method: str
    params: Sequence[Any]
    read: Callable[[msgspec.Raw], Any] = msgspec.json.decode
    accept_null: bool = False
    accept_error: Callable[[dict[str, Any]], tuple[Any] | None] = field(default=lambda error: None)
    about: Any = None

    def __str__(self) -> str:
        return f"{self.method}({', '.join(str(param)[:80] for param in self.params)})"


@dataclass
class _Pending:
    at: int
    call: Call
    attempts: int = 0
    refusals: list[tuple[Endpoint, Refusal]] = field(default_factory=list)


class RpcClient:
    """Calls over one or several endpoints."""

    def __init__(self, endpoints: Sequence[Endpoint], clock: Clock, attempts: int = ATTEMPTS):
        self.endpoints, self._clock, self._attempts = list(endpoints), clock, attempts
        self._denied: set[Endpoint] = set()
        self._threads = ThreadPoolExecutor(sum(endpoint.in_flight for endpoint in endpoints), "rpc")
        # One thread reads all results: each more would keep memory of its own, and wait for the interpreter's lock.
        self._reader = ThreadPoolExecutor(1, "rpc-reader")

    @property
    def traffic(self) -> Traffic:
        """What was exchanged with all endpoints together."""
        parts = [endpoint.traffic for endpoint in self.endpoints]
        return Traffic(
            requests=sum(part.requests for part in parts),
            calls=sum(part.calls for part in parts),
            retries=sum(part.retries for part in parts),
            bytes=sum(part.bytes for part in parts),
        )

    def call(self, call: Call) -> Any:
        """The accepted result of one call."""
        return self._answer([call])[0]

    def map(
        self, calls: Iterable[Call], read: ReadTogether[Any] | None = None, most_at_once: int | None = None
    ) -> Iterator[Any]:
        """Accepted results in the order of ``calls``, fetched ahead by a bounded number of batches.

        read: reads the results of a batch together, in place of each call's own ``read``. most_at_once: calls in one
        request, if fewer than the endpoints' batches.

        Raises:
            NodeUnavailable, NodeBehind, NodeRefused, MethodUnsupported: naming the call and every endpoint.
        """
        source = iter(calls)
        window: deque[Future[list[Any]]] = deque()
        # Every request slot busy and a little in store: more would only hold decoded answers in memory.
        ahead = sum(endpoint.in_flight for endpoint in self.endpoints) + 2
        try:
            while True:
                while len(window) < ahead and (batch := self._next_batch(source, most_at_once)):
                    window.append(self._threads.submit(self._answer, batch, read))
                if not window:
                    return
                yield from window.popleft().result()
        finally:
            for future in window:
                future.cancel()

    def _next_batch(self, source: Iterator[Call], most: int | None) -> list[Call]:
        size = max(endpoint.batch_size for endpoint in self.endpoints)
        return list(islice(source, min(size, most or size)))

    def _answer(self, calls: Sequence[Call], read: ReadTogether[Any] | None = None) -> list[Any]:
        results: list[Any] = [None] * len(calls)
        waiting = deque([[_Pending(at, call) for at, call in enumerate(calls)]])
        while waiting:
            group = waiting.popleft()
            endpoint = self._choose(group)
            if len(group) > endpoint.batch_size:
                waiting.extendleft([group[endpoint.batch_size :], group[: endpoint.batch_size]])
                continue
            again = self._exchange(endpoint, group, results, read)
            if again:
                half = -(-len(again) // 2)
                split = len(group) > 1 and again == group and endpoint.batch_size < len(group)
                waiting.extend([again[:half], again[half:]] if split else [again])
        return results

    def _exchange(
        self, endpoint: Endpoint, group: list[_Pending], results: list[Any], read: ReadTogether[Any] | None
    ) -> list[_Pending]:
        """Ask one endpoint; returns what has to be asked again."""
        try:
            answer = endpoint.exchange([(item.call.method, item.call.params) for item in group])
            outcomes = self._reader.submit(_outcomes, [item.call for item in group], answer, read).result()
        except Refusal as refusal:
            self._note(endpoint, refusal)
            for item in group:
                self._count(item, endpoint, refusal, of=len(group))
            return group
        again, worst = [], None
        for item, outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, Refusal):
                worst = outcome
                self._count(item, endpoint, outcome, of=len(group))
                again.append(item)
            else:
                results[item.at] = outcome
        if worst is None:
            endpoint.succeeded()
        else:
            self._note(endpoint, worst)
        return again

    def _note(self, endpoint: Endpoint, refusal: Refusal) -> None:
        if refusal.kind is Kind.DENIED:
            self._denied.add(endpoint)
        if refusal.kind not in _FINAL:
            endpoint.failed(refusal)

    def _count(self, item: _Pending, endpoint: Endpoint, refusal: Refusal, of: int) -> None:
        item.refusals.append((endpoint, refusal))
        if refusal.kind is not Kind.TOO_LARGE or of == 1:
            item.attempts += 1
        hopeless = refusal.kind in _FINAL and not self._untried(item)
        if hopeless or item.attempts >= self._attempts:
            raise given_up(refusal.kind, self._story(item))

    def _untried(self, item: _Pending) -> list[Endpoint]:
        tried = {endpoint for endpoint, _ in item.refusals}
        return [endpoint for endpoint in self.endpoints if endpoint not in tried | self._denied]

    def _story(self, item: _Pending) -> str:
        last = {endpoint.name: str(refusal) for endpoint, refusal in item.refusals}
        told = "; ".join(f"{name}: {reason}" for name, reason in last.items())
        return f"Ethereum node: no usable answer to {item.call} after {item.attempts} attempts ({told})."

    def _choose(self, group: list[_Pending]) -> Endpoint:
        """The endpoint to ask next: one that has failed this call least; waits while all are taken out."""
        while True:
            usable = [endpoint for endpoint in self.endpoints if endpoint not in self._denied]
            if not usable:
                raise NodeRefused(f"{self._story(group[0])} Check the key in ETHEREUM_PROVIDER_URI.")
            ready = [endpoint for endpoint in usable if not endpoint.resumes_in]
            if ready:
                failed = [endpoint for endpoint, _ in group[0].refusals]
                return min(ready, key=lambda endpoint: (failed.count(endpoint), endpoint.busy))
            wait = min(endpoint.resumes_in for endpoint in usable)
            if wait > LONGEST_WAIT:
                raise NodeUnavailable(f"{self._story(group[0])} The node asks to wait {wait:.0f} s; run again then.")
            self._clock.sleep(wait)


def _outcomes(calls: Sequence[Call], answer: Answer, read: ReadTogether[Any] | None) -> list[Any | Refusal]:
    """For each call its value, or why there is none."""
    if read:
        try:
            return list(read([call.about for call in calls], answer))
        except Refusal:
            pass  # some call's result is at fault, or their order: taken apart, it is seen which
    outcomes: list[Any] = [
        _result(call, response, as_it_came=read is not None)
        for call, response in zip(calls, answer.responses(), strict=True)
    ]
    usable = [at for at, outcome in enumerate(outcomes) if not isinstance(outcome, Refusal)]
    if read and usable:
        values = _together(read, [calls[at].about for at in usable], [outcomes[at] for at in usable])
        for at, value in zip(usable, values, strict=True):
            outcomes[at] = value
    return outcomes


def _together(read: ReadTogether[T], about: Sequence[Any], raws: Sequence[msgspec.Raw]) -> list[T | Refusal]:
    try:
        return list(read(about, Answer.of(raws)))
    except Refusal as refusal:
        if len(raws) == 1:
            return [refusal]
    apart: list[T | Refusal] = []
    for one, raw in zip(about, raws, strict=True):
        apart += _together(read, [one], [raw])
    return apart


def _result(call: Call, response: Response, *, as_it_came: bool) -> Any | Refusal:
    if response.error is not None:
        meaning = call.accept_error(response.error) if isinstance(response.error, dict) else None
        return classify(response.error) if meaning is None else meaning[0]
    if response.is_null:
        return None if call.accept_null else Refusal(Kind.BEHIND, "the answer is null")
    try:
        return response.result if as_it_came else call.read(response.result)
    except Refusal as refusal:
        return refusal
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Refusal(Kind.BROKEN, str(error))
