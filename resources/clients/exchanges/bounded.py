"""What a session of requests, such as ccxt's, may read of one answer: so many bytes, for so long.

It also keeps the last status.
"""

from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from resources.clients.http.bounded import WATCHED_POOLS, Deadline, TooMuch, body_of

# The largest honest answer is a list of markets, of some 20 MB.
MOST_BYTES = 64 << 20
# A thousand bars take some 200 KB. Lists in lists unfold to twenty times their JSON, so that this stays below 100 MB.
PAGE_BYTES = 4 << 20
# Seconds for a whole answer, its head as well. requests' own time-out starts anew with every byte.
LONGEST = 60.0


class BoundedAdapter(HTTPAdapter):
    """Reads each answer whole, within its bounds, before ccxt sees it.

    most_bytes: of the next answer. status: of the last one; None when none came. retry_after: its header, as sent.
    """

    def __init__(self, most_bytes: int = MOST_BYTES, longest: float = LONGEST):
        super().__init__()
        self.most_bytes, self.longest = most_bytes, longest
        self.status: int | None = None
        self.retry_after: str | None = None

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Connections that can be shut down when the time is over."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = WATCHED_POOLS

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send the request.

        Raises:
            requests.ConnectionError, requests.Timeout: also when an answer is too long or takes too long.
        """
        self.status = self.retry_after = None
        deadline = Deadline(self.longest)
        try:
            with deadline:
                response = super().send(request, *args, **{**kwargs, "stream": True})
                deadline.reading(response.raw)
                try:
                    content = body_of(response.raw, self.most_bytes)
                finally:
                    response.close()
        except (OSError, urllib3.exceptions.HTTPError, TooMuch) as error:  # requests' own are OSErrors
            raise self._told(error, expired=deadline.expired) from error
        if deadline.expired:
            raise requests.Timeout(f"an answer that took more than {self.longest:g} s")
        response._content, response._content_consumed = content, True
        self.status, self.retry_after = response.status_code, response.headers.get("Retry-After")
        return response

    def _told(self, error: Exception, *, expired: bool) -> Exception:
        if expired:
            return requests.Timeout(f"an answer that took more than {self.longest:g} s")
        if isinstance(error, TooMuch):
            return requests.ConnectionError(f"an answer that is {error}")
        if isinstance(error, requests.RequestException):
            return error
        return requests.ConnectionError(f"the answer broke off ({type(error).__name__})")
