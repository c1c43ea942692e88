"""A message to where people read it: a chat's incoming webhook, a Telegram chat.

Addresses and tokens are secrets: they stand in no message, whatever a server or a library makes of them. Nothing is
sent twice; what becomes of a failure is the caller's affair.
"""

from dataclasses import dataclass, field
from html import escape
from typing import Any

import msgspec
import urllib3

from core.errors import SourceRefused
from core.plain import one_line
from core.secrecy import hidden, keep_secret, keep_uri_secret
from resources.clients.http.bounded import connection_pool, exchange

# Seconds that a server may take for a connection, and for each piece of its answer.
SECONDS = 5.0
# And for all of it together.
WHOLE_SECONDS = 7.0
# What Telegram takes, counted as it counts, in UTF-16; Slack advises 4,000 characters and cuts at 40,000.
LONGEST = 4096
# Bytes of an answer that are read, and characters of it that are shown.
ANSWER, SHOWN = 1000, 200
# Slack's words for: no markup, and no look at the pages and pictures whose addresses stand in the text.
AS_IT_IS = {"mrkdwn": False, "unfurl_links": False, "unfurl_media": False}


@dataclass(frozen=True)
class Webhook:
    """An incoming webhook as Slack has them, and chats that take the same: ``{"text": ...}``."""

    url: str = field(repr=False)

    def send(self, text: str) -> None:
        """Post the text, as text: what looks like a mention or a link in it is none, and nobody fetches what it names.

        Raises:
            SourceRefused: when the answer is no success; and urllib3's errors.
        """
        keep_uri_secret(self.url)
        _post(self.url, {"text": escape(cut(text), quote=False)} | AS_IT_IS)


@dataclass(frozen=True)
class Telegram:
    """A chat that a bot writes to, by the Bot API at ``root``."""

    root: str
    token: str = field(repr=False)
    chat: str

    def send(self, text: str) -> None:
        """Post the text, without any markup and without a preview of what it names.

        Raises:
            SourceRefused: when the answer is no success; and urllib3's errors.
        """
        keep_secret(self.token)
        url = f"{self.root.rstrip('/')}/bot{self.token}/sendMessage"
        _post(url, {"chat_id": self.chat, "text": cut(text), "link_preview_options": {"is_disabled": True}})


def cut(text: str) -> str:
    """The text, or as much of its beginning as a chat takes, with a mark that it goes on."""
    units = text.encode("utf-16-le")
    if len(units) <= 2 * LONGEST:
        return text
    return units[: 2 * (LONGEST - 1)].decode("utf-16-le", errors="ignore") + "…"


def _post(url: str, document: dict[str, Any]) -> None:
    with exchange(
        connection_pool(1, SECONDS),
        "POST",
        url,
        seconds=WHOLE_SECONDS,
        headers={"Content-Type": "application/json"},
        body=msgspec.json.encode(document),
    ) as answer:
        said = answer.read(ANSWER).decode(errors="replace")
        answer.close()
    if answer.status >= 300:
        host = urllib3.util.parse_url(url).host
        raise SourceRefused(f"{host} answered HTTP {answer.status}: {one_line(hidden(said), SHOWN)!r}")
