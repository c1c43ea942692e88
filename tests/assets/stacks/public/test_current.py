"""What is published, against going through the chain row by row in Python."""

import csv
import gzip
import io
import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from statistics import median
from types import SimpleNamespace

import pytest

from assets.stacks.extract import now, published
from assets.stacks.extract.balances import compute_following
from assets.stacks.extract.days import FIRST_DAY, load_day, span_of
from assets.stacks.public import current, daily
from assets.stacks.tables import BLOCK_RANGE, HOURLY_PRICE, NFT_DAILY
from assets.stacks.transform import mining, nfts, stacking
from assets.stacks.transform.balances import distribution, histogram, raw_balances
from assets.stacks.transform.documents import movements_csv
from assets.stacks.transform.prices import OLDEST, Prices
from assets.stacks.transform.series import by_midnight
from core.errors import DayMissing, InvalidAnswer
from core.merging import Batch
from core.windows import end_of, start_of
from resources.clients.lake.object_store import MemoryObjectStore
from resources.clients.stacks.answers import Bundle, RawAnswer, RawAnswers
from sandbox.stacks import hiro
from sandbox.stacks.chain import make_chain
from sandbox.stacks.story import EVERYTHING
from tests.standins.stacks import addresses_by_day, balances_at, counts, height_at_end, indexer_of

CHAIN = make_chain(EVERYTHING)
TIP = CHAIN.tip["block_height"]
DAYS = [FIRST_DAY + timedelta(number) for number in range(EVERYTHING.days)]


@pytest.fixture(scope="module")
def indexer(postgres_server):
    with indexer_of(postgres_server, CHAIN) as (made, _owner):
        yield made


@pytest.fixture
def snapshot(indexer):
    with indexer.snapshot() as opened:
        yield opened


@pytest.fixture
def filled(database, indexer):
    for day in DAYS:
        with indexer.snapshot() as opened:
            load_day(database, opened, day, span_of(opened, day))
    for day in DAYS:
        compute_following(database, day, legacy=False, everyone=False)
    return database


@pytest.mark.parametrize("legacy", [False, True])
def test_known_addresses_never_become_fewer(filled, legacy):
    by_day = addresses_by_day(CHAIN.tables)[legacy]
    seen, expected = set(), {}
    for day in DAYS:
        seen |= by_day[day]
        expected[day] = len(seen)
    known = published.known_addresses(filled, DAYS[-1], legacy=legacy)
    active = published.active_addresses(filled, DAYS[-1], legacy=legacy)
    assert known == expected
    assert active == {day: len(by_day[day]) for day in DAYS}
    before = 0
    for day in DAYS:
        assert max(before, active[day]) <= known[day] <= before + active[day]
        before = known[day]
    sampled = by_midnight(known, 2)
    assert list(sampled) == [str(start_of(day)) for day in (DAYS[0], DAYS[2], DAYS[4], DAYS[5])]


def test_published_balances_are_those_of_the_day(filled):
    day = DAYS[-1]
    universe = set().union(*addresses_by_day(CHAIN.tables)[0].values())
    held = balances_at(CHAIN.tables, height_at_end(CHAIN.tables, day))
    held = {who: amount for who, amount in held.items() if who in universe}
    large = sorted((amount for amount in held.values() if amount >= 10**10), reverse=True)
    balances, nonzero = published.large_balances(filled, day)
    document = raw_balances(balances, nonzero)
    assert document == {"whale_balances": [amount / 10**6 for amount in large], "nonzero_bals": len(held)}
    edges = Counter()
    for amount in large:
        edge = 10_000
        while edge * 10**6 <= amount and edge < 10_000_000:
            edge += 500
        edges[str(edge)] += 1
    assert histogram(balances) == edges
    figures = distribution(document["whale_balances"])
    assert figures["median_balance"] == median(document["whale_balances"])


@pytest.mark.parametrize("legacy", [False, True])
def test_large_transfers_newest_first_one_row_an_event(indexer, snapshot, monkeypatch, legacy):
    monkeypatch.setattr(now, "LARGE_USTX", 10**9)
    monkeypatch.setattr(now, "MOVEMENTS", 40)
    times = {block["block_height"]: block["burn_block_time"] for block in CHAIN.tables["blocks"] if block["canonical"]}
    large = [
        event
        for event in CHAIN.tables["stx_events"]
        if (legacy or counts(event)) and event["amount"] >= 10**9 and event["sender"] and event["recipient"]
    ]
    large.sort(key=lambda event: (-event["block_height"], -event["amount"], event["tx_id"], event["event_index"]))
    text = movements_csv(now.whale_movements(snapshot, legacy=legacy), "https://explorer.hiro.so/txid/")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(large) > 40 == len(rows)
    for row, event in zip(rows, large, strict=False):
        assert row["tx_id"] == f"0x{event['tx_id'].hex()}"
        assert float(row["amount"]) == event["amount"] / 10**6
        assert (row["sender"], row["recipient"], row["tx_type"]) == (event["sender"], event["recipient"], "transfer")
        assert int(row["burn_block_time"]) == times[event["block_height"]]
        assert row["explorer_url"].endswith(row["tx_id"])
    assert text.splitlines()[0].count('"') == 16


@pytest.mark.parametrize("legacy", [False, True])
def test_counts_of_blocks_days_and_all_time(snapshot, legacy):
    txs = [tx for tx in CHAIN.tables["txs"] if legacy or counts(tx)]
    by_height = Counter(tx["block_height"] for tx in txs if TIP - 50 <= tx["block_height"] <= TIP)
    assert now.transactions_by_block(snapshot, TIP, 50, legacy=legacy) == by_height
    at = CHAIN.tip["burn_block_time"]
    totals = now.transaction_totals(snapshot, at, legacy=legacy)
    assert totals["total_txs_alltime"] == len(txs)
    assert totals["total_txs_past24"] == sum(at - 86_400 <= tx["burn_block_time"] < at for tx in txs)
    paid = [tx for tx in txs if tx["token_transfer_recipient_address"]]
    paid.sort(key=lambda tx: (-tx["block_height"], -tx["tx_index"], tx["tx_id"]))
    assert totals["median_fee"] == median(tx["fee_rate"] for tx in paid[:10])
    large = sorted(
        (tx for tx in paid if tx["token_transfer_amount"] >= 10**12),
        key=lambda tx: (-tx["block_height"], -tx["token_transfer_amount"], tx["tx_id"]),
    )
    assert totals["whale"] == (
        {"amount": large[0]["token_transfer_amount"], "time": large[0]["burn_block_time"]} if large else None
    )


def test_microblocks_and_the_mempool(snapshot):
    received = Counter(row["receive_timestamp"] // 86_400 * 86_400 for row in CHAIN.tables["microblocks"])
    assert now.microblocks_by_day(snapshot) == received
    assert now.waiting(snapshot) == sum(not row["pruned"] for row in CHAIN.tables["mempool_txs"])


def test_mining_counts_matured_rewards_and_the_one_burn_of_a_bitcoin_block(snapshot):
    blocks = now.mined_blocks(snapshot, TIP)
    rewards = [row for row in CHAIN.tables["miner_rewards"] if row["mature_block_height"] <= TIP]
    assert len(blocks) == min(now.MATURED, len(rewards)) < len(CHAIN.tables["miner_rewards"])
    by_hash = {block["index_block_hash"]: block for block in CHAIN.tables["blocks"]}
    winners = Counter(row["recipient"] for row in rewards)
    assert mining.most_successful(blocks) == winners
    bitcoin = now.bitcoin_blocks(snapshot, 0)
    overview = mining.overview(blocks, bitcoin)
    for row in rewards:
        height = str(by_hash[row["from_index_block_hash"]]["block_height"])
        parts = ("coinbase_amount", "tx_fees_anchored", "tx_fees_streamed_confirmed", "tx_fees_streamed_produced")
        assert overview["stx_rewards"][height] == sum(row[part] for part in parts) / 10**6
        assert overview["winning_miners"][height] == row["recipient"]
    paid = Counter()
    for row in CHAIN.tables["burnchain_rewards"]:
        paid[row["burn_block_height"]] += row["reward_amount"] + (row["burn_amount"] if not row["reward_index"] else 0)
    assert mining.committed(bitcoin) == paid
    # The first block is of a Bitcoin block without rewards: unknown, not 0.
    assert overview["btc_burns"]["1"] is None
    risky = mining.risk_and_reward(blocks, bitcoin, Prices({}), Prices({}))
    assert {row["spent_usd"] for row in risky.values()} == {None}


def nft_objects(database, day):
    """What is published of NFTs when ``day`` has just ended."""
    clock = SimpleNamespace(now=lambda: datetime.fromtimestamp(end_of(day), UTC))
    sources = SimpleNamespace(clock=lambda: clock)
    makers = (current.nfts_now, current.nfts_over_time, current.nfts_growing)
    return [make(sources, database) for make in makers]


def test_of_nfts_a_day_that_is_late_is_left_out_and_not_taken_for_one_without_any(filled):
    expected = nft_objects(filled, DAYS[-1])
    assert expected[2]
    # The node is late: neither this day nor the next is loaded. What is published is of the newest that is.
    assert nft_objects(filled, DAYS[-1] + timedelta(2)) == expected


@pytest.mark.parametrize("hole", [DAYS[0], DAYS[-2]])
def test_nfts_are_not_counted_over_a_day_that_was_never_loaded(filled, hole):
    with filled.transaction() as connection:
        for table in (BLOCK_RANGE, NFT_DAILY):
            connection.execute(f"DELETE FROM {table.address} WHERE day = %s".encode(), [hole])
    with pytest.raises(DayMissing, match=f"lacks {hole}"):
        nft_objects(filled, DAYS[-1])
    if hole == DAYS[-2]:
        with pytest.raises(DayMissing, match=f"lacks {hole}"):
            published.mints(filled, hole)
    assert published.mints(filled, DAYS[0] - timedelta(1)) == {}


def test_nfts_of_an_empty_database_are_not_none(database):
    with pytest.raises(DayMissing, match="warehouse/stacks/block_range"):
        nft_objects(database, DAYS[-1])


def test_nfts_by_asset(filled, snapshot):
    counted = [row for row in CHAIN.tables["nft_events"] if counts(row)]
    change = {1: 0, 2: 1, 3: -1}
    expected = {
        day: sum(
            change[row["asset_event_type_id"]]
            for row in counted
            if row["block_height"] <= height_at_end(CHAIN.tables, day)
        )
        for day in DAYS
    }
    found = published.nfts_by_day(filled, DAYS[-1])
    assert found == {day: expected[day] for day in DAYS if day >= min(found)}
    recent = Counter(
        row["asset_identifier"] for row in counted if row["asset_event_type_id"] == 2 and row["block_height"] > TIP - 60
    )
    assert now.recent_mints(snapshot, TIP, 60) == recent
    owner = {}
    for row in counted:
        owner[row["asset_identifier"], row["value"]] = row["recipient"]
    holders = Counter(asset for asset, _ in {(asset, who) for (asset, _), who in owner.items() if who})
    assert now.holders(snapshot, 10) == holders
    top = nfts.top(holders)
    assert [entry["value"] for entry in top.values()] == sorted(holders.values(), reverse=True)
    assert nfts.growth({"a::x": 3, "b::y": 1}, {"a::x": 2}) == {"a::x": 50.0}
    assert list(nfts.top({"a::same": 3, "b::same": 1})) == ["a::same", "b::same"]


def test_stacking(snapshot):
    stacked = now.stacked_by_cycle(snapshot)
    cycles = stacking.Cycles(666_050, 20, 4, CHAIN.tip["burn_block_height"])
    times = now.burn_times(snapshot, [cycles.start(number) for number in stacked])
    series = stacking.stacked_over_time(stacked, times, cycles)
    firsts = {}
    for block in CHAIN.tables["blocks"]:
        if block["canonical"]:
            firsts.setdefault(block["burn_block_height"], block["burn_block_time"])
    assert series == {
        firsts[666_050 + row["cycle_number"] * 20]: row["total_stacked_amount"] / 10**6
        for row in CHAIN.tables["pox_cycles"]
        if 666_050 + row["cycle_number"] * 20 in firsts
    }
    prices = Prices(dict.fromkeys(firsts.values(), 40000.0))
    blocks = now.bitcoin_blocks(snapshot, cycles.start(1))
    assert len({row["height"] for row in blocks}) == len(blocks)
    bitcoin, dollars = stacking.reward_objects(blocks, prices)
    assert len(dollars) == 20
    for height, value in dollars.items():
        assert value == round(bitcoin[height] * 40_000, 3)


def test_phases_of_a_cycle_by_both_names():
    at = {height: stacking.Cycles(1000, 2100, 100, 1000 + height) for height in (0, 100, 101, 1999, 2000, 2009, 2010)}
    assert [one.legacy_phase for one in at.values()] == ["Prepare"] * 2 + ["PoX"] * 4 + ["Burn"]
    assert [one.phase for one in at.values()] == ["reward"] * 4 + ["prepare"] * 3


def test_the_yield_is_text_and_unknown_without_a_price():
    assert stacking.apy(10**8, 10**12, 52_560, 50_000.0, 0.5) == "10.0%"
    assert stacking.apy(10**8, 10**12, 52_560, None, 0.5) == stacking.apy(0, 1, 1, 1.0, 1.0) == "-.-%"


def test_two_pools_of_one_name_are_refused():
    signers = [{"signer_address": who, "pooled_stacker_count": 1, "stacked_amount": "5"} for who in ("a", "b")]
    with pytest.raises(InvalidAnswer, match="STACKS_POOL_NAMES"):
        stacking.pools(signers, {"a": "us", "b": "us"})


def test_a_price_is_the_last_one_and_no_older_than_two_hours():
    prices = Prices({1000: 1.0, 5000: 2.0})
    assert (prices.at(1000), prices.at(4999), prices.at(5000 + OLDEST)) == (1.0, 1.0, 2.0)
    assert (prices.at(999), prices.at(5001 + OLDEST)) == (None, None)
    assert prices.unknown == [999, 5001 + OLDEST]


@pytest.mark.parametrize(("make", "days"), [(current.prices_7d, 7), (current.prices_30d, 30), (current.prices_90d, 90)])
def test_prices_begin_so_many_days_before_the_end_of_the_day_that_ended_and_have_no_end(database, make, days):
    at = datetime(2021, 1, 20, 1, 15, tzinfo=UTC)
    first = start_of(date(2021, 1, 20)) - days * 86_400
    moments = (first - 1, first, first + 3600, int(at.timestamp()) + 60)
    rows = [
        {"symbol": symbol, "unix_timestamp": moment, "price_usd": Decimal("1.23456"), "fetched_at": at}
        for symbol in ("STX", "BTC")
        for moment in moments
    ]
    database.merge(HOURLY_PRICE, Batch(rows, source="test"), "run", at)
    sources = SimpleNamespace(clock=lambda: SimpleNamespace(now=lambda: at))
    assert make(sources, database) == {str(moment): 1.235 for moment in moments[1:]}


SEED = {"1610500000": 5.5, "1610582400": 7.25, "1893456000": 1.0}


def test_stacked_of_the_days_before_the_database_comes_from_a_file_that_was_kept_by_hand(indexer):
    """As docs/rooms/stacks.md says how it is written; cycles of the database go before it."""
    store, day = MemoryObjectStore(), DAYS[-1]
    answer = {
        "name": "seed",
        "address": "stacking.club, 2022",
        "status": 200,
        "fetched_at": "2022-05-01T00:00:00+00:00",
    }
    answer |= {"attempt": 1, "body": json.dumps(SEED)}
    document = {"observed_at": "2022-05-01T00:00:00+00:00", "answers": [answer]}
    pox = hiro.answer(CHAIN, "/v2/pox", {})[1]
    at = datetime(2021, 1, 21, tzinfo=UTC)
    node = RawAnswer("pox", "http://localhost/v2/pox", 200, at.isoformat(), 1, json.dumps(pox))
    raw = RawAnswers(store)
    raw.keep(Bundle("node_state", at, (node,)))
    sources = SimpleNamespace(raw=lambda: raw, indexer=lambda: indexer)
    without = daily.stx_stacked(sources, None, day)
    store.write("raw/stacks/stacked_seed/kept.json.gz", gzip.compress(json.dumps(document).encode()))
    found = daily.stx_stacked(sources, None, day)
    assert len(without) > 1
    assert found == {"1610500000": 5.5, "1610582400": 7.25} | without
    assert list(found) == sorted(found)
