"""JSON and files over HTTP, politely: paced, tried again where that may help, and without a secret in any message.

What an answer means is the API's own affair: its client passes a ``judge``, which returns what is wanted of a
document, raises ``Unusable`` for what may go away, and an error of ``core.errors`` for what will not.
"""

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import IO, Any
from urllib.parse import urlencode

import urllib3

from core.clock import Clock
from core.errors import DiskRefused, InvalidAnswer, SourceUnavailable
from core.plain import one_line
from core.secrecy import hidden, keep_secret
from resources.clients.http.bounded import (
    TooMuch,
    TooSlow,
    body_of,
    connection_pool,
    exchange,
    pieces_of,
    seconds_to_wait,
)
from resources.clients.http.documents import Unfit, document_of

# Pauses of 2 s doubling to 60 s: some two minutes until a request is given up.
ATTEMPTS = 6
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0
# A server that asks for a longer pause than this, in seconds, is left to the run's own retry.
LONGEST_WAIT = 300.0
OK, MOVED = 200, {301, 302, 303, 307, 308}
# An answer is to be whole within so many time-outs, a file within an hour.
PATIENCE, FILE_SECONDS = 4, 3600.0
# The longest honest answers are lists of all coins, some megabytes; the largest files are a day of a busy chain.
MOST_BYTES, MOST_FILE_BYTES = 64 << 20, 4 << 30
SHOWN, LONGEST_LOCATION = 1000, 200

LOG = logging.getLogger("headwater.http")


class Unusable(Exception):
    """The answer is of no use, but the next one may be."""


@dataclass(frozen=True)
class Answer:
    """One answer. ``document`` is None when the body is no JSON; numbers with a point are ``Decimal``."""

    status: int
    document: Any
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)


Judge = Callable[[Answer], Any]


def moved_to(answer: Answer, setting: str) -> str | None:
    """What to do about an answer that leads elsewhere; None of another one. Redirects are not followed: a key would go
    along. setting: the one that holds the API's address."""
    if answer.status not in MOVED:
        return None
    told = next((value for name, value in answer.headers.items() if name.lower() == "location"), "")
    # Without its parameters, among which a key may be.
    where = one_line(hidden(told.partition("?")[0]), LONGEST_LOCATION) or "nowhere"
    return f"Its address leads to {where}, and redirects are not followed: set {setting} to the one that answers."


@dataclass
class HttpApi:
    """An API below one root.

    ``name`` is what messages call it. ``headers`` and ``secret_parameters`` are sent with every request and never
    shown. ``per_minute`` spaces requests evenly.
    """

    name: str
    root: str
    clock: Clock
    per_minute: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret_parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 60.0
    requests: int = 0

    def __post_init__(self) -> None:
        self.root = self.root.rstrip("/")
        keep_secret(*self.secret_parameters.values(), *self.headers.values())
        self._next = self.clock.monotonic()
        self._pool = connection_pool(2, self.timeout)

    def address(self, path: str, parameters: Mapping[str, Any] | None = None) -> str:
        """The URL as it may be shown: everything but the secrets."""
        query = "?" + urlencode(parameters, safe="(),.:") if parameters else ""
        return f"{self.root}/{path}{query}"

    def get(
        self,
        path: str,
        parameters: Mapping[str, Any],
        judge: Judge,
        before: Callable[[], None] = lambda: None,
    ) -> Any:
        """What ``judge`` makes of the answer. ``before`` is called ahead of every attempt.

        Raises:
            SourceUnavailable: when no attempt gave a usable answer; and whatever ``judge`` raises.
            InvalidAnswer: when the answer is longer, deeper or holds larger numbers than any honest one.
        """
        return self._tried(path, parameters, partial(self._exchange, path, parameters), judge, before=before)

    def download(self, path: str, file: IO[bytes], judge: Judge) -> None:
        """A file, byte by byte as it is sent, into ``file``; ``judge`` sees an empty text unless the status is bad.

        Raises:
            SourceUnavailable: when it never came whole; and whatever ``judge`` raises.
            InvalidAnswer: when it is longer than any honest one.
            DiskRefused: when this machine's disk does not take it.
        """
        self._tried(path, None, partial(self._receive, path, file), judge)

    def _tried(
        self,
        path: str,
        parameters: Mapping[str, Any] | None,
        exchange: Callable[[], tuple[Answer, float | None]],
        judge: Judge,
        *,
        before: Callable[[], None] = lambda: None,
    ) -> Any:
        reasons = []
        for attempt in range(ATTEMPTS):
            self._pace()
            before()
            wait = min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE)
            self.requests += 1
            try:
                answer, retry_after = self._fit(path, parameters, exchange)
            except (urllib3.exceptions.HTTPError, TooSlow) as error:
                reasons.append(str(error) if isinstance(error, TooSlow) else type(error).__name__)
            else:
                try:
                    return judge(answer)
                except Unusable as unusable:
                    reasons.append(str(unusable))
                    wait = max(wait, retry_after or 0.0)
            if attempt == ATTEMPTS - 1 or wait > LONGEST_WAIT:
                break
            LOG.warning(
                "%s: attempt %d of %d failed (%s); next in %.0f s", self.name, attempt + 1, ATTEMPTS, reasons[-1], wait
            )
            self.clock.sleep(wait)
        raise SourceUnavailable(
            f"{self.name}: no usable answer to {self.address(path, parameters)} after {len(reasons)} attempts "
            f"({'; '.join(dict.fromkeys(reasons))}). Check that the API is up and reachable, then run again."
        )

    def _fit(
        self, path: str, parameters: Mapping[str, Any] | None, exchange: Callable[[], tuple[Answer, float | None]]
    ) -> tuple[Answer, float | None]:
        """The exchange's answer, unless it is more than any honest one."""
        try:
            return exchange()
        except (TooMuch, Unfit) as error:
            raise InvalidAnswer(
                f"{self.name}: the answer to {self.address(path, parameters)} is {error}. Check what serves that "
                "address; nothing of it was used."
            ) from error

    def _pace(self) -> None:
        if self.per_minute:
            self.clock.sleep(self._next - self.clock.monotonic())
            self._next = self.clock.monotonic() + 60.0 / self.per_minute

    def _exchange(self, path: str, parameters: Mapping[str, Any]) -> tuple[Answer, float | None]:
        with exchange(
            self._pool,
            "GET",
            f"{self.root}/{path}",
            seconds=PATIENCE * self.timeout,
            fields={**parameters, **self.secret_parameters},
            headers={"Accept": "application/json", **self.headers},
        ) as response:
            text = hidden(body_of(response, MOST_BYTES).decode(errors="replace"))
        answer = Answer(response.status, document_of(text), text, dict(response.headers.items()))
        return answer, self._wait_asked_for(response)

    def _receive(self, path: str, file: IO[bytes]) -> tuple[Answer, float | None]:
        with self._kept(path):
            file.seek(0)
            file.truncate()
        with exchange(
            self._pool,
            "GET",
            f"{self.root}/{path}",
            seconds=FILE_SECONDS,
            fields=self.secret_parameters,
            headers=self.headers,
        ) as response:
            text = ""
            if response.status == OK:
                # Undecoded, so that a server that declares a .gz file as compressed transfer changes nothing.
                for piece in pieces_of(response, MOST_FILE_BYTES, decoded=False):
                    with self._kept(path):
                        file.write(piece)
            else:
                text = hidden(response.read(SHOWN).decode(errors="replace"))
                response.close()
        return Answer(response.status, None, text), self._wait_asked_for(response)

    @contextmanager
    def _kept(self, path: str) -> Iterator[None]:
        """Says of a disk that does not take a file what it is about."""
        try:
            yield
        except OSError as error:
            raise DiskRefused(
                f"{self.name}: cannot keep {self.address(path)} in {tempfile.gettempdir()}: {error.strerror or error}. "
                "Make room there, or set TMPDIR to another place, then run again."
            ) from error

    def _wait_asked_for(self, response: urllib3.BaseHTTPResponse) -> float | None:
        return seconds_to_wait(response.headers.get("Retry-After"), self.clock.now())
