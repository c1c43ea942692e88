"""Outsiders' text, wherever it is shown: as text, in one line, never too long."""

import json
import logging
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from assets.markets import transform
from assets.markets.tables import BLOCKS, COIN_LIST, MARKET_SNAPSHOT
from assets.stacks.transform import lunar
from core.errors import HeadwaterError, NodeUnavailable
from core.plain import one_line, plain
from resources import ethereum_etl
from resources.clients.aws.failures import aws_failure
from resources.clients.databridge.carto.sql_api import CartoAccount, SqlApi
from resources.clients.ethereum.refusals import classify, classify_status
from resources.clients.notices.mail import Mail
from resources.clients.stacks import answers
from resources.ethereum_etl import EthereumEtlResource
from resources.plots import plot_by_day
from tests.standins.clock import ManualClock

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


PAGE = "<html>\n\x1b[31m" + "x" * 10_000


def _sums():
    return transform.sums_row("bitcoin", date(2024, 1, 2), [{"count()": PAGE}], {}, is_final=True)


def _carto():
    api = SqlApi(CartoAccount("u", "key-of-carto", "http://127.0.0.1/"), ManualClock())
    api._judged(400, None, json.dumps({"error": [PAGE]}).encode(), "sql")


def _raise(error):
    raise error


TOLD = {
    "a coin without an id": lambda: transform.typed(COIN_LIST, {"name": PAGE}, {}),
    "a coin's figure": lambda: transform.typed(MARKET_SNAPSHOT, {"current_price": PAGE}, {}),
    "a point": lambda: transform.closes(
        "bitcoin", "usd", {"prices": [PAGE], "total_volumes": [], "market_caps": []}, [date(2024, 1, 2)]
    ),
    "a block without a time": lambda: transform.chain_row(BLOCKS, "bitcoin", {"hash": PAGE}),
    "a day's sums": _sums,
    "a page of the Stacks API": lambda: list(answers.results([{PAGE: 1}], "id")),
    "an answer of the Stacks API": lambda: answers.required({"x": PAGE}, "a", "b"),
    "a name": lambda: answers.text(PAGE, "a name"),
    "LunarCrush": lambda: lunar.history({"data": PAGE}),
    "Carto": _carto,
    "AWS": lambda: _raise(aws_failure("S3", ClientError({"Error": {"Code": "X", "Message": PAGE}}, "PutObject"), "")),
}


@pytest.mark.parametrize("case", TOLD)
def test_what_a_source_sent_is_told_in_one_short_line(case):
    with pytest.raises(HeadwaterError) as told:
        TOLD[case]()
    assert str(told.value).isprintable()
    assert len(str(told.value)) < 1000


def test_what_another_program_said_is_told_in_one_short_line(monkeypatch):
    """ethereum-etl, in a process of its own, says what a node said to it."""
    monkeypatch.setattr(ethereum_etl, "etl_command", lambda *_: Path("/nowhere/bin/ethereumetl"))
    messages = [{"failed": "export_blocks\n", "problem": PAGE}]
    done = SimpleNamespace(get_custom_messages=lambda: messages)
    monkeypatch.setattr(ethereum_etl.dg, "PipesSubprocessClient", lambda: SimpleNamespace(run=lambda **_: done))
    context = SimpleNamespace(log=SimpleNamespace(info=print))
    with pytest.raises(NodeUnavailable) as told:
        EthereumEtlResource(home="/nowhere").run(context, "http://127.0.0.1", [["x"]])
    assert str(told.value).isprintable()
    assert len(str(told.value)) < 1000
