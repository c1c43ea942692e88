"""One endpoint's budget and health: requests per second, requests in flight, batch size, time out."""

import itertools
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

from core.clock import Clock
from core.nesting import DEEPEST_CALLS, require_shallow
from core.plain import one_line
from resources.clients.ethereum.refusals import QUOTED, Kind, Refusal, classify
from resources.clients.ethereum.transports import Transport

_ids = itertools.count(1)

NULL_BYTES = b"null"
NULL = msgspec.Raw(NULL_BYTES)

# How long an endpoint that failed is left alone, doubling with each failure in a row.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
# A batch grows back by one after this many batches without trouble.
GROW_AFTER = 8


class Response(msgspec.Struct, gc=False):
    """A JSON-RPC response object; its result is left as it came."""

    id: int | str | None = None
    result: msgspec.Raw = NULL
    error: Any = None

    @property
    def is_null(self) -> bool:
        view = memoryview(self.result)
        return view.nbytes == len(NULL_BYTES) and bytes(view) == NULL_BYTES


_RESPONSES = msgspec.json.Decoder(list[Response] | Response)


@dataclass(frozen=True)
class Answer:
    """What came for a batch of calls: JSON text of the response objects. ids: of the calls, in their order."""

    body: bytes
    ids: Sequence[int]

    @classmethod
    def of(cls, results: Sequence[bytes | msgspec.Raw]) -> "Answer":
        """An answer with these results."""
        ids = range(1, len(results) + 1)
        objects = [b'{"jsonrpc":"2.0","id":%d,"result":%b}' % (id_, raw) for id_, raw in zip(ids, results, strict=True)]
        return cls(b"[" + b",".join(objects) + b"]", ids)

    def responses(self) -> list[Response]:
        """The response objects in the order of the calls.

        Raises:
            Refusal: when there is no usable answer to the batch as a whole.
        """
        try:
            require_shallow(self.body, DEEPEST_CALLS)
            found = _RESPONSES.decode(self.body)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise Refusal(Kind.BROKEN, f"not JSON-RPC ({one_line(error, QUOTED)}), {len(self.body)} bytes") from error
        found = [found] if isinstance(found, Response) else found
        if len(found) == 1 and found[0].error is not None and found[0].id not in self.ids:
            raise classify(found[0].error)  # the request as a whole was refused
        by_id = {response.id: response for response in found}
        if len(by_id) != len(found) or by_id.keys() != set(self.ids):
            raise Refusal(Kind.BROKEN, f"answers to other requests: {len(found)} for {len(self.ids)}")
        return [by_id[id_] for id_ in self.ids]


@dataclass
class Traffic:
    """What was exchanged with an endpoint."""

    requests: int = 0
    calls: int = 0
    retries: int = 0
    bytes: int = 0


class Endpoint:
    """A node's address with a budget.

    name: host and port only; the rest of a URI may hold a key.
    batch_size: most calls put into one request; halves when they are too many, grows back.
    """

    def __init__(
        self, uri: str, transport: Transport, *, batch_size: int, in_flight: int, per_second: float | None, clock: Clock
    ):
        parts = urlsplit(uri)
        self.name = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
        if not parts.hostname:
            self.name = parts.path
        self.traffic = Traffic()
        self.batch_size = self._largest_batch = batch_size
        self.in_flight = in_flight
        self.busy = 0
        self._transport, self._clock, self._per_second = transport, clock, per_second
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(in_flight)
        self._next_free = 0.0
        self._paused_until, self._failures, self._good_batches = 0.0, 0, 0
        self.answered = 0  # calls that got a usable answer

    @property
    def resumes_in(self) -> float:
        """Seconds until the endpoint may be asked again; 0 when it may be asked now."""
        return max(0.0, self._paused_until - self._clock.monotonic())

    def exchange(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> Answer:
        """The answer to a batch of (method, parameters).

        Raises:
            Refusal: when none came.
        """
        ids = [next(_ids) for _ in calls]
        objects = [
            {"jsonrpc": "2.0", "id": id_, "method": method, "params": params}
            for id_, (method, params) in zip(ids, calls, strict=True)
        ]
        body = msgspec.json.encode(objects if len(objects) > 1 else objects[0])
        with self._slots:
            self._take_tokens(len(calls))
            with self._lock:
                self.busy += 1
                self.traffic.requests += 1
                self.traffic.calls += len(calls)
            try:
                answer = Answer(self._transport.exchange(body), ids)
            finally:
                with self._lock:
                    self.busy -= 1
        with self._lock:
            self.traffic.bytes += len(answer.body)
        return answer

    def _take_tokens(self, calls: int) -> None:
        """Wait for the budget: calls are spaced so that no second holds more than allowed."""
        if self._per_second is None:
            return
        with self._lock:
            now = self._clock.monotonic()
            start = max(now, self._next_free)
            self._next_free = start + calls / self._per_second
        self._clock.sleep(start - now)

    def answers(self, count: int) -> None:
        """So many calls got a usable answer."""
        with self._lock:
            self.answered += count

    def succeeded(self) -> None:
        """The endpoint answered well: forget its failures, and let batches grow back."""
        with self._lock:
            self._failures = 0
            self._good_batches += 1
            if self._good_batches % GROW_AFTER == 0:
                self.batch_size = min(self.batch_size + 1, self._largest_batch)

    def failed(self, refusal: Refusal, calls: int) -> None:
        """Take the endpoint out for a while, and shrink batches that were too much for it.

        calls: in the request, where it failed as a whole; its size may be what is wrong, whatever the words are.
        """
        with self._lock:
            self.traffic.retries += 1
            self._good_batches = 0
            if refusal.kind is Kind.UNBATCHED:
                self.batch_size = self._largest_batch = 1
            elif calls > 1 and refusal.kind not in _NOT_FOR_SIZE:
                self.batch_size = min(self.batch_size, max(1, calls // 2))
            # A smaller request may be sent at once; where there is none, time alone helps.
            if refusal.kind is Kind.UNBATCHED or (refusal.kind is Kind.TOO_LARGE and calls > 1):
                return
            now = self._clock.monotonic()
            if refusal.retry_after is not None:
                self._paused_until = max(self._paused_until, now + refusal.retry_after)
            elif now >= self._paused_until:  # requests in flight together fail together: that is one failure
                pause = min(FIRST_PAUSE * 2**self._failures, LONGEST_PAUSE)
                self._failures += 1
                self._paused_until = now + pause * random.uniform(0.75, 1.25)  # noqa: S311 - jitter, not a secret


# Refusals that a smaller batch would not change.
_NOT_FOR_SIZE = {Kind.RATE_LIMITED, Kind.QUOTA_SPENT, Kind.DENIED, Kind.UNREACHABLE}
