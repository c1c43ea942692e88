"""Outsiders' text, wherever it is shown: as text, in one line, never too long."""

import json
import logging
from datetime import date

import pytest

from core.plain import one_line, plain
from resources.clients.ethereum.refusals import classify, classify_status
from resources.clients.notices.mail import Mail
from resources.plots import plot_by_day

PLANTED = ("<img src=x>", "![x](https://evil.example/y)", "first\nsecond", "a\r\nSubject: b", "\x1b[31mred", "a\u2028b")


@pytest.mark.parametrize("text", PLANTED)
def test_nothing_is_acted_on(text):
    assert not set(plain(f"token {text} end", 200)) & set("<>`[]!*\n\r\u2028\x1b")
    assert one_line(f"token {text} end", 200).isprintable()


def test_it_is_short_however_long_it_was():
    assert one_line("x " * 10**6, 50) == ("x " * 25).strip()
    assert len(plain("<" * 100 + "y" * 10**6, 50)) <= 50


@pytest.mark.parametrize("text", PLANTED)
def test_what_a_node_says_is_one_line(text):
    for refusal in (classify({"code": -32000, "message": text}), classify_status(500, text)):
        assert refusal.detail.isprintable()


@pytest.mark.parametrize("text", [*PLANTED, "$\\frac{x", "](javascript:x)"])
def test_a_picture_stays_one_picture(text):
    """The only picture of the Markdown is the one that was drawn."""
    markdown = plot_by_day({f"tokens of {text}": {date(2024, 1, 1): 1}}).value
    before, _, address = markdown.partition("](data:image/png;base64,")
    assert before.startswith("![")
    assert "\n" not in markdown
    assert not set(before[2:]) & set("<>`[]!*")
    assert address.count(")") == 1


@pytest.mark.parametrize("text", PLANTED)
def test_a_mail_has_no_header_of_an_outsiders(text):
    message = Mail("localhost", 25, "a@example.com", "b@example.com").message(f"DAG x failed {text}\nreason: {text}")
    assert message.get_all("Subject") == [str(message["Subject"])]
    assert message.get_content_type() == "text/plain"
    assert "\n" not in str(message["Subject"])


@pytest.mark.parametrize("text", PLANTED)
def test_a_log_line_is_one_line(text, caplog):
    caplog.set_level(logging.WARNING)
    logging.getLogger("headwater.test").warning("%s", classify({"code": 1, "message": text}).detail)
    assert len(json.dumps(caplog.messages[0])) < 400
    assert len(caplog.messages[0].splitlines()) == 1
