"""What ccxt's HTTP session may read of one answer: so many bytes, for so long. It also keeps the last status."""

import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter

# The largest honest answer is an exchangeInfo of some 20 MB.
MOST_BYTES = 64 << 20
# Seconds for a whole answer. requests' own time-out starts anew with every byte.
LONGEST = 60.0
PIECE = 1 << 16


class BoundedAdapter(HTTPAdapter):
    """Reads each answer whole, within its bounds, before ccxt sees it.

    status: of the last answer; None when none came. retry_after: its header, as sent.
    """

    def __init__(self, most_bytes: int = MOST_BYTES, longest: float = LONGEST):
        super().__init__()
        self.most_bytes, self.longest = most_bytes, longest
        self.status: int | None = None
        self.retry_after: str | None = None

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send the request.

        Raises:
            requests.ConnectionError, requests.Timeout: also when an answer is too long or takes too long.
        """
        self.status = self.retry_after = None
        ends = time.monotonic() + self.longest
        response = super().send(request, *args, **{**kwargs, "stream": True})
        try:
            content = self._read(response.raw, ends)
        except (OSError, requests.RequestException):
            raise
        except Exception as error:  # urllib3's: a cut or undecodable body
            raise requests.ConnectionError(f"the answer broke off ({type(error).__name__})") from error
        finally:
            response.close()
        response._content, response._content_consumed = content, True
        self.status, self.retry_after = response.status_code, response.headers.get("Retry-After")
        return response

    def _read(self, raw: Any, ends: float) -> bytes:
        content = bytearray()
        while piece := raw.read1(PIECE, decode_content=True):
            content += piece
            if len(content) > self.most_bytes:
                raise requests.ConnectionError(f"an answer of more than {self.most_bytes:,} bytes")
            if time.monotonic() > ends:
                raise requests.Timeout(f"an answer that took more than {self.longest:g} s")
        return bytes(content)
