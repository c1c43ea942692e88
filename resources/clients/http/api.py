"""JSON and files over HTTP, politely: paced, tried again where that may help, and without a secret in any message.

What an answer means is the API's own affair: its client passes a ``judge``, which returns what is wanted of a
document, raises ``Unusable`` for what may go away, and an error of ``core.errors`` for what will not.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import partial
from typing import IO, Any
from urllib.parse import urlencode

import urllib3

from core.clock import Clock
from core.errors import SourceUnavailable
from core.secrecy import hidden, keep_secret

# Pauses of 2 s doubling to 60 s: some two minutes until a request is given up.
ATTEMPTS = 6
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0
# A server that asks for a longer pause than this, in seconds, is left to the run's own retry.
LONGEST_WAIT = 300.0
CONNECT_SECONDS = 10.0
OK = 200
# Bytes of a file held at a time.
PIECE = 1 << 16


class Unusable(Exception):
    """The answer is of no use, but the next one may be."""


@dataclass(frozen=True)
class Answer:
    """One answer. ``document`` is None when the body is no JSON; numbers with a point are ``Decimal``."""

    status: int
    document: Any
    text: str


Judge = Callable[[Answer], Any]


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
        self._pool = urllib3.PoolManager(
            maxsize=2, retries=False, timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=self.timeout)
        )

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
        refused: Callable[[], None] = lambda: None,
    ) -> Any:
        """What ``judge`` makes of the answer.

        ``before`` is called ahead of every attempt, ``refused`` after one that the server answered to no avail.

        Raises:
            SourceUnavailable: when no attempt gave a usable answer; and whatever ``judge`` raises.
        """
        return self._tried(
            path, parameters, partial(self._exchange, path, parameters), judge, before=before, refused=refused
        )

    def download(self, path: str, file: IO[bytes], judge: Judge) -> None:
        """A file, byte by byte as it is sent, into ``file``; ``judge`` sees an empty text unless the status is bad.

        Raises:
            SourceUnavailable: when it never came whole; and whatever ``judge`` raises.
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
        refused: Callable[[], None] = lambda: None,
    ) -> Any:
        reasons = []
        for attempt in range(ATTEMPTS):
            self._pace()
            before()
            wait = min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE)
            self.requests += 1
            try:
                answer, retry_after = exchange()
            except urllib3.exceptions.HTTPError as error:
                reasons.append(type(error).__name__)
            else:
                try:
                    return judge(answer)
                except Unusable as unusable:
                    refused()
                    reasons.append(str(unusable))
                    wait = max(wait, retry_after or 0.0)
            if attempt == ATTEMPTS - 1 or wait > LONGEST_WAIT:
                break
            self.clock.sleep(wait)
        raise SourceUnavailable(
            f"{self.name}: no usable answer to {self.address(path, parameters)} after {len(reasons)} attempts "
            f"({'; '.join(dict.fromkeys(reasons))}). Check that the API is up and reachable, then run again."
        )

    def _pace(self) -> None:
        if self.per_minute:
            self.clock.sleep(self._next - self.clock.monotonic())
            self._next = self.clock.monotonic() + 60.0 / self.per_minute

    def _exchange(self, path: str, parameters: Mapping[str, Any]) -> tuple[Answer, float | None]:
        response = self._pool.request(
            "GET",
            f"{self.root}/{path}",
            fields={**parameters, **self.secret_parameters},
            headers={"Accept": "application/json", **self.headers},
            redirect=False,
        )
        text = hidden(response.data.decode(errors="replace"))
        try:
            document = json.loads(text, parse_float=Decimal, parse_constant=_no_number)
        except ValueError:
            document = None
        return Answer(response.status, document, text), _seconds(response.headers.get("Retry-After"), self.clock.now())

    def _receive(self, path: str, file: IO[bytes]) -> tuple[Answer, float | None]:
        file.seek(0)
        file.truncate()
        response = self._pool.request(
            "GET",
            f"{self.root}/{path}",
            fields=self.secret_parameters,
            headers=self.headers,
            redirect=False,
            preload_content=False,
        )
        try:
            # Undecoded, so that a server that declares a .gz file as compressed transfer changes nothing.
            if response.status == OK:
                for piece in response.stream(PIECE, decode_content=False):
                    file.write(piece)
            text = "" if response.status == OK else hidden(response.read(PIECE).decode(errors="replace"))
        finally:
            response.close()
        return Answer(response.status, None, text), _seconds(response.headers.get("Retry-After"), self.clock.now())


def _no_number(name: str) -> None:
    """NaN and Infinity are no JSON, and no value: unknown."""


def _seconds(retry_after: str | None, now: datetime) -> float | None:
    """Seconds of a Retry-After header, given as seconds or as a date."""
    if not retry_after:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - now).total_seconds())
    except (ValueError, TypeError):
        return None
