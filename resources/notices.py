"""Which channels a stage tells of a failed run, and telling them all at once."""

import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from core.errors import HeadwaterError, SettingError
from core.secrecy import hidden, keep_settings_secret
from core.settings import (
    NOTICE_MAIL_FROM,
    NOTICE_MAIL_HOST,
    NOTICE_MAIL_PASSWORD,
    NOTICE_MAIL_PORT,
    NOTICE_MAIL_STARTTLS,
    NOTICE_MAIL_TO,
    NOTICE_MAIL_USER,
    NOTICE_TELEGRAM_CHAT,
    NOTICE_TELEGRAM_TOKEN,
    NOTICE_TELEGRAM_URL,
    NOTICE_URL,
    Setting,
    stage_from,
)
from resources.clients.notices.chat import Telegram, Webhook
from resources.clients.notices.mail import Mail

# Seconds for all channels together. The sensor tells of up to 5 runs in a tick, and a tick that takes longer than a
# minute is given up by Dagster and done again, with all it has told.
SECONDS = 8.0


class Channel(Protocol):
    """Somewhere that takes a text."""

    def send(self, text: str) -> None:
        """Send it, or raise."""


def webhook(environ: Mapping[str, str]) -> Channel | None:
    """The chat's webhook, if it is set.

    Raises:
        SettingError: when it is no address; without it, since it may be the key alone.
    """
    url = NOTICE_URL.read(environ)
    if url and not url.startswith(("https://", "http://")):
        raise SettingError(f"{NOTICE_URL.name} is no web address; it should be like {NOTICE_URL.example}")
    return Webhook(url) if url else None


def telegram(environ: Mapping[str, str]) -> Channel | None:
    """The Telegram chat, if it is set.

    Raises:
        SettingError: when only a part of it is.
    """
    if not _any_set(environ, NOTICE_TELEGRAM_TOKEN, NOTICE_TELEGRAM_CHAT):
        return None
    return Telegram(
        NOTICE_TELEGRAM_URL.require(environ),
        NOTICE_TELEGRAM_TOKEN.require(environ),
        NOTICE_TELEGRAM_CHAT.require(environ),
    )


def mail(environ: Mapping[str, str]) -> Channel | None:
    """Mail, if it is set.

    Raises:
        SettingError: when only a part of it is.
    """
    if not _any_set(environ, NOTICE_MAIL_HOST, NOTICE_MAIL_FROM, NOTICE_MAIL_TO):
        return None
    user = NOTICE_MAIL_USER.read(environ)
    return Mail(
        NOTICE_MAIL_HOST.require(environ),
        NOTICE_MAIL_PORT.integer(environ),
        NOTICE_MAIL_FROM.require(environ),
        NOTICE_MAIL_TO.require(environ),
        f"[{stage_from(environ)}] ",
        user,
        NOTICE_MAIL_PASSWORD.require(environ) if user else None,
        NOTICE_MAIL_STARTTLS.require(environ) == "required",
    )


# The old systems sent mail and Telegram in preprod and prod only; the chat's webhook was another one in each stage.
CHANNELS: dict[str, tuple[Callable[[Mapping[str, str]], Channel | None], ...]] = {
    "local": (webhook,),
    "test": (webhook,),
    "preprod": (webhook, telegram, mail),
    "prod": (webhook, telegram, mail),
}


def tell(text: str, environ: Mapping[str, str] = os.environ, seconds: float = SECONDS) -> list[str]:
    """Send the text, without secrets, to each channel of the stage that is set; a sentence for each that failed.

    The channels are told at the same time and have ``seconds`` together, so that none keeps another waiting. It raises
    nothing but for a wrong stage: it must not hide the failure that it is about.
    """
    keep_settings_secret(environ)
    # What cannot be written in UTF-8 is half a character out of some broken text.
    text = hidden(text).encode(errors="replace").decode()
    outcomes: dict[str, str | None] = {}

    def told(channel_from: Callable[[Mapping[str, str]], Channel | None]) -> None:
        try:
            if channel := channel_from(environ):
                channel.send(text)
            outcome = None
        except HeadwaterError as error:
            outcome = hidden(str(error))
        except Exception as error:  # noqa: BLE001 - no failure may reach the run; most messages hold the address
            outcome = type(error).__name__
        outcomes[channel_from.__name__] = outcome

    channels = CHANNELS[stage_from(environ)]
    # Daemons: one that hangs on does not keep the process from ending.
    threads = [threading.Thread(target=told, args=(channel,), daemon=True) for channel in channels]
    end = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    silence = f"no answer within {seconds:g} s"
    found = {channel.__name__: outcomes.get(channel.__name__, silence) for channel in channels}
    return [f"The notice was not sent by {name}: {outcome}" for name, outcome in found.items() if outcome]


def _any_set(environ: Mapping[str, str], *settings: Setting) -> bool:
    return any(setting.read(environ) for setting in settings)
