"""The figures that the old system's own functions gave."""

import json

import pytest

from assets.stacks.transform.balances import bin_of, distribution, gini, histogram
from assets.stacks.transform.indicators import Day, indicators, joined
from assets.stacks.transform.series import by_moment, every_nth
from core.errors import InvalidAnswer
from tests.standins.captured import DATA

GOLDEN = DATA.parent / "specs" / "stacks_golden_vectors.json"
needs_golden = pytest.mark.skipif(not GOLDEN.is_file(), reason="the golden vectors are not beside the project")


@pytest.fixture(scope="module")
def golden():
    return json.loads(GOLDEN.read_text())


@needs_golden
def test_indicators(golden):
    given = golden["input"]
    columns = zip(given["price_usd"], given["mktcap_usd"], given["vol_usd"], strict=True)
    found = indicators([Day(at, *values) for at, values in enumerate(columns)])
    for name, values in golden["expected"].items():
        assert [value or 0 for value in found[name]] == pytest.approx(values, rel=1e-9, abs=1e-12), name


@needs_golden
def test_bins_sampling_and_gini(golden):
    for vector in golden["bins"]:
        assert bin_of(round(vector["stx"] * 10**6)) == vector["key"]
    for vector in golden["gini"]:
        assert gini(vector["in"]) == pytest.approx(vector["out"], abs=1e-12)
    for vector in golden["every_nth"]:
        assert every_nth(range(vector["len"]), vector["n"]) == vector["idx"]


def _days(prices):
    return [Day(at, price, 10.0, 1.0) for at, price in enumerate(prices)]


def test_a_flat_price_has_no_strength_and_a_rising_one_all_of_it():
    flat = indicators(_days([1.5] * 40))
    assert set(flat["rsi"]) == set(flat["rvi"]) == {None}
    assert flat["7dayEMA"] == [1.5] * 40
    rising = indicators(_days([1.1**at for at in range(20)] + [1.1**20 * 1.3**at for at in range(1, 21)]))
    assert rising["rsi"][7:] == [100.0] * 33
    assert {value for value in rising["rvi"] if value is not None} == {100.0}


def test_series_are_joined_by_their_own_times_and_need_28_days():
    days = dict.fromkeys(range(40), 1.0)
    moved = {at + (at > 30): 2.0 for at in range(39)}
    assert [day.at for day in joined(days, moved, days)] == [at for at in range(40) if at != 31]
    with pytest.raises(InvalidAnswer, match="27 moments"):
        joined(days, dict.fromkeys(range(27), 2.0), days)


def test_an_empty_series_is_an_empty_object():
    assert by_moment({}, 2) == {}
    assert by_moment({5: 1, 3: 2, 4: 3, 9: 4}, 2) == {"3": 2, "5": 1, "9": 4}


def test_nobodys_balances_say_nothing():
    assert histogram([]) == {}
    assert distribution([]) == {"gini_coefficient": None, "median_balance": None, "whale_percent": None}
    assert distribution([10_000.0, 100_000.0, 250_000.0, 20_000.0])["whale_percent"] == 50
