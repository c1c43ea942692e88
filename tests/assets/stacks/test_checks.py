"""Checks fail when they should, each by the day or the thing that is wrong."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import dagster as dg
import pytest

from assets.stacks import checks
from assets.stacks.extract import compared
from assets.stacks.extract.balances import compute_following
from assets.stacks.extract.days import FIRST_DAY, load_day, span_of
from assets.stacks.tables import HOURLY_PRICE, SPOT_STATS, TIP_SEEN
from core.merging import Batch
from resources.clients.lake.object_store import MemoryObjectStore
from resources.clients.stacks.answers import Bundle, RawAnswer, RawAnswers
from resources.io_managers.postgres import PostgresIOManager
from resources.stacks import StacksResource
from sandbox.stacks.chain import make_chain
from sandbox.stacks.indexer import SCHEMA
from sandbox.stacks.story import Story
from tests.standins.stacks import indexer_of

CHAIN = make_chain(Story(days=3))
DAYS = [FIRST_DAY + timedelta(number) for number in range(3)]
NOW = datetime(2021, 1, 17, 4, tzinfo=UTC)


class Given(StacksResource):
    """The resource with a database, answers and a time of the test's own."""

    def indexer(self):
        return GIVEN.indexer

    def raw(self):
        return GIVEN.raw

    def clock(self):
        return SimpleNamespace(now=lambda: NOW)


GIVEN = SimpleNamespace(indexer=None, raw=RawAnswers(MemoryObjectStore()))


@pytest.fixture(scope="module")
def opened(postgres_server):
    with indexer_of(postgres_server, CHAIN) as (indexer, owner):
        owner.execute(f"SET search_path = {SCHEMA}")
        GIVEN.indexer = indexer
        yield indexer, owner


@pytest.fixture
def filled(database, opened):
    for day in DAYS:
        with opened[0].snapshot() as snapshot:
            load_day(database, snapshot, day, span_of(snapshot, day))
        compute_following(database, day, legacy=False, everyone=False)
    return database


def evaluated(check, days=None):
    """What a check says, as Dagster stores it."""
    (key,) = check.check_keys
    tags = {"dagster/asset_partition_range_start": str(DAYS[0]), "dagster/asset_partition_range_end": str(DAYS[-1])}
    result = dg.materialize(
        [dg.AssetSpec(key.asset_key, partitions_def=checks.DAILY if days else None), check],
        selection=dg.AssetSelection.checks(key),
        resources={"stacks": Given(stage="local"), "postgres": PostgresIOManager(stage="local")},
        tags=tags if days else {},
        instance=dg.DagsterInstance.ephemeral(),
    )
    return {found.partition: found for found in result.get_asset_check_evaluations()}


def change(database, statement):
    with database.transaction() as connection:
        connection.run(statement)


def test_a_sum_that_does_not_agree_and_a_balance_below_zero_are_told_of_their_day(filled):
    assert {day: found.passed for day, found in evaluated(checks.conserved, DAYS).items()} == dict.fromkeys(
        map(str, DAYS), True
    )
    change(filled, f"UPDATE stacks.balance_totals SET expected_ustx = expected_ustx + 1 WHERE day = '{DAYS[1]}'")
    change(filled, f"UPDATE stacks.balance_totals SET negative = 2 WHERE day = '{DAYS[2]}'")
    found = evaluated(checks.conserved, DAYS)
    assert [found[str(day)].passed for day in DAYS] == [True, False, False]
    assert "are expected" in found[str(DAYS[1])].description
    assert "2 balances are below zero" in found[str(DAYS[2])].description
    change(filled, f"DELETE FROM stacks.balance_totals WHERE day = '{DAYS[0]}'")
    assert "no balances were computed" in evaluated(checks.conserved, DAYS)[str(DAYS[0])].description


def test_a_reorganised_day_is_told(filled):
    assert all(found.passed for found in evaluated(checks.still_canonical, DAYS).values())
    change(filled, f"UPDATE stacks.block_range SET last_block = '0x00' WHERE day = '{DAYS[1]}'")
    found = evaluated(checks.still_canonical, DAYS)
    assert [found[str(day)].passed for day in DAYS] == [True, False, True]
    assert f"{DAYS[1]}: block" in found[str(DAYS[1])].description
    change(filled, f"DELETE FROM stacks.block_range WHERE day = '{DAYS[2]}'")
    assert "nothing is loaded" in evaluated(checks.still_canonical, DAYS)[str(DAYS[2])].description


def test_balances_are_compared_with_the_indexers_own_and_differences_only_warn(filled, opened):
    (found,) = evaluated(checks.as_the_indexer_keeps_them).values()
    assert found.passed
    assert found.metadata["compared"].value == min(compared.SAMPLE, len(CHAIN.balances))
    who, held = max(CHAIN.balances.items(), key=lambda one: one[1])
    owner, add = opened[1], "UPDATE ft_balances SET balance = balance + %s WHERE address = %s"
    owner.execute(add, [7, who])
    try:
        (found,) = evaluated(checks.as_the_indexer_keeps_them).values()
    finally:
        owner.execute(add, [-7, who])
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert f"{who}: {held} µSTX by its changes, {held + 7}" in found.description


def test_balances_are_not_compared_where_there_is_nothing_to_compare(database, opened):
    indexer, owner = opened
    with indexer.snapshot() as snapshot:
        assert compared.balances(database, snapshot).reason == "no day is loaded"
        load_day(database, snapshot, DAYS[1], span_of(snapshot, DAYS[1]))
        assert f"lacks {DAYS[0]}" in compared.balances(database, snapshot).reason
    owner.execute("ALTER TABLE ft_balances RENAME TO kept")
    try:
        with indexer.snapshot() as snapshot:
            assert "keeps no ft_balances" in compared.balances(database, snapshot).reason
    finally:
        owner.execute("ALTER TABLE kept RENAME TO ft_balances")


def cycles_bundle(amount):
    told = [(1, amount), (900, 5)]
    entries = [{"cycle_number": number, "total_stacked_amount": str(ustx)} for number, ustx in told]
    body = json.dumps({"results": entries})
    return Bundle("pox_cycles", NOW, (RawAnswer("cycles", "http://localhost/cycles", 200, "", 1, body),))


def test_cycles_of_the_api_are_compared_with_the_database(opened):
    (row,) = [row for row in CHAIN.tables["pox_cycles"] if row["cycle_number"] == 1]
    for amount, passed in ((row["total_stacked_amount"], True), (row["total_stacked_amount"] + 1, False)):
        GIVEN.raw = RawAnswers(MemoryObjectStore())
        GIVEN.raw.keep(cycles_bundle(amount))
        (found,) = evaluated(checks.as_in_the_database).values()
        assert (found.passed, found.metadata["compared"].value) == (passed, 1)
    assert f"cycle 1: {amount} µSTX stacked by the API" in found.description


def saw(database, *looks):
    rows = [{"observed_at": at, "height": height, "burn_block_time": time} for at, height, time in looks]
    database.merge(TIP_SEEN, Batch(rows, source="test"), "run", NOW)


def test_a_source_that_stands_still_or_lags_is_told(database, opened):
    now = int(NOW.timestamp())
    assert "nobody has looked" in one(evaluated(checks.advances)).description
    saw(database, (NOW - timedelta(hours=1), 5, now - 3600))
    assert one(evaluated(checks.advances)).passed
    saw(database, (NOW, 5, now - 3600))
    assert "did not progress: height 5" in one(evaluated(checks.advances)).description
    saw(database, (NOW + timedelta(hours=1), 6, now - 4 * 3600))
    assert "older than 3 hours" in one(evaluated(checks.advances)).description


def test_prices_that_are_old_and_figures_without_a_value_are_told(database, opened):
    now = int(NOW.timestamp())
    rows = [
        {"symbol": symbol, "unix_timestamp": at, "price_usd": 1, "fetched_at": NOW}
        for symbol, at in (("STX", now - 7000), ("BTC", now - 7300))
    ]
    database.merge(HOURLY_PRICE, Batch(rows, source="test"), "run", NOW)
    assert one(evaluated(checks.up_to_date)).description == "no price of BTC is of the last two hours"
    figures = [{"observed_at": NOW, "payload": '{"ath": null, "refresh_ts": 3}'}]
    database.merge(SPOT_STATS, Batch(figures, source="test"), "run", NOW)
    found = one(evaluated(checks.complete))
    assert (found.passed, found.severity, found.description) == (False, dg.AssetCheckSeverity.WARN, "ath is null")


def one(found):
    (only,) = found.values()
    return only
