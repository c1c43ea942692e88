"""Universe files: every version is sound, told of in the changelog, and anything else is refused by name."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.exchanges.names import parse_job
from assets.exchanges.universe import FOLDER, Universe, changes, decode, load, versions
from core.errors import SettingError
from tests.standins.exchanges import recorded


def test_versions_are_in_order_and_in_the_changelog():
    told = (FOLDER / "CHANGELOG.md").read_text()

    assert versions() == ["v7", "v7.3"]
    assert all(f"## {version}\n" in told for version in versions())


def test_the_changelog_tells_what_changed():
    told = (FOLDER / "CHANGELOG.md").read_text()
    found = changes(load("v7"), load("v7.3"))

    assert found["ccxt binance"] == ([], ["BTC_BUSD", "ETH_BUSD", "WAVES_USDT"])
    assert all(pair in told for _, gone in found.values() for pair in gone)
    assert len(found["ccxt okx"][0]) == 17


def test_counts_and_hash():
    v7, later = load("v7"), load("v7.3")

    assert len(v7.of(parse_job("ccxt.binance.spot.v7"))) == 27
    assert len(later.of(parse_job("ccxt.binance.spot.v7.3"))) == 24
    assert len(v7.of(parse_job("ccxt.binanceus.spot.v7"))) == 19
    assert len(v7.sha256) == 64
    assert v7.sha256 != later.sha256
    assert v7.of(parse_job("binance.binance.spot.v7")) == v7.of(parse_job("ccxt.binance.spot.v7"))


@pytest.mark.parametrize(("version", "name"), [("v7", "universe_v7.json"), ("v7.3", "universe_v7_3.json")])
def test_the_pairs_are_the_old_systems(version, name):
    for exchange, pairs in recorded(name)["CCXT"].items():
        assert sorted(pairs) == list(load(version).pairs[("ccxt", exchange)])


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "no object"),
        ({}, "no pairs"),
        ({"NASDAQ": {}}, "none of the vendors"),
        ({"CCXT": {"nowhere": ["A_B"]}}, "none of"),
        ({"CCXT": {"binance": []}}, "list of 1"),
        ({"CCXT": {"binance": ["BTC/USDT"]}}, "no pair"),
        ({"CCXT": {"binance": ["A_B", "A_B"]}}, "twice"),
        ({"CCXT": {"binance": [7]}}, "no pair"),
    ],
)
def test_what_is_wrong_is_named(document, words):
    with pytest.raises(SettingError, match=words) as caught:
        decode("v9", json.dumps(document).encode())
    assert "v9.json" in str(caught.value)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_universe_or_our_error(data):
    with contextlib.suppress(SettingError):
        assert isinstance(decode("v9", data), Universe)


def test_deep_json_and_repeated_names_are_refused():
    for data in (b"[" * 100_000, b'{"CCXT": {}, "CCXT": {}}'):
        with pytest.raises(SettingError, match="no JSON"):
            decode("v9", data)


@pytest.mark.parametrize("version", ["v9", "../v7", "v7.json", ""])
def test_a_version_that_is_not_there_is_told_with_those_that_are(version):
    with pytest.raises(SettingError, match="v7"):
        load(version)
