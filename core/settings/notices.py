"""Who is told of a failed run: a model for each channel, so that a wrong setting of one keeps no other from it."""

from typing import Literal

from core.settings.base import Address, Port, Secret, Settings, Text, setting


class WebhookNotices(Settings):
    """A chat's webhook."""

    url: Secret | None = setting(
        "NOTICE_URL",
        "Incoming webhook of Slack, or of a chat that takes the same, that is told of each failed run, in every stage.",
        "https://chat.example.com/hooks/from-your-secret-store",
    )


class TelegramNotices(Settings):
    """A Telegram chat."""

    token: Secret | None = setting(
        "NOTICE_TELEGRAM_TOKEN",
        "Token of the Telegram bot that tells of each failed run, in preprod and prod.",
        "123456:from-your-secret-store",
    )
    chat: Text | None = setting(
        "NOTICE_TELEGRAM_CHAT",
        "Id of the chat that the bot writes to.",
        "-1001234567890",
    )
    url: Address = setting(
        "NOTICE_TELEGRAM_URL",
        "Root of the Bot API, where it is not Telegram's own (a proxy).",
        "https://api.telegram.org",
        "https://api.telegram.org",
    )


class MailNotices(Settings):
    """Mail."""

    host: Text | None = setting(
        "NOTICE_MAIL_HOST",
        "SMTP server for the mail about each failed run, in preprod and prod.",
        "smtp.example.com",
    )
    port: Port = setting(
        "NOTICE_MAIL_PORT",
        "Its port.",
        "25",
        587,
    )
    starttls: Literal["required", "offered"] = setting(
        "NOTICE_MAIL_STARTTLS",
        "required sends nothing unencrypted; offered does where the server has no STARTTLS, but never a password.",
        "offered",
        "required",
    )
    user: Text | None = setting(
        "NOTICE_MAIL_USER",
        "Who signs in at the server; nobody does when not set.",
        "headwater",
    )
    password: Secret | None = setting(
        "NOTICE_MAIL_PASSWORD",
        "Its password.",
        "from-your-secret-store",
    )
    sender: Text | None = setting(
        "NOTICE_MAIL_FROM",
        "Sender of the mail.",
        "headwater@example.com",
    )
    to: Text | None = setting(
        "NOTICE_MAIL_TO",
        "Its recipients, comma-separated.",
        "oncall@example.com,data@example.com",
    )
