"""Signatures, paths, jobs and task definitions, as other systems write them."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.exchanges.names import (
    ALLOWED,
    STAGES,
    Signature,
    dataset_path,
    parse_job,
    parse_signature,
    task_definition_name,
)

ORDER = [*list(ALLOWED)[:6], "universe", *list(ALLOWED)[6:]]
WORDS = st.fixed_dictionaries(
    {name: st.sampled_from(words) for name, words in ALLOWED.items()}
    | {"universe": st.from_regex(r"v[1-9][0-9]?(\.[1-9][0-9]?)?", fullmatch=True)}
)


@given(WORDS)
def test_signature_and_path_lead_back_to_each_other(words):
    signature = Signature(**words)

    assert parse_signature(str(signature)) == parse_signature(signature.path) == signature
    assert signature.path.startswith("v3/")
    assert len(signature.path.split("/")) == 11


@given(WORDS, st.sampled_from(ORDER), st.text(min_size=1, max_size=8))
def test_an_unknown_word_is_refused(words, name, other):
    if other in ALLOWED.get(name, ()) or name == "universe":
        other = "nothing"
    with pytest.raises(ValueError, match=name):
        Signature(**{**words, name: other})


def test_a_path_as_the_old_system_has_it():
    job = parse_job("ccxt.binance.futures.v7.3")

    assert job.key == "ccxt.binance.futures.v7.3"
    assert job.task == "download.periodic_daily.ccxt.binance.futures.v7.3"
    assert dataset_path(job.signature(), "BTC_USDT", date(2024, 1, 2)) == (
        "v3/periodic_daily/airflow/downloaded_1min/parquet/ohlcv/futures/v7_3/ccxt/binance/v1_0_0/"
        "currency_pair=BTC_USDT/year=2024/month=1/day=2/data.parquet"
    )


@pytest.mark.parametrize("pair", ["../x", "BTC/USDT", "btc_usdt", "BTC_USDT/year=1", "", "A_B_C"])
def test_a_pair_is_no_way_out_of_the_dataset(pair):
    with pytest.raises(ValueError, match="currency pair"):
        dataset_path(parse_job("ccxt.binance.spot.v7").signature(), pair, date(2024, 1, 2))


@pytest.mark.parametrize(
    "key", ["", "ccxt", "ccxt.binance.spot", "ccxt.nowhere.spot.v7", "ccxt.binance.margin.v7", "a/b.c.d.v7"]
)
def test_a_job_that_no_signature_has_is_refused(key):
    with pytest.raises(ValueError, match="expected|none of|no version"):
        parse_job(key)


@pytest.mark.parametrize(
    ("stage", "user", "system", "name"),
    [
        ("prod", "", False, "cmamp"),
        ("prod", "", True, "cmamp-system"),
        ("preprod", "", False, "cmamp-preprod"),
        ("preprod", "", True, "cmamp-system-preprod"),
        ("test", "ann", False, "cmamp-test-ann"),
        ("test", "ann", True, "cmamp-test-ann"),
    ],
)
def test_task_definitions_of_every_stage(stage, user, system, name):
    assert task_definition_name(stage, user, full_system_run=system) == name


@given(st.sampled_from([*STAGES, "local", ""]), st.sampled_from(["", "ann", "Ann Lee", "a-b"]))
def test_users_belong_to_test_and_nowhere_else(stage, user):
    allowed = (stage == "test" and user == "ann") or (stage in ("preprod", "prod") and not user)
    if allowed:
        assert task_definition_name(stage, user).startswith("cmamp")
    else:
        with pytest.raises(ValueError, match="stage|user"):
            task_definition_name(stage, user)
