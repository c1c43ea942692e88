"""Crons are judged as Dagster judges them, without it."""

from datetime import UTC, datetime

import dagster as dg
import pytest
from dagster._vendored.croniter import croniter
from hypothesis import given
from hypothesis import strategies as st

from core.cron import check_cron

START = datetime(2024, 1, 1, tzinfo=UTC)

GOOD = [
    "0 5 * * *",
    "00 15 * * *",
    "0 5 * Jan,Apr,Jul,Oct 0#1",
    "5 8 * * 2-6",
    "*/5 0-6/2 1,15 * mon-fri",
    "0 0 * * 7",
    "10,20 3 * dec Sun#5",
    "0 5 29 2 *",
    "0 5 30,31 feb,apr *",
    "0 5 31 */2 *",
]
BAD = ["", "0 5 * *", "0 5 * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *", "* * * * 8",
       "a * * * *", "* * * foo *", "1-0 * * * *", "*/0 * * * *", "* * * 1#1 *", "* * * * 0#6", "-1 * * * *",
       "1, * * * *", "0 5 30 2 *", "0 5 31 2 1", "0 5 31 apr,6-6,Sep *", "0 5 30/1 2 *",
       "* * * * ٣", "x" * 1000]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_what_dagster_takes_is_taken(text):
    assert check_cron(f"  {text} ") == text
    assert croniter.is_valid(text)


@pytest.mark.parametrize("text", BAD)
def test_what_is_wrong_is_said(text):
    with pytest.raises(ValueError, match="expected"):
        check_cron(text)


@given(st.data())
def test_what_is_taken_is_a_schedule_of_dagsters_that_comes(data):
    """Dagster loads no definitions at all beside a cron that it does not take."""

    def field(least, most, words=()):
        number = st.one_of(st.integers(least, most).map(str), st.sampled_from(words or ["*"]))
        pair = st.tuples(number, number).map("-".join)
        part = st.one_of(
            st.just("*"), number, pair, st.tuples(number, st.integers(1, 9)).map(lambda two: f"{two[0]}/{two[1]}")
        )
        return st.lists(part, min_size=1, max_size=3).map(",".join)

    months, days = ["jan", "Feb", "NOV"], ["sun", "Sat"]
    parts = field(0, 59), field(0, 23), field(28, 31), field(1, 12, months), field(0, 7, days)
    text = " ".join(data.draw(st.tuples(*parts)))
    try:
        check_cron(text)
    except ValueError:
        return
    schedule = dg.ScheduleDefinition(job_name="any", cron_schedule=text, execution_timezone="UTC")
    assert croniter(schedule.cron_schedule, START).get_next(datetime) > START
