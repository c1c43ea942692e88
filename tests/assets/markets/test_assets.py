"""The raw tables as runs leave them: acceptance list B and invariants I13 to I20 of the specification."""

import json
import logging
from datetime import timedelta
from decimal import Decimal

import dagster as dg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.markets.tracked import chains
from sandbox.markets.server import Fault
from sandbox.markets.world import Figures
from tests.assets.markets.conftest import CHAINS, PRICES, counts
from tests.standins.markets import DAY, chain, transactions, world
from tests.standins.runs import failures

ONE = timedelta(days=1)
CANONICAL = "SELECT * FROM raw.blocks WHERE NOT is_orphan ORDER BY chain, height"


def seen(market_server, word):
    return [request for request in market_server.requests if word in request.path]


def test_a_day_of_prices_is_the_midnight_that_ends_it(markets):
    """Both labellings, told apart: the point of the 3rd, 00:00, is the close of the 2nd, not of the 3rd."""
    result = markets.run(PRICES, DAY)
    (bitcoin,) = markets.rows(f"SELECT * FROM raw.market_daily WHERE coin_id = 'bitcoin' AND price_date = '{DAY}'")
    points = markets.server.world.coins["bitcoin"].points
    assert bitcoin["price_date"] == DAY
    assert bitcoin["price"] == points[DAY + ONE].price != points[DAY].price
    assert str(bitcoin["observed_at"]) == "2024-01-03 00:00:00+00:00"
    assert counts(result)[f"market_daily {DAY}"] | {"orphaned": 0} == {
        "inserted": 12, "updated": 0, "unchanged": 0, "rejected": 3, "orphaned": 0,
    }  # fmt: skip


def test_a_second_run_changes_nothing_and_says_so(markets):
    """I14 with it: every row seen is in one count, in the metadata and in the log."""
    markets.run(PRICES, DAY)
    markets.fetch_chains(DAY)
    tables = ("raw.market_daily", "raw.global_daily", "raw.blocks", "raw.tx_daily_aggregate")
    before = {table: markets.table(table) for table in tables}
    markets.run(PRICES, DAY)
    markets.fetch_chains(DAY)
    assert {table: markets.table(table) for table in tables} == before
    log = markets.rows("SELECT * FROM raw.ingest_log ORDER BY logged_at")
    assert len(log) == 16
    assert all(
        entry["rows_in"] == sum(entry[f"rows_{name}"] for name in ("inserted", "updated", "unchanged", "rejected"))
        for entry in log
    )
    assert all(entry["rows_inserted"] == entry["rows_updated"] == 0 for entry in log[8:])
    assert sum(entry["units"] for entry in log) == markets.server.blockchair.spent


def test_a_full_day_of_three_chains_while_blocks_arrive(markets):
    def arrive(request):
        for entry in markets.server.world.chains.values():
            entry.grow()

    markets.server.before = arrive
    markets.fetch_chains(DAY)
    found = markets.rows("SELECT chain, count(*) AS blocks, min(height), max(height) FROM raw.blocks GROUP BY 1")
    assert {(row["chain"], row["blocks"], row["max"] - row["min"]) for row in found} == {
        ("bitcoin", 150, 149), ("dogecoin", 60, 59), ("ethereum", 70, 69),
    }  # fmt: skip


def test_a_changed_price_keeps_the_old_one(markets):
    markets.run(PRICES, DAY)
    markets.server.world.coins["bitcoin"].points[DAY + ONE] = Figures(Decimal("150.5"), Decimal(1), None)
    result = markets.run(PRICES, DAY)
    assert counts(result)[f"market_daily {DAY}"]["updated"] == 1
    (old,) = markets.rows("SELECT * FROM raw.market_daily_history")
    (new,) = markets.rows(f"SELECT * FROM raw.market_daily WHERE coin_id = 'bitcoin' AND price_date = '{DAY}'")
    assert (old["price"], old["revision"]) == (146, 1)
    assert (new["price"], new["market_cap"], new["revision"]) == (Decimal("150.5"), None, 2)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1000, 1155), st.sampled_from("xyz")), min_size=1, max_size=4))
def test_reorganisations_and_their_reversal_leave_the_original(markets, forks):
    """I13: at each commit one block of a height is current; back on the first branch, its rows are as they were."""
    bitcoin = markets.server.world.chains["bitcoin"]
    original = [dict(row) for row in bitcoin.blocks]
    blocks = "key:raw/markets/blocks"
    markets.run(blocks, f"bitcoin|{DAY}")
    before = markets.rows(CANONICAL)
    for height, fork in forks:
        bitcoin.reorganise(height, fork)
        markets.run(blocks, f"bitcoin|{DAY}")
        current = markets.rows(CANONICAL)
        assert [row["block_hash"] for row in current] == [row["hash"] for row in bitcoin.in_heights(1001, 1150)]
    bitcoin.blocks[:] = original
    result = markets.run(blocks, f"bitcoin|{DAY}")
    assert markets.rows(CANONICAL) == before
    assert counts(result)[f"blocks bitcoin|{DAY}"]["inserted"] == 0


def test_a_block_that_left_its_day_is_no_longer_current(markets):
    markets.fetch_chains(DAY)
    bitcoin = markets.server.world.chains["bitcoin"]
    for row in bitcoin.in_heights(1150, 1150):
        row |= {"hash": "ff", "time": f"{DAY + ONE} 00:00:00", "date": str(DAY + ONE)}
    result = markets.run("key:raw/markets/blocks", f"bitcoin|{DAY}")
    assert counts(result)[f"blocks bitcoin|{DAY}"]["orphaned"] == 1
    assert markets.rows("SELECT count(*) AS n FROM raw.blocks WHERE chain = 'bitcoin' AND NOT is_orphan") == [
        {"n": 149}
    ]


def test_unknown_stays_null(markets):
    """I16: neither prices nor sums nor a block's fields become zero."""
    world_ = markets.server.world
    world_.coins["dogecoin"].points[DAY + ONE] = Figures(Decimal(5), None, None)
    world_.chains["bitcoin"].sums[DAY]["sum(fee_usd)"] = None
    world_.chains["bitcoin"].blocks[5]["fee_total"] = None
    markets.run(PRICES, DAY)
    markets.fetch_chains(DAY)
    (dogecoin,) = markets.rows(f"SELECT * FROM raw.market_daily WHERE coin_id = 'dogecoin' AND price_date = '{DAY}'")
    assert dogecoin["market_cap"] is dogecoin["volume"] is None
    (sums,) = markets.rows("SELECT * FROM raw.tx_daily_aggregate WHERE chain = 'bitcoin'")
    assert sums["fee_usd"] is None
    assert sums["fee"] == 300_000
    assert markets.rows("SELECT height FROM raw.blocks WHERE fee_total IS NULL") == [{"height": 1005}]


def test_amounts_of_wei_beyond_64_bits_are_exact(markets):
    huge = 2**100 + 1
    markets.server.world.chains["ethereum"].blocks[3]["fee_total"] = str(huge)
    markets.run("key:raw/markets/blocks", f"ethereum|{DAY}")
    assert markets.rows("SELECT max(fee_total) AS most FROM raw.blocks") == [{"most": huge}]


def test_an_outage_fails_its_own_assets_and_a_later_run_repairs_the_day(markets):
    """I18: no green run without data, and no red one for the other source."""
    markets.server.faults.append(Fault("/blockchair/", 503, times=10**6))
    markets.run(PRICES, DAY)
    for name in chains():
        result = markets.run(CHAINS, f"{name}|{DAY}", expect_success=False)
        assert "Blockchair: no usable answer to http" in failures(result)[0]
    assert markets.rows("SELECT count(*) AS n FROM raw.market_daily") == [{"n": 12}]  # three days before it as well
    failed = markets.rows("SELECT DISTINCT outcome, rows_in FROM raw.ingest_log WHERE asset LIKE '%%blocks'")
    assert failed == [{"outcome": "failed", "rows_in": None}]
    markets.server.faults.clear()
    markets.fetch_chains(DAY)
    assert markets.rows("SELECT count(*) AS n FROM raw.blocks") == [{"n": 280}]


def test_prices_fail_alone_too(markets):
    markets.server.faults.append(Fault("/api/v3/", 500, times=10**6))
    result = markets.run(PRICES, DAY, expect_success=False)
    assert "CoinGecko: no usable answer" in failures(result)[0]
    markets.fetch_chains(DAY)


def test_a_page_that_fails_leaves_nothing_half_written(markets):
    markets.run("key:raw/markets/blocks", f"dogecoin|{DAY}")
    before = markets.table("raw.blocks")
    broken = Fault("/bitcoin/blocks", 400, {"context": {"code": 400, "error": "no"}})

    def break_the_last_page(request):
        if "id(1101..1150)" in request.parameters.get("q", ""):
            markets.server.faults.append(broken)

    markets.server.before = break_the_last_page
    result = markets.run("key:raw/markets/blocks", f"bitcoin|{DAY}", expect_success=False)
    assert "Blockchair refuses" in failures(result)[0]
    assert markets.table("raw.blocks") == before


def test_a_spent_budget_is_a_clear_failure_with_nothing_written(markets, monkeypatch):
    monkeypatch.setenv("BLOCKCHAIR_UNITS_PER_DAY", "30")
    markets.run("key:raw/markets/blocks", f"bitcoin|{DAY}")
    before = (markets.table("raw.blocks"), markets.server.blockchair.spent, len(markets.server.requests))
    result = markets.run("key:raw/markets/blocks", f"bitcoin|{DAY}", expect_success=False)
    (said,) = failures(result)
    assert "the blocks of bitcoin for 2024-01-02 takes up to 20.7 request units; " in said
    assert "left until 2024-01-04 00:00 UTC" in said
    assert (markets.table("raw.blocks"), markets.server.blockchair.spent, len(markets.server.requests)) == before
    markets.at(DAY + ONE)
    markets.run("key:raw/markets/blocks", f"bitcoin|{DAY}")


def test_ninety_days_of_chains_are_refused_up_front_saying_why(markets):
    first = DAY - timedelta(days=89)
    for name, units in (("bitcoin", "1,863.0"), ("dogecoin", "10,287.0"), ("ethereum", "37,989.0")):
        result = markets.run("key:raw/markets/blocks", f"{name}|{first}", f"{name}|{DAY}", expect_success=False)
        (said,) = failures(result)
        assert f"the blocks of {name} for 90 days from {first} to {DAY} takes up to {units} request units" in said
        assert "1,440.0 of today's 1,440 are left" in said
        assert "Split it over at least" in said
    assert not markets.server.requests


def test_ninety_days_of_prices_take_one_request_for_each_coin(markets):
    first = DAY - timedelta(days=89)
    for entry in markets.server.world.coins.values():
        entry.points = {first + at * ONE: Figures(Decimal(at + 1), Decimal(1), Decimal(10)) for at in range(92)}
    markets.run("key:raw/markets/market_daily", first, DAY)
    assert len(markets.server.requests) == 3
    assert markets.rows("SELECT count(*) AS n FROM raw.market_daily") == [{"n": 270}]


def test_a_range_of_days_leaves_what_daily_runs_leave(markets):
    """I20: a backfill of n days is n daily runs."""
    days = [DAY - 2 * ONE, DAY - ONE, DAY]
    stamps = ("first_seen_at", "last_seen_at", "run_id")
    markets.run("key:raw/markets/market_daily", days[0], days[-1])
    at_once = markets.table("raw.market_daily", but=stamps)
    with markets.database.transaction() as connection:
        connection.execute("TRUNCATE raw.market_daily, raw.market_daily_history")
    for day in reversed(days):
        markets.run("key:raw/markets/market_daily", day)
    assert markets.table("raw.market_daily", but=stamps) == at_once
    assert not markets.rows("SELECT * FROM raw.market_daily_history")


def test_a_day_that_is_not_over_has_no_close(markets):
    result = markets.run(PRICES, DAY + ONE, expect_success=False)
    assert "2024-01-03 has no close yet" in failures(result)[0]
    assert not seen(markets.server, "market_chart")


def test_a_close_that_is_not_published_yet_waits(markets):
    markets.at(DAY, hour=0)
    result = markets.run(PRICES, DAY, expect_success=False)
    assert "CoinGecko has no close of 2024-01-02 for bitcoin" in failures(result)[0]


def test_an_older_day_may_lack_a_coin_but_not_all(markets):
    gap = DAY - ONE
    del markets.server.world.coins["dogecoin"].points[gap + ONE]
    markets.run("key:raw/markets/market_daily", gap)
    assert markets.rows("SELECT count(*) AS n FROM raw.market_daily") == [{"n": 2}]
    long_ago = DAY - timedelta(days=30)
    result = markets.run("key:raw/markets/market_daily", long_ago, expect_success=False)
    assert str(long_ago) in failures(result)[0]


def test_the_whole_market_is_known_of_the_day_that_just_ended_only(markets):
    markets.run("key:raw/markets/global_daily", DAY - 2 * ONE, DAY)
    found = markets.rows("SELECT price_date, total_market_cap FROM raw.global_daily")
    assert found == [{"price_date": DAY, "total_market_cap": 10**12}]


def test_sums_become_final_some_hours_after_the_day(markets):
    markets.fetch_chains(DAY)
    assert {row["is_final"] for row in markets.rows("SELECT is_final FROM raw.tx_daily_aggregate")} == {False}
    markets.at(DAY, hour=6).fetch_chains(DAY)
    assert {row["is_final"] for row in markets.rows("SELECT is_final FROM raw.tx_daily_aggregate")} == {True}


def test_single_transactions_come_on_demand_and_move_with_their_block(markets, monkeypatch):
    select, partition = "key:raw/markets/transactions", f"bitcoin|{DAY}"
    result = markets.run(select, partition, expect_success=False)
    assert "BLOCKCHAIR_TRANSACTIONS is 0" in failures(result)[0]
    monkeypatch.setenv("BLOCKCHAIR_TRANSACTIONS", "150")
    bitcoin = markets.server.world.chains["bitcoin"]
    bitcoin.transactions, bitcoin.sums = transactions("bitcoin", 200), {}
    assert counts(markets.run(select, partition))[f"transactions {partition}"]["inserted"] == 150
    bitcoin.transactions[7]["block_id"] = 1009
    bitcoin.transactions[8]["block_id"] = -1
    assert counts(markets.run(select, partition))[f"transactions {partition}"]["updated"] == 2
    moved = markets.rows("SELECT block_id FROM raw.transactions WHERE revision = 2 ORDER BY 1")
    assert moved == [{"block_id": 1009}, {"block_id": None}]


def test_a_transaction_names_its_block_once_that_is_loaded(markets, monkeypatch):
    """The hash is the current block's at that height: a reorganisation changes it, and its reversal back."""
    monkeypatch.setenv("BLOCKCHAIR_TRANSACTIONS", "150")
    select, partition = "key:raw/markets/transactions", f"bitcoin|{DAY}"
    bitcoin = markets.server.world.chains["bitcoin"]
    bitcoin.transactions, bitcoin.sums = transactions("bitcoin", 200), {}
    bitcoin.transactions[3]["block_id"], bitcoin.transactions[4]["block_id"] = -1, 999_999

    def run(*selected):
        result = counts(markets.run(" or ".join(selected), partition))[f"transactions {partition}"]
        return {name: result[name] for name in ("inserted", "updated", "unchanged")}

    def assert_hashes():
        hashes = {row["id"]: row["hash"] for row in bitcoin.blocks}
        found = markets.rows("SELECT block_id, block_hash FROM raw.transactions")
        assert len(found) == 150
        assert all(row["block_hash"] == hashes.get(row["block_id"]) for row in found)
        assert {row["block_id"] for row in found if row["block_hash"] is None} == {None, 999_999}

    assert run(select) == {"inserted": 150, "updated": 0, "unchanged": 0}
    assert markets.rows("SELECT DISTINCT block_hash FROM raw.transactions") == [{"block_hash": None}]
    assert run("key:raw/markets/blocks", select) == {"inserted": 0, "updated": 148, "unchanged": 2}
    assert_hashes()
    assert run(select) == {"inserted": 0, "updated": 0, "unchanged": 150}
    original = [dict(row) for row in bitcoin.blocks]
    bitcoin.reorganise(1002, "x")
    assert run("key:raw/markets/blocks", select) == {"inserted": 0, "updated": 50, "unchanged": 100}
    assert_hashes()
    bitcoin.blocks[:] = original
    assert run("key:raw/markets/blocks", select)["updated"] == 50
    assert_hashes()


def test_snapshots_are_kept_apart_by_their_moment(markets):
    select = "key:raw/markets/market_snapshot or key:raw/markets/chain_stats or key:raw/markets/coin_list"

    def run():
        result = dg.materialize(
            [asset for asset in markets_assets() if asset.key.path[-1] in select],
            resources=markets.resources(),
            instance=markets.instance,
        )
        return {name: found["inserted"] for name, found in counts(result).items()}

    assert run() == {"market_snapshot": 3, "chain_stats": 3, "coin_list": 3}
    assert run() == {"market_snapshot": 0, "chain_stats": 0, "coin_list": 0}
    markets.at(DAY, hour=2)
    assert run() == {"market_snapshot": 3, "chain_stats": 0, "coin_list": 0}
    (bitcoin,) = markets.rows("SELECT * FROM raw.chain_stats WHERE chain = 'bitcoin'")
    assert bitcoin["hashrate_24h"] == 540_000_000_000_000_000_000
    assert bitcoin["circulation"] is None


def run_unpartitioned(markets, name, expect_success=True):
    result = dg.materialize(
        [asset for asset in markets_assets() if asset.key.path[-1] == name],
        resources=markets.resources(),
        instance=markets.instance,
        raise_on_error=False,
    )
    assert result.success == expect_success
    return result


def test_a_coin_that_left_the_list_is_marked_and_counted_until_it_is_back(markets):
    coins = markets.server.world.coins
    run_unpartitioned(markets, "coin_list")
    dogecoin = coins.pop("dogecoin")
    assert counts(run_unpartitioned(markets, "coin_list"))["coin_list"]["orphaned"] == 1
    listed = "SELECT coin_id FROM raw.coin_list WHERE is_orphan"
    assert markets.rows(listed) == [{"coin_id": "dogecoin"}]
    # A list that is cut short, or empty, marks nothing.
    for name in ("bitcoin", "ethereum"):
        markets.server.faults.append(
            Fault("coins/list", 200, [] if name == "bitcoin" else [{"id": "x", "symbol": "x"}])
        )
        said = failures(run_unpartitioned(markets, "coin_list", expect_success=False))[0]
        assert "cut short" in said
    assert markets.rows(listed) == [{"coin_id": "dogecoin"}]
    coins["dogecoin"] = dogecoin
    assert counts(run_unpartitioned(markets, "coin_list"))["coin_list"]["updated"] == 1
    assert markets.rows(listed) == []


def test_what_a_snapshot_did_not_know_is_filled_in_and_what_it_knew_stays(markets):
    """Whatever the rule of merging: what came first as unknown keeps nothing out."""
    bitcoin = {"id": "bitcoin", "current_price": 133, "market_cap": None, "last_updated": "2024-01-03T00:59:30.000Z"}
    for cap, volume, updated in ((None, 5, 0), (1000, 7, 1), (2000, 9, 0)):
        entry = bitcoin | {"market_cap": cap, "total_volume": volume}
        markets.server.faults.append(Fault("coins/markets", 200, [entry]))
        assert counts(run_unpartitioned(markets, "market_snapshot"))["market_snapshot"]["updated"] == updated
    (row,) = markets.rows("SELECT market_cap, volume, revision FROM raw.market_snapshot")
    assert row == {"market_cap": 1000, "volume": 5, "revision": 2}


def test_a_request_that_costs_more_than_reckoned_is_counted_as_told(markets):
    sums = {"date": str(DAY), "count()": 300, "sum(fee)": 300_000, "sum(output_total)": 300_000_000_000}
    context = {"code": 200, "state": 1153, "rows": 1, "total_rows": 1, "request_cost": 30}
    markets.server.faults.append(Fault("bitcoin/transactions", 200, {"data": [sums], "context": context}))
    markets.run("key:raw/markets/tx_daily_aggregate", f"bitcoin|{DAY}")
    assert markets.rows("SELECT spent FROM raw.request_units") == [{"spent": 30}]
    assert markets.rows("SELECT units FROM raw.ingest_log") == [{"units": 30}]


def test_sums_that_were_not_final_are_asked_again_the_next_night(markets):
    days = [DAY, DAY + ONE]
    markets.server.world.chains["bitcoin"] = chain("bitcoin", 20, days=days)
    select = "key:raw/markets/tx_daily_aggregate"
    markets.run(select, f"bitcoin|{DAY}")
    markets.server.world.chains["bitcoin"].sums[DAY]["sum(fee_usd)"] = Decimal("7.5")
    markets.at(DAY + ONE).run(select, f"bitcoin|{DAY + ONE}")
    found = markets.rows("SELECT day, is_final, fee_usd, revision FROM raw.tx_daily_aggregate ORDER BY day")
    assert [(row["day"], row["is_final"], row["revision"]) for row in found] == [(DAY, True, 2), (DAY + ONE, False, 1)]
    assert found[0]["fee_usd"] == Decimal("7.5")
    # The third night asks for the second again, and no more for the first.
    markets.server.requests.clear()
    markets.at(DAY + ONE, hour=2).run(select, f"bitcoin|{DAY + ONE}")
    assert len(markets.server.requests) == 1


def test_the_closes_that_are_missing_are_a_checks_warning(markets):
    from assets.markets.checks import every_coin_has_its_closes

    world_ = markets.server.world
    world_.coins["dogecoin"].points[DAY] = Figures(Decimal(5), Decimal(1), None)
    markets.run("key:raw/markets/market_daily", DAY)
    result = every_coin_has_its_closes(postgres=markets.resources()["postgres"])
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert result.description == "Unknown: dogecoin on 2024-01-01."
    world_.coins["dogecoin"].points[DAY] = Figures(Decimal(5), Decimal(1), Decimal(7))
    markets.run("key:raw/markets/market_daily", DAY)
    assert every_coin_has_its_closes(postgres=markets.resources()["postgres"]).passed


def markets_assets():
    from assets.markets.assets import MARKETS_ASSETS

    return MARKETS_ASSETS


def test_no_key_is_written_anywhere(markets, monkeypatch, caplog):
    """I17: not in the log, not in metadata, not in a table, not in an error."""
    secret = "never-to-be-seen"
    caplog.set_level(logging.DEBUG)
    for name, value in {
        "COINGECKO_PLAN": "demo", "COINGECKO_API_KEY": secret, "BLOCKCHAIR_PLAN": "key", "BLOCKCHAIR_API_KEY": secret,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    said = [markets.run(PRICES, DAY), markets.run(CHAINS, f"bitcoin|{DAY}")]
    assert seen(markets.server, "/global")[0].headers["x-cg-demo-api-key"] == secret
    assert seen(markets.server, "/blockchair/")[0].parameters["key"] == secret
    markets.server.faults.append(Fault("", 404, {"error": "no"}, times=99))
    said.append(markets.run(PRICES, DAY, expect_success=False))
    said.append(markets.run(CHAINS, f"bitcoin|{DAY}", expect_success=False))
    events = [str(event) for result in said for event in result.all_events]
    logs = [str(entry) for result in said for entry in markets.instance.all_logs(result.run_id)]
    tables = json.dumps(markets.table("raw.ingest_log"), default=str)
    assert secret not in "".join([*events, *logs, tables, caplog.text])


def test_equal_heights_of_two_chains_are_two_blocks(markets):
    markets.fetch_chains(DAY)
    found = markets.rows("SELECT count(*) AS chains FROM raw.blocks WHERE height = 1001 AND NOT is_orphan")
    assert found == [{"chains": 3}]


def test_more_blocks_than_one_query_reaches(markets):
    """The ceiling of 10,100 rows."""
    market_world = world([chain("dogecoin", 10_500)], now=markets.clock.moment)
    markets.server.world.chains |= market_world.chains
    markets.run("key:raw/markets/blocks", f"dogecoin|{DAY}")
    assert markets.rows("SELECT count(*) AS n FROM raw.blocks") == [{"n": 10_500}]


def test_coins_and_chains_are_those_of_the_seed():
    assert chains() == ["bitcoin", "dogecoin", "ethereum"]


@pytest.mark.parametrize("missing", ["COINGECKO_PLAN", "BLOCKCHAIR_PLAN"])
def test_outside_the_local_stage_nothing_falls_back_to_the_sample(markets, monkeypatch, missing):
    monkeypatch.setenv("HEADWATER_STAGE", "preprod")
    monkeypatch.delenv(missing)
    select, partition = (PRICES, DAY) if missing == "COINGECKO_PLAN" else (CHAINS, f"bitcoin|{DAY}")
    result = markets.run(select, partition, expect_success=False)
    assert f"{missing} is not set" in failures(result)[0]
