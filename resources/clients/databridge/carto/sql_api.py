"""Carto's SQL API: statements, COPY, and a dataset's privacy, each one request within a deadline.

A request is one batch of PostgreSQL's simple protocol, so several statements in it are one transaction. What Carto
refuses to begin, saying after how many seconds to come again, is sent again then. Nothing else is sent twice: a
statement whose answer was lost may have been done, and only who sent it knows whether that matters.
"""

import json
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any
from urllib.parse import quote, urlencode

import urllib3

from core.clock import Clock
from core.errors import InvalidAnswer, LoadRejected, SettingError, SourceRefused, SourceUnavailable
from core.plain import one_line
from core.secrecy import hidden, keep_secret
from resources.clients.http.bounded import TooMuch, TooSlow, body_of, connection_pool, exchange, seconds_to_wait
from resources.clients.http.documents import Unfit, document_of

logger = logging.getLogger("headwater.databridge")

# Carto ends a statement after 25 s; VACUUM and COPY take as long as the data.
STATEMENT_SECONDS, COPY_SECONDS = 120.0, 3600.0
# An answer is a few rows of the catalog or an error.
LONGEST = 8 << 20
PIECE = 1 << 16
SHOWN = 300
# Carto limits requests by the minute. Where it asks for a longer pause, in seconds, that is left to the run's retry.
ATTEMPTS, LONGEST_WAIT = 6, 120.0
BAD_REQUEST, TOO_MANY, SERVER_ERROR = 400, 429, 500
_CONNECTION = re.compile(r"carto://(?P<user>[^/?#@\s]+):(?P<key>[^:/?#@\s]+)")


@dataclass(frozen=True)
class CartoAccount:
    """An account: where it answers, its user, its key. base: of the API, such as ``https://u.carto.com/``, with the
    slash at its end."""

    user: str
    key: str = field(repr=False)
    base: str

    @classmethod
    def of(cls, connection: str, base: str | None = None) -> "CartoAccount":
        """The account of a connection string, ``carto://<user>:<key>``; the key is what follows the last colon.

        Raises:
            SettingError: when it is none; without it, since it holds the key.
        """
        found = _CONNECTION.fullmatch(connection)
        if not found:
            raise SettingError("Carto: the connection_string is not like carto://user:key. Correct the secret.")
        keep_secret(found["key"])
        if base and not re.match(r"https?://[^/?#\s]", base):
            raise SettingError("Carto: the base_url is not like https://carto.example.com/user/u/. Correct the secret.")
        root = base or f"https://{found['user']}.carto.com"
        return cls(found["user"], found["key"], f"{root.rstrip('/')}/")


class SqlApi:
    """The SQL API of one account."""

    def __init__(self, account: CartoAccount, clock: Clock):
        self.account, self._clock = account, clock
        keep_secret(account.key)
        self._pool = connection_pool(1, COPY_SECONDS)

    def __str__(self) -> str:
        return f"Carto account {self.account.user}"

    def run(self, sql: str) -> list[dict[str, Any]]:
        """The rows of the last statement; all statements are one transaction.

        Raises:
            LoadRejected: when Carto refuses the SQL. SourceRefused: when it refuses the key.
            SourceUnavailable: when there is no answer in time, or it asks to come again.
        """
        body = urlencode({"q": sql}).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        rows = self._answer(("POST", "api/v2/sql"), {}, lambda: body, kind).get("rows", [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InvalidAnswer(f"{self}: the answer's rows are none. Check the API's address.")
        return rows

    def copy(self, sql: str, file: IO[bytes]) -> int:
        """The rows that COPY took from the file, which is streamed.

        Raises:
            as ``run``.
        """
        request = ("POST", "api/v2/sql/copyfrom")
        total = self._answer(request, {"q": sql}, lambda: _pieces(file), {}, COPY_SECONDS).get("total_rows")
        if not isinstance(total, int) or isinstance(total, bool):
            raise InvalidAnswer(
                f"{self}: COPY answered total_rows {one_line(total, SHOWN)!r}. Check the API's address."
            )
        return total

    def privacy(self, table: str) -> str:
        """How a dataset is shared: PUBLIC, LINK, PRIVATE."""
        return str(self._answer(("GET", f"api/v1/viz/{quote(table)}"), {}, lambda: None, {}).get("privacy"))

    def set_privacy(self, table: str, privacy: str) -> None:
        """Share a dataset so."""
        body, kind = json.dumps({"privacy": privacy}).encode(), {"Content-Type": "application/json"}
        self._answer(("PUT", f"api/v1/viz/{quote(table)}"), {}, lambda: body, kind)

    def _answer(
        self,
        request: tuple[str, str],
        parameters: dict[str, str],
        body: Callable[[], Any],
        headers: dict[str, str],
        seconds: float = STATEMENT_SECONDS,
    ) -> dict[str, Any]:
        for attempt in range(1, ATTEMPTS + 1):
            status, retry_after, data = self._exchanged(request, parameters, body(), headers, seconds)
            wait = seconds_to_wait(retry_after, self._clock.now()) if status == TOO_MANY else None
            if wait is None or wait > LONGEST_WAIT or attempt == ATTEMPTS:
                break
            logger.warning(
                "%s: attempt %d of %d of %s was refused (HTTP 429); next in %.0f s, as it asks",
                *(self, attempt, ATTEMPTS, request[1], wait),
            )
            self._clock.sleep(wait)
        return self._judged(status, retry_after, data, request[1])

    def _exchanged(
        self, request: tuple[str, str], parameters: dict[str, str], body: Any, headers: dict[str, str], seconds: float
    ) -> tuple[int, str | None, bytes]:
        """Status, Retry-After and body of one answer."""
        method, path = request
        query = urlencode({**parameters, "api_key": self.account.key})
        url = f"{self.account.base}{path}?{query}"
        try:
            with exchange(self._pool, method, url, seconds=seconds, headers=headers, body=body) as response:
                data = body_of(response, LONGEST)
        except TooMuch as error:
            raise InvalidAnswer(f"{self}: the answer to {path} is {error}. Check the API's address.") from None
        except (TooSlow, urllib3.exceptions.HTTPError, OSError) as error:
            raise SourceUnavailable(
                f"{self}: no answer to {path} ({type(error).__name__}). Check that Carto is up, then run again."
            ) from None
        return response.status, response.headers.get("Retry-After"), data

    def _judged(self, status: int, retry_after: str | None, data: bytes, path: str) -> dict[str, Any]:
        text = hidden(data.decode(errors="replace"))
        try:
            document = document_of(text)
        except Unfit as error:
            if status < 300:
                raise InvalidAnswer(f"{self}: the answer to {path} is {error}. Check the API's address.") from None
            document = None
        if status < 300 and isinstance(document, dict) and "error" not in document:
            return document
        said = document.get("error") if isinstance(document, dict) else text
        reason = one_line(said[0] if isinstance(said, list) and said else said, SHOWN)
        if status in (401, 403):
            raise SourceRefused(f"{self} refuses the key (HTTP {status}: {reason}). Correct the account's secret.")
        if status == TOO_MANY or status >= SERVER_ERROR:
            again = f"after {retry_after[:20]} s" if retry_after else "later, when it has less to do"
            raise SourceUnavailable(f"{self}: {path}: HTTP {status}: {reason}. Run again {again}.")
        raise LoadRejected(f"{self}: {path}: HTTP {status}: {reason}. Correct the table's file, schema or data.")


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(PIECE):
        yield piece
