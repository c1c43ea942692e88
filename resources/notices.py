"""Which channels a stage tells of a failed run, and telling them all at once."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from core.errors import HeadwaterError, SettingError
from core.secrecy import hidden, keep_settings_secret
from core.settings.base import revealed
from core.settings.notices import MailNotices, TelegramNotices, WebhookNotices
from core.settings.stage import stage_from
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
    url = revealed(WebhookNotices.read(environ).url)
    if url and not url.startswith(("https://", "http://")):
        raise SettingError("NOTICE_URL is no web address; it should be like https://chat.example.com/hooks/...")
    return Webhook(url) if url else None


def telegram(environ: Mapping[str, str]) -> Channel | None:
    """The Telegram chat, if it is set.

    Raises:
        SettingError: when only a part of it is.
    """
    given = TelegramNotices.read(environ)
    if not (given.token or given.chat):
        return None
    token, chat = given.require("token", "chat")
    return Telegram(given.url, token.get_secret_value(), chat)


def mail(environ: Mapping[str, str]) -> Channel | None:
    """Mail, if it is set.

    Raises:
        SettingError: when only a part of it is.
    """
    given = MailNotices.read(environ)
    if not (given.host or given.sender or given.to):
        return None
    host, sender, recipients, *_ = given.require("host", "sender", "to", *(("password",) if given.user else ()))
    return Mail(
        host,
        given.port,
        sender,
        recipients,
        f"[{stage_from(environ)}] ",
        given.user,
        revealed(given.password) if given.user else None,
        given.starttls == "required",
    )


# The old systems sent mail and Telegram in preprod and prod only; the chat's webhook was another one in each stage.
CHANNELS: dict[str, tuple[Callable[[Mapping[str, str]], Channel | None], ...]] = {
    "local": (webhook,),
    "test": (webhook,),
    "preprod": (webhook, telegram, mail),
    "prod": (webhook, telegram, mail),
}


def tell(text: str, environ: Mapping[str, str], seconds: float = SECONDS) -> list[str]:
    """Send the text, without secrets, to each channel of the stage that is set; a sentence for each that failed.

    The channels are told at the same time and have ``seconds`` together, so that none keeps another waiting. It raises
    nothing but for a wrong stage: it must not hide the failure that it is about.
    """
    keep_settings_secret(environ)
    # Nothing of control but the lines' ends; what cannot be written in UTF-8 is half a character out of a broken text.
    text = hidden(text).encode(errors="replace").decode()
    text = "".join(letter if letter == "\n" or letter.isprintable() else " " for letter in text)
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
