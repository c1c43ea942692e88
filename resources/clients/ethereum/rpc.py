"""JSON-RPC calls, batched and pipelined over several endpoints.

One call, not the whole task, moves to the next endpoint when an endpoint gives no usable answer. Results
come back in the order of the calls, and only a bounded number of them is ever held.
"""

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from core.clock import Clock
from core.errors import NodeRefused, NodeUnavailable
from resources.clients.ethereum.calls import Call, ReadTogether, outcomes_of
from resources.clients.ethereum.endpoints import Endpoint, Traffic
from resources.clients.ethereum.refusals import Kind, Refusal
from resources.clients.ethereum.verdicts import FINAL, OF_THE_BATCH, OF_THE_CALL, OF_THE_SIZE, given_up

# With an endpoint's pauses of 0.5 s doubling to 30 s, some two minutes until a call is given up.
ATTEMPTS = 10
# A server that asks for a longer pause than this, in seconds, is left to the run's own retry.
LONGEST_WAIT = 300.0
LOG = logging.getLogger("headwater.ethereum")

# Failures of a call, while others succeed, after which it is its own.
LONE_FAILURES = 3
# Attempts at each endpoint before any has ever answered: some four seconds.
FIRST_CONTACTS = 4


@dataclass
class _Pending:
    at: int
    call: Call
    attempts: int = 0
    answered_before: int = 0
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

    def apart(self) -> Iterator["RpcClient"]:
        """A client of each endpoint alone, where there are several."""
        for endpoint in self.endpoints if len(self.endpoints) > 1 else ():
            yield RpcClient([endpoint], self._clock, self._attempts)

    def call(self, call: Call) -> Any:
        """The accepted result of one call."""
        return self._answer([call])[0]

    def said_by_each(self, call: Call) -> Iterator[Any]:
        """What the endpoints say, one after the other; nothing of one that gives no usable answer.

        Nothing is asked again and no endpoint is taken out: refusing this call tells nothing of the others.
        """
        for endpoint in self.endpoints:
            try:
                (outcome,) = outcomes_of([call], endpoint.exchange([(call.method, call.params)]), None)
            except Refusal:
                continue
            if not isinstance(outcome, Refusal):
                yield outcome

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
            if again := self._exchange(endpoint, group, results, read):
                waiting.appendleft(again)
        return results

    def _exchange(
        self, endpoint: Endpoint, group: list[_Pending], results: list[Any], read: ReadTogether[Any] | None
    ) -> list[_Pending]:
        """Ask one endpoint; returns what has to be asked again."""
        try:
            answer = endpoint.exchange([(item.call.method, item.call.params) for item in group])
            outcomes = self._reader.submit(outcomes_of, [item.call for item in group], answer, read).result()
        except Refusal as refusal:
            refusal = _of_the_batch(refusal, len(group))
            for item in group:
                self._count(item, endpoint, refusal, of=len(group))
            self._note(endpoint, refusal, group, len(group))
            return group
        again, worst = [], None
        endpoint.answers(sum(not isinstance(outcome, Refusal) for outcome in outcomes))
        for item, came in zip(group, outcomes, strict=True):
            outcome = item.call.meaning(came) if isinstance(came, Refusal) else came
            if isinstance(outcome, Refusal) and not self._fails_alone(item, endpoint, outcome):
                worst = outcome
                self._count(item, endpoint, outcome, of=len(group))
                again.append(item)
            else:
                results[item.at] = None if isinstance(outcome, Refusal) else outcome
        if worst is None:
            endpoint.succeeded()
        else:
            self._note(endpoint, worst, again, len(group) if worst.kind in OF_THE_SIZE else 1)
        return again

    def _fails_alone(self, item: _Pending, endpoint: Endpoint, refusal: Refusal) -> bool:
        """Whether a call, not the node, is at fault: this one has failed here again and again, others have not."""
        if not item.call.may_fail_alone or refusal.kind not in OF_THE_CALL:
            return False
        failures = sum(failed is endpoint and why.kind in OF_THE_CALL for failed, why in item.refusals)
        if failures == 0:
            item.answered_before = endpoint.answered
        if failures + 1 < LONE_FAILURES:
            return False
        return endpoint.answered > item.answered_before or self._answers_others(endpoint)

    def _answers_others(self, endpoint: Endpoint) -> bool:
        """Whether the endpoint answers something that any node does."""
        try:
            return endpoint.exchange([("eth_blockNumber", [])]).responses()[0].error is None
        except Refusal:
            return False

    def _note(self, endpoint: Endpoint, refusal: Refusal, group: list[_Pending], calls: int) -> None:
        if refusal.kind is Kind.DENIED:
            self._denied.add(endpoint)
        if refusal.kind not in FINAL:
            endpoint.failed(refusal, calls)
        LOG.warning(
            "Ethereum node %s: attempt %d of %d at %s failed (%s); it is asked again in %.0f s",
            endpoint.name,
            group[0].attempts,
            self._most_attempts(group[0]),
            group[0].call,
            refusal,
            endpoint.resumes_in,
        )

    def _count(self, item: _Pending, endpoint: Endpoint, refusal: Refusal, of: int) -> None:
        item.refusals.append((endpoint, refusal))
        if refusal.kind not in (Kind.TOO_LARGE, Kind.UNBATCHED) or of == 1:
            item.attempts += 1
        hopeless = refusal.kind in FINAL and not self._untried(item)
        if hopeless or (item.attempts >= self._most_attempts(item) and not self._untried(item)):
            raise given_up(refusal.kind, self._story(item))

    def _most_attempts(self, item: _Pending) -> int:
        """Fewer while no endpoint was ever reached: a wrong address is told in seconds."""
        never = all(refusal.kind is Kind.UNREACHABLE for _, refusal in item.refusals)
        if never and not any(endpoint.traffic.bytes for endpoint in self.endpoints):
            return FIRST_CONTACTS * len(self.endpoints)
        return self._attempts

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
            # Who has refused for good is not asked again: one that rests for a moment is worth waiting for.
            done = {endpoint for endpoint, refusal in group[0].refusals if refusal.kind in FINAL}
            hopeful = [endpoint for endpoint in usable if endpoint not in done] or usable
            # No call is given up before everybody was asked, also who rests because of other calls.
            if group[0].attempts + 1 >= self._most_attempts(group[0]):
                hopeful = self._untried(group[0]) or hopeful
            ready = [endpoint for endpoint in hopeful if not endpoint.resumes_in]
            if ready:
                failed = [endpoint for endpoint, _ in group[0].refusals]
                return min(ready, key=lambda endpoint: (failed.count(endpoint), endpoint.busy))
            wait = min(endpoint.resumes_in for endpoint in hopeful)
            if wait > LONGEST_WAIT:
                raise NodeUnavailable(f"{self._story(group[0])} The node asks to wait {wait:.0f} s; run again then.")
            self._clock.sleep(wait)


def _of_the_batch(refusal: Refusal, calls: int) -> Refusal:
    """What a refusal of a whole request of several calls says: nothing about the methods in it, but of their number."""
    if calls == 1 or refusal.kind not in OF_THE_BATCH:
        return refusal
    return Refusal(Kind.UNBATCHED if calls == 2 else Kind.TOO_LARGE, refusal.detail)
