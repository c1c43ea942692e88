"""The condition that picks the rows of a day, or of a day of one part of a table."""

from datetime import date

import pytest

from core.errors import LoadRejected
from core.sql.replacing import Slice, in_part, in_slice
from core.windows import DayWindow
from tests.standins.lakes import ITEMS

DAYS = DayWindow(date(2024, 1, 2), date(2024, 1, 3))


def test_days_alone_and_days_of_a_part():
    days = "\"block_date\" BETWEEN DATE '2024-01-02' AND DATE '2024-01-03'"
    assert in_slice(ITEMS, Slice(DAYS)) == days
    assert in_slice(ITEMS, Slice(DAYS, {"job": "it's"})) == f"{days} AND \"job\" = 'it''s'"
    assert str(Slice(DAYS, {"job": "a"})) == "2024-01-02 to 2024-01-03 of job a"


@pytest.mark.parametrize("value", ["a\\", "\\' OR 1=1 --", "a\0b"])
def test_a_name_that_databases_read_differently_is_refused(value):
    with pytest.raises(LoadRejected, match="The partition job"):
        in_part({"job": value})
