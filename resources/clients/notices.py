"""One message to where people read it, when a run has failed."""

import json
import logging

import urllib3

from resources.clients.secrecy import keep_uri_secret

log = logging.getLogger("headwater.notices")
SECONDS = 10.0


def send(url: str, text: str) -> bool:
    """Post ``{"text": ...}``, as chat systems' incoming webhooks take it; whether it arrived.

    A notice that cannot be sent is written to the log and is otherwise no failure: it must not hide the one it is
    about. The address is a secret in most systems, so the log holds its host only.
    """
    parts = urllib3.util.parse_url(url)
    host = parts.host
    keep_uri_secret(url)
    try:
        answer = urllib3.request(
            "POST",
            url,
            body=json.dumps({"text": text}).encode(),
            headers={"Content-Type": "application/json"},
            timeout=SECONDS,
            retries=False,
            redirect=False,
        )
    except urllib3.exceptions.HTTPError as error:
        log.warning("The notice could not be sent to %s: %s", host, type(error).__name__)
        return False
    if answer.status >= 300:
        log.warning("The notice was refused by %s: HTTP %s", host, answer.status)
    return answer.status < 300
