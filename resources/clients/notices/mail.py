"""Mail, by an SMTP server."""

import smtplib
import ssl
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr

from core.clock import Clock
from core.errors import SourceRefused
from core.secrecy import keep_secret

# Seconds that the server may take for a connection, and for each of its answers.
SECONDS = 5.0


@dataclass(frozen=True)
class Mail:
    """Plain text from one sender to its recipients.

    encrypted: send nothing without STARTTLS; else only a password is not. Where the server offers it, it is used and
    the certificate is verified. recipients: comma-separated. prefix: what subjects begin with.
    """

    host: str
    port: int
    sender: str
    recipients: str
    prefix: str = ""
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    encrypted: bool = True

    def send(self, text: str) -> None:
        """Hand one message for all recipients to the server; the text's first line is its subject.

        Raises:
            SourceRefused: when the server offers no STARTTLS, or refuses a recipient; and the errors of smtplib, ssl
                and socket.
        """
        if self.password:
            keep_secret(self.password)
        with smtplib.SMTP(self.host, self.port, timeout=SECONDS) as server:
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=ssl.create_default_context())
            elif self.encrypted or self.password:
                raise SourceRefused(
                    f"{self.host}:{self.port} offers no STARTTLS. Use a port that does; a server of your own network "
                    "may go without (NOTICE_MAIL_STARTTLS=offered), but never gets a password."
                )
            if self.user and self.password:
                server.login(self.user, self.password)
            refused = server.send_message(self.message(text))
        if refused:
            raise SourceRefused(f"{self.host}:{self.port} refused the recipients {', '.join(refused)}.")

    def message(self, text: str) -> EmailMessage:
        """The message; nothing of the text is in a header but its first line."""
        message = EmailMessage(policy.SMTP.clone(cte_type="7bit"))  # what every server takes
        message["Subject"] = f"{self.prefix}{text.strip().splitlines()[0]}"
        message["From"] = self.sender
        message["To"] = self.recipients
        message["Date"] = format_datetime(Clock().now())
        message["Message-ID"] = make_msgid(domain=parseaddr(self.sender)[1].rpartition("@")[2] or None)
        # Keeps out-of-office replies away (RFC 3834).
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        return message
