"""The statements against counting row by row, on a chain made from a seed and on real rows."""

from collections import Counter
from datetime import date, timedelta
from itertools import pairwise

import pytest

from assets.stacks.extract.balances import compute_following
from assets.stacks.extract.days import CHANGES, FIRST_DAY, READINGS, load_day, span_of
from assets.stacks.extract.source import require_over, require_sound
from core.windows import day_of
from resources.clients.http.api import HttpApi
from resources.clients.stacks.api import AnswerApi, Route
from sandbox.stacks.chain import make_chain
from sandbox.stacks.server import StacksServer, now_of
from sandbox.stacks.story import EVERYTHING
from tests.standins.clock import ManualClock
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
    with StacksServer(chain, now_of(chain)) as server:
        (answer,) = AnswerApi(HttpApi("Stacks API", server.root, ManualClock()), ManualClock(), "KEY").ask(
            Route("supply", "extended/v3/tokens/stx/supply", {})
        )
    assert answer.document["total"] == str(supply)


SUMS = "sums (day, before, last, name, blocks, m, b, c, f, r)"


def test_nothing_is_made_or_lost_at_any_height(indexer, chain):
    """All balances are mints less burns, with coinbase, fees paid and fees rewarded: by SQL, and counted by hand."""
    with indexer.snapshot() as snapshot:
        for height in range(1, chain.tip["block_height"] + 1):
            whole = {"before": -1, "last": height, "day": str(FIRST_DAY)}
            held = snapshot.record(f"SELECT coalesce(sum(amount), 0) AS held FROM ({CHANGES}) AS change", whole)["held"]
            expected = snapshot.record(
                f"SELECT m - b + c - f + r AS held FROM ({READINGS[0].statement}) AS {SUMS}", whole
            )
            assert held == expected["held"], height
            assert held == sum(balances_at(chain.tables, height).values()), height


def test_the_chain_has_what_has_been_met_on_real_ones(chain):
    blocks, tables = chain.tables["blocks"], chain.tables
    canonical = {block["block_height"]: block for block in blocks if block["canonical"]}
    line = [canonical[height]["burn_block_time"] for height in sorted(canonical)]
    orphans = [block for block in blocks if not block["canonical"]]
    days = [day_of(block["burn_block_time"]) for block in orphans]
    assert any(time % 86_400 == 0 for time in line)
    assert any(after < before for before, after in pairwise(line))
    assert any(
        day != day_of(canonical[block["block_height"]]["burn_block_time"])
        for block, day in zip(orphans, days, strict=True)
    )
    tenures = Counter(block["burn_block_height"] for block in canonical.values())
    assert max(tenures.values()) > 1
    assert any(tx["sponsored"] for tx in tables["txs"])
    assert any(tx["status"] < 0 and tx["fee_rate"] for tx in tables["txs"])
    assert any(not tx["microblock_canonical"] for tx in tables["txs"])
    assert any("." in who for who in chain.balances)
    assert any(row["mature_block_height"] > chain.tip["block_height"] for row in tables["miner_rewards"])
    assert {event["asset_event_type_id"] for event in tables["stx_events"]} == {1, 2, 3}
    assert {event["asset_event_type_id"] for event in tables["nft_events"]} == {1, 2, 3}
    assert {row["pruned"] for row in tables["mempool_txs"]} == {True, False}
    assert min(chain.balances.values()) > 0


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
