"""What chats are sent: as text, once, never longer than they take."""

import pytest
import urllib3

from core.errors import SourceRefused
from resources.clients.notices.chat import LONGEST, Telegram, Webhook, cut
from tests.standins.chat import Chat

# Known to no other test: what is once known as a secret stays hidden for the whole process.
TOKEN, HOOK = "123456:token-of-a-bot", "hook-of-a-chat"


@pytest.fixture
def chat():
    chat = Chat()
    yield chat
    chat.stop()


def test_a_webhook_is_sent_text_that_mentions_nobody(chat):
    Webhook(f"{chat.url}/hooks/1").send("größer & <!channel> 🔥\nsecond line")
    text = "größer &amp; &lt;!channel&gt; 🔥\nsecond line"
    as_it_is = {"mrkdwn": False, "unfurl_links": False, "unfurl_media": False}
    assert chat.told == [("/hooks/1", {"text": text} | as_it_is)]


@pytest.mark.parametrize("slash", ["", "/"])
def test_telegram_is_sent_text_without_markup(chat, slash):
    Telegram(chat.url + slash, TOKEN, "-1001").send("größer & <b>fett</b> 🔥")
    document = {"chat_id": "-1001", "text": "größer & <b>fett</b> 🔥", "link_preview_options": {"is_disabled": True}}
    assert chat.told == [(f"/bot{TOKEN}/sendMessage", document)]


@pytest.mark.parametrize("letter", ["x", "ü", "🔥", "a🔥"])
@pytest.mark.parametrize("more", [-1, 0, 1, 10_000])
def test_texts_are_cut_where_chats_stop(chat, letter, more):
    text = "DAG x failed\n" + letter * (LONGEST + more)
    Telegram(chat.url, TOKEN, "1").send(text)
    sent = chat.told[0][1]["text"]
    assert len(sent.encode("utf-16-le")) // 2 <= LONGEST
    assert sent == text or (sent[-1] == "…" and text.startswith(sent[:-1]))
    assert len(sent.encode("utf-16-le")) // 2 >= LONGEST - 2 or sent == text


def test_what_fits_is_not_cut():
    assert cut("x" * LONGEST) == "x" * LONGEST
    assert cut("🔥" * (LONGEST // 2)) == "🔥" * (LONGEST // 2)


@pytest.mark.parametrize("status", [302, 400, 403, 404, 429, 500])
def test_a_refusal_says_so_once_and_without_the_secret(chat, status):
    chat.status = status
    for channel in (Telegram(chat.url, TOKEN, "1"), Webhook(f"{chat.url}/{HOOK}")):
        with pytest.raises(SourceRefused, match=f"HTTP {status}") as error:
            channel.send("a run failed")
        said = f"{error.value}{channel!r}"
        assert "***" in said
        assert not [secret for secret in (TOKEN, HOOK) if secret in said]
    assert len(chat.told) == 2


def test_nobody_listens():
    with pytest.raises(urllib3.exceptions.HTTPError):
        Telegram("http://127.0.0.1:1", TOKEN, "1").send("a run failed")
