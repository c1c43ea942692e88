"""Secrets that have been used stay unsaid: not in a message, and not in what the network libraries log.

A server may repeat what it was sent, and a library at its most talkative logs whole requests; so whoever sends a secret
makes it known here first.
"""

import base64
import logging
from collections.abc import Mapping
from urllib.parse import quote_plus, unquote

import urllib3

from core.settings.listing import all_settings

# What is shorter is part of too many innocent words.
SHORTEST = 8
LOGGERS = ("urllib3.connectionpool", "urllib3.util.retry", "websockets.client")
_known: set[str] = set()


def keep_secret(*secrets: str) -> None:
    """Strings that shall not be shown from now on, as they are or quoted."""
    _known.update(
        form for text in secrets if text and len(text) >= SHORTEST for form in (text, quote_plus(text), unquote(text))
    )


def keep_uri_secret(uri: str) -> None:
    """The parts of a URI that may hold a key: user and password, path, parameters."""
    parts = urllib3.util.parse_url(uri)
    if parts.auth:
        password = parts.auth.partition(":")[2]
        keep_secret(parts.auth, password, base64.b64encode(unquote(parts.auth).encode()).decode())
    path, query = parts.path or "", parts.query or ""
    keep_secret(path.strip("/"), query, *path.split("/"), *(pair.partition("=")[2] for pair in query.split("&")))


def keep_settings_secret(environ: Mapping[str, str]) -> None:
    """The values of the secret settings; of addresses, the parts that may hold a key."""
    for setting in all_settings():
        value = environ.get(setting.name, "") if setting.secret else ""
        for part in value.split(",") if "://" in value else ():
            try:
                keep_uri_secret(part.strip())
            except urllib3.exceptions.LocationParseError:
                keep_secret(part)
        if "://" not in value:
            keep_secret(value)


def hidden(text: str) -> str:
    """The text without any known secret."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


class _Filter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        if (rest := hidden(said)) != said:
            record.msg, record.args = rest, ()
        return True


for _name in LOGGERS:
    logging.getLogger(_name).addFilter(_Filter())
