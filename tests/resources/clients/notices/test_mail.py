"""Mail as an SMTP server takes it."""

import base64
import smtplib
import ssl

import pytest

from core.errors import SourceRefused
from resources.clients.notices.mail import Mail
from tests.standins.redshift.certificates import server_tls
from tests.standins.smtp import Smtp

FROM, TO = "Headwater <headwater@example.com>", "oncall@example.com, data@example.com"
PASSWORD = "never-to-be-seen"


@pytest.fixture
def tls(tmp_path, monkeypatch):
    context, authority = server_tls(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    return context


@pytest.fixture
def smtp(tls):
    server = Smtp(tls)
    yield server
    server.stop()


def mail(server, **more):
    return Mail(server.host, server.port, FROM, TO, **more)


def test_one_message_for_all_recipients(smtp):
    mail(smtp, prefix="[prod] ").send("DAG x failed\nrun ID: 1\n.\n..größer 🔥")
    (received,) = smtp.received
    assert (received.sender, received.recipients) == (
        "headwater@example.com",
        ("oncall@example.com", "data@example.com"),
    )
    message = received.message
    assert message["Subject"] == "[prod] DAG x failed"
    assert (message["From"], message["To"]) == (FROM, TO)
    assert message["Date"].datetime.tzinfo
    assert message["Message-ID"].endswith("@example.com>")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "text/plain"
    assert message.get_content().replace("\r\n", "\n") == "DAG x failed\nrun ID: 1\n.\n..größer 🔥\n"
    received.data.decode("ascii")  # no server has to know of UTF-8


def test_it_signs_in_over_tls_only(smtp):
    mail(smtp, user="headwater", password=PASSWORD).send("a run failed")
    (received,) = smtp.received
    assert received.encrypted
    assert received.login == ("headwater", PASSWORD)


@pytest.mark.parametrize(
    "more", [{}, {"user": "headwater", "password": PASSWORD}, {"user": "h", "password": PASSWORD, "encrypted": False}]
)
def test_without_starttls_nothing_is_sent_and_never_a_password(smtp, more):
    smtp.tls = None
    with pytest.raises(SourceRefused, match="offers no STARTTLS"):
        mail(smtp, **more).send("a run failed")
    assert smtp.received == []
    assert not [command for command in smtp.commands if not command.lower().startswith(("ehlo", "quit"))]


def test_a_relay_without_tls_may_be_allowed(smtp):
    smtp.tls = None
    mail(smtp, encrypted=False).send("a run failed")
    assert [received.encrypted for received in smtp.received] == [False]


@pytest.mark.parametrize("encrypted", [True, False])
def test_a_server_that_cannot_prove_its_name_is_sent_nothing(smtp, monkeypatch, encrypted):
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(ssl.SSLCertVerificationError):
        mail(smtp, encrypted=encrypted).send("a run failed")
    assert smtp.received == []


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x85", "\u2028"])
def test_a_text_sets_no_header(smtp, end):
    mail(smtp).send(f"DAG x failed{end}Bcc: other@example.com{end}{end}Subject: other")
    (received,) = smtp.received
    assert received.message.get_all("Subject") == ["DAG x failed"]
    assert received.message["Bcc"] is None
    assert len(received.recipients) == 2


@pytest.mark.parametrize("word", ["MAIL", "AUTH", "RCPT", "DATA", "EHLO"])
def test_a_refusal_is_an_error_without_the_password(smtp, word):
    smtp.refuses = word
    with pytest.raises((smtplib.SMTPException, SourceRefused)):
        mail(smtp, user="headwater", password=PASSWORD).send("a run failed")
    assert smtp.received == []


def test_a_recipient_that_is_refused_is_named_and_the_others_get_it(smtp):
    smtp.refuses = "data@"
    with pytest.raises(SourceRefused, match="refused the recipients data@example.com"):
        mail(smtp).send("a run failed")
    assert [received.recipients for received in smtp.received] == [("oncall@example.com",)]


def test_what_is_shown_of_it_holds_no_password(smtp):
    channel = mail(smtp, user="headwater", password=PASSWORD)
    encoded = base64.b64encode(f"\0headwater\0{PASSWORD}".encode()).decode()
    channel.send("a run failed")
    assert any(encoded in command for command in smtp.commands)
    assert PASSWORD not in repr(channel)
