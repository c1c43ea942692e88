"""The statements against counting row by row, on a chain made from a seed and on real rows."""

from datetime import date, timedelta

import pytest

from assets.stacks.extract.balances import compute_following
from assets.stacks.extract.days import FIRST_DAY, load_day, span_of
from assets.stacks.extract.source import require_over, require_sound
from sandbox.stacks.chain import make_chain
from sandbox.stacks.story import EVERYTHING
from tests.standins.stacks import (
    SETS,
    addresses_by_day,
    balances_at,
    expected,
    height_at_end,
    indexer_of,
    indexer_of_files,
    needs_real_rows,
    real_tables,
    transactions_by_day,
)

DAYS = [FIRST_DAY + timedelta(number) for number in range(EVERYTHING.days)]


@pytest.fixture(scope="module")
def chain():
    return make_chain(EVERYTHING)


@pytest.fixture(scope="module")
def indexer(postgres_server, chain):
    with indexer_of(postgres_server, chain) as (made, _owner):
        yield made


def load(database, indexer, days):
    for day in days:
        with indexer.snapshot() as snapshot:
            load_day(database, snapshot, day, span_of(snapshot, day))


def column(database, table, value, condition="true"):
    found = database.records(f"SELECT day, {value} AS value FROM stacks.{table} WHERE {condition}")
    return {row["day"]: row["value"] for row in found}


def delta_sums(database, day):
    found = database.records(
        "SELECT address, sum(delta_ustx) AS held FROM stacks.stx_balance_delta WHERE day <= %s GROUP BY 1 "
        "HAVING sum(delta_ustx) <> 0",
        [day],
    )
    return {row["address"]: row["held"] for row in found}


def activity(database, day, condition):
    found = database.records(f"SELECT address FROM stacks.address_activity WHERE day = %s AND {condition}", [day])
    return {row["address"] for row in found}


def test_the_source_is_sound_and_every_day_is_over(indexer):
    for day in DAYS:
        with indexer.snapshot() as snapshot:
            require_over(snapshot, day, span_of(snapshot, day))
            require_sound(snapshot, day, span_of(snapshot, day))


def test_days_are_as_counted_row_by_row(database, indexer, chain):
    load(database, indexer, DAYS)
    canonical, legacy = transactions_by_day(chain.tables)
    assert column(database, "daily_tx_count", "tx_count") == {day: canonical[day] for day in DAYS}
    assert column(database, "daily_tx_count", "tx_count_legacy") == {day: legacy[day] for day in DAYS}
    assert any(canonical[day] != legacy[day] for day in DAYS)
    active, everyone = addresses_by_day(chain.tables)
    for day in DAYS:
        assert activity(database, day, "canonical") == active[day], day
        assert activity(database, day, "true") == everyone[day], day
        assert delta_sums(database, day) == balances_at(chain.tables, height_at_end(chain.tables, day)), day
    assert canonical[DAYS[3]] == 0
    assert not active[DAYS[3]]


def test_large_balances_and_totals_are_those_of_the_day(database, indexer, chain):
    load(database, indexer, DAYS)
    active, _ = addresses_by_day(chain.tables)
    universe = set()
    for day in DAYS:
        compute_following(database, day, legacy=False, everyone=False)
        universe |= active[day]
        held = balances_at(chain.tables, height_at_end(chain.tables, day))
        whales = {who: amount for who, amount in held.items() if who in universe and amount >= 10**10}
        found = database.records(
            "SELECT whale_address, balance, balance_ustx FROM stacks.whale_historical_stx_balances WHERE day = %s",
            [day],
        )
        assert {row["whale_address"]: row["balance_ustx"] for row in found} == whales
        assert all(row["balance"] == float(row["balance_ustx"]) / 10**6 for row in found)
        (totals,) = database.records("SELECT * FROM stacks.balance_totals WHERE day = %s", [day])
        assert totals["nonzero_bals"] == sum(amount > 0 for who, amount in held.items() if who in universe)
        assert totals["whales"] == len(whales)
        assert totals["negative"] == 0
        assert totals["total_ustx"] == totals["expected_ustx"] == sum(held.values())
    assert column(database, "daily_addresses", "active") == {day: len(active[day]) for day in DAYS}


def test_the_balances_at_the_tip_are_the_indexers_own(database, indexer, chain):
    load(database, indexer, [*DAYS, DAYS[-1] + timedelta(1)])
    with indexer.snapshot() as snapshot:
        theirs = snapshot.records("SELECT address, balance FROM ft_balances WHERE token = 'stx'")
        supply = snapshot.record("SELECT stx_supply FROM chain_tip")["stx_supply"]
    assert delta_sums(database, date(2100, 1, 1)) == {row["address"]: row["balance"] for row in theirs}
    (sums,) = database.records(
        "SELECT sum(minted_ustx - burned_ustx + coinbase_ustx) AS supply FROM stacks.block_range"
    )
    assert sums["supply"] == supply


@pytest.mark.parametrize("name", SETS)
@needs_real_rows
def test_real_rows_give_the_figures_counted_from_their_log(database, postgres_server, name):
    known, tables = expected(name), real_tables(name)
    days = [date.fromisoformat(day) for day in known["days"]]
    with indexer_of_files(postgres_server, name) as (indexer, _owner):
        # A genesis without a time belongs to the first day's balances.
        load(database, indexer, sorted({FIRST_DAY, *days}))
    for day in days:
        assert column(database, "daily_tx_count", "tx_count")[day] == known["D1_tx_count"][str(day)]
        assert column(database, "daily_tx_count", "tx_count_legacy")[day] == known["D1_tx_count_legacy"][str(day)]
        assert len(activity(database, day, "canonical")) == known["D2_active"][str(day)]
        assert len(activity(database, day, "true")) == known["D2_active_legacy"][str(day)]
    deltas = {who: amount for who, amount in known["balance_delta_ustx"].items() if amount}
    assert delta_sums(database, days[-1]) == deltas
    assert balances_at(tables, known["tip_height"]) == deltas
    canonical, legacy = transactions_by_day(tables)
    assert {str(day): canonical[day] for day in days} == known["D1_tx_count"]
    assert {str(day): legacy[day] for day in days} == known["D1_tx_count_legacy"]


@pytest.mark.parametrize("name", SETS)
@needs_real_rows
def test_real_sources_are_sound(postgres_server, name):
    with indexer_of_files(postgres_server, name) as (indexer, _owner), indexer.snapshot() as snapshot:
        for day in expected(name)["days"]:
            require_sound(snapshot, date.fromisoformat(day), span_of(snapshot, date.fromisoformat(day)))
