"""Each channel of the stage is told once; none keeps another from it."""

import time

import pytest

from resources.notices import tell
from tests.standins.chat import Chat
from tests.standins.smtp import Smtp

HOOK, TOKEN, PASSWORD = "hook-never-to-be-seen", "123456:token-never-to-be-seen", "password-never-to-be-seen"
TEXT = "DAG x failed\nrun ID: 1"


class Rooms:
    """Three channels on loopback, and the settings that lead there."""

    def __init__(self):
        self.slack, self.telegram, self.smtp = Chat(), Chat(), Smtp()

    def environment(self, stage="prod"):
        return {
            "HEADWATER_STAGE": stage,
            "NOTICE_URL": f"{self.slack.url}/{HOOK}",
            "NOTICE_TELEGRAM_URL": self.telegram.url,
            "NOTICE_TELEGRAM_TOKEN": TOKEN,
            "NOTICE_TELEGRAM_CHAT": "-1001",
            "NOTICE_MAIL_HOST": self.smtp.host,
            "NOTICE_MAIL_PORT": str(self.smtp.port),
            "NOTICE_MAIL_STARTTLS": "offered",
            "NOTICE_MAIL_FROM": "headwater@example.com",
            "NOTICE_MAIL_TO": "oncall@example.com",
        }

    def told(self):
        return {"webhook": len(self.slack.told), "telegram": len(self.telegram.told), "mail": len(self.smtp.received)}

    def stop(self):
        for room in (self.slack, self.telegram, self.smtp):
            room.stop()


@pytest.fixture
def rooms():
    rooms = Rooms()
    yield rooms
    rooms.stop()


@pytest.mark.parametrize(("stage", "mails"), [("local", 0), ("test", 0), ("preprod", 1), ("prod", 1)])
def test_who_is_told_is_the_stages_affair(rooms, stage, mails):
    assert tell(TEXT, rooms.environment(stage)) == []
    assert rooms.told() == {"webhook": 1, "telegram": mails, "mail": mails}
    if mails:
        assert rooms.smtp.received[0].message["Subject"] == f"[{stage}] DAG x failed"


def test_nobody_is_told_when_nobody_is_named(rooms):
    assert tell(TEXT, {"HEADWATER_STAGE": "prod"}) == []


def _refuse(rooms, name):
    rooms.slack.status = rooms.telegram.status = 200
    if name == "mail":
        rooms.smtp.refuses = "RCPT"
    else:
        {"webhook": rooms.slack, "telegram": rooms.telegram}[name].status = 500


def _hang(rooms, name):
    if name == "mail":
        rooms.smtp.silent = True
    else:
        {"webhook": rooms.slack, "telegram": rooms.telegram}[name].status = None


def _stop(rooms, name):
    {"webhook": rooms.slack, "telegram": rooms.telegram, "mail": rooms.smtp}[name].stop()


@pytest.mark.parametrize("trouble", [_refuse, _hang, _stop])
@pytest.mark.parametrize("name", ["webhook", "telegram", "mail"])
def test_one_channels_trouble_is_no_others(rooms, caplog, name, trouble):
    caplog.set_level("DEBUG")
    trouble(rooms, name)
    began = time.monotonic()
    failures = tell(TEXT, rooms.environment(), seconds=2.0)
    assert time.monotonic() - began < 5
    (failure,) = failures
    assert failure.startswith(f"The notice was not sent by {name}: ")
    told = rooms.told()
    assert told.pop(name) <= 1
    assert set(told.values()) == {1}
    assert "never-to-be-seen" not in f"{failures}{caplog.text}"


def test_all_that_hang_hang_together(rooms):
    for name in ("webhook", "telegram", "mail"):
        _hang(rooms, name)
    began = time.monotonic()
    failures = tell(TEXT, rooms.environment(), seconds=0.3)
    assert time.monotonic() - began < 2
    assert [failure.rpartition(": ")[2] for failure in failures] == ["no answer within 0.3 s"] * 3


@pytest.mark.parametrize(
    ("name", "wrong", "said"),
    [
        ("telegram", {"NOTICE_TELEGRAM_CHAT": ""}, "NOTICE_TELEGRAM_CHAT is not set"),
        ("telegram", {"NOTICE_TELEGRAM_TOKEN": ""}, "NOTICE_TELEGRAM_TOKEN is not set"),
        ("mail", {"NOTICE_MAIL_TO": ""}, "NOTICE_MAIL_TO is not set"),
        ("mail", {"NOTICE_MAIL_PORT": "smtp"}, "NOTICE_MAIL_PORT='smtp'"),
        ("mail", {"NOTICE_MAIL_STARTTLS": "no"}, "expected one of required, offered"),
        ("mail", {"NOTICE_MAIL_USER": "headwater"}, "NOTICE_MAIL_PASSWORD is not set"),
        ("mail", {"NOTICE_MAIL_FROM": "a@example.com\nBcc: b@example.com"}, "NOTICE_MAIL_FROM='a@example.com\\nBcc"),
        ("webhook", {"NOTICE_URL": f"hooks.example.com/{HOOK}"}, "NOTICE_URL is no web address"),
        ("webhook", {"NOTICE_URL": f"http://[{HOOK}"}, "LocationParseError"),
    ],
)
def test_a_wrong_setting_is_said_and_the_others_are_told(rooms, caplog, name, wrong, said):
    (failure,) = tell(TEXT, rooms.environment() | wrong)
    assert failure.startswith(f"The notice was not sent by {name}: ")
    assert said in failure
    assert "never-to-be-seen" not in failure + caplog.text
    assert rooms.told() == {"webhook": 1, "telegram": 1, "mail": 1} | {name: 0}


def test_a_password_that_a_server_repeats_is_not_repeated(rooms, caplog):
    caplog.set_level("DEBUG")
    login = {"NOTICE_MAIL_USER": "headwater", "NOTICE_MAIL_PASSWORD": PASSWORD}
    (failure,) = tell(TEXT, rooms.environment() | login)
    assert "offers no STARTTLS" in failure
    assert "never-to-be-seen" not in failure + caplog.text


def test_no_secret_setting_is_in_a_notice(rooms):
    text = f"DAG x failed\n{HOOK} {TOKEN} {PASSWORD} key-of-the-node second-key other-password"
    tell(
        text,
        rooms.environment()
        | {"NOTICE_MAIL_PASSWORD": PASSWORD, "POSTGRES_PASSWORD": "other-password"}
        | {"ETHEREUM_PROVIDER_URI": "http://a.example.com/key-of-the-node, wss://b.example.com/?k=second-key"},
    )
    hidden = "DAG x failed\n*** *** *** *** *** ***"
    assert [told[1]["text"] for told in (*rooms.slack.told, *rooms.telegram.told)] == [hidden, hidden]


def test_half_a_character_is_no_reason_not_to_tell(rooms):
    assert tell("DAG x failed\nbad byte: \udcff", rooms.environment()) == []
    assert rooms.slack.told[0][1]["text"] == "DAG x failed\nbad byte: ?"
