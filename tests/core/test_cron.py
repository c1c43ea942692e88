"""Crons are judged as Dagster judges them, without it."""

import pytest
from dagster._vendored.croniter import croniter

from core.cron import check_cron

GOOD = [
    "0 5 * * *",
    "00 15 * * *",
    "0 5 * Jan,Apr,Jul,Oct 0#1",
    "5 8 * * 2-6",
    "*/5 0-6/2 1,15 * mon-fri",
    "0 0 * * 7",
    "10,20 3 * dec Sun#5",
]
BAD = ["", "0 5 * *", "0 5 * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *", "* * * * 8",
       "a * * * *", "* * * foo *", "1-0 * * * *", "*/0 * * * *", "* * * 1#1 *", "* * * * 0#6", "-1 * * * *",
       "1, * * * *",
       "* * * * ٣", "x" * 1000]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_what_dagster_takes_is_taken(text):
    assert check_cron(f"  {text} ") == text
    assert croniter.is_valid(text)


@pytest.mark.parametrize("text", BAD)
def test_what_is_wrong_is_said(text):
    with pytest.raises(ValueError, match="expected"):
        check_cron(text)
