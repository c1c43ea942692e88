"""The picture in the metadata."""

from base64 import b64decode
from datetime import date, timedelta

import pytest

from assets.stacks.transform.picture import picture


@pytest.mark.parametrize("days", [0, 1, 200])
def test_a_small_png_of_the_newest_days(days):
    values = {date(2021, 1, 14) + timedelta(number): number for number in range(days)}
    text = picture({"Transactions": values, "Active addresses": values})
    data = b64decode(text.split("base64,")[1].rstrip(")"))
    assert data.startswith(b"\x89PNG")
    assert len(data) < 30_000
    assert text == picture({"Transactions": values, "Active addresses": values})
