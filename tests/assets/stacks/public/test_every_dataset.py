"""Every dataset that the node's rows alone decide, as it is published, against going through the rows one by one.

On the chain made from a seed and on the real rows, counted canonically and as the old system did. The room is made to
begin on the excerpt's first day, since it wants every day from its first one.
"""

import csv
import io
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest

from assets.stacks.extract import balances, days, now, published
from assets.stacks.public import current, daily
from core.windows import ONE_DAY, day_of, start_of
from sandbox.stacks.chain import make_chain
from sandbox.stacks.story import EVERYTHING
from tests.standins.stacks import (
    SETS,
    addresses_by_day,
    balances_at,
    counts,
    expected,
    height_at_end,
    indexer_of,
    indexer_of_files,
    needs_real_rows,
    real_tables,
    transactions_by_day,
)

SEED = "made from a seed"
CHAIN = make_chain(EVERYTHING)
LARGE = 10**9
names = pytest.mark.parametrize("name", [SEED, *(pytest.param(one, marks=needs_real_rows) for one in SETS)])
modes = pytest.mark.parametrize("legacy", [False, True], ids=["canonical", "legacy"])


@contextmanager
def opened(server, name):
    """Rows, days and an indexer that has them."""
    if name == SEED:
        with indexer_of(server, CHAIN) as (indexer, _owner):
            yield CHAIN.tables, [days.FIRST_DAY + number * ONE_DAY for number in range(EVERYTHING.days)], indexer
    else:
        known = [date.fromisoformat(day) for day in expected(name)["days"]]
        with indexer_of_files(server, name) as (indexer, _owner):
            yield real_tables(name), known, indexer


@pytest.fixture
def room(postgres_server, database, monkeypatch, name, legacy):
    monkeypatch.setattr(now, "LARGE_USTX", LARGE)
    with opened(postgres_server, name) as (tables, of, indexer):
        for module in (days, balances, published):
            monkeypatch.setattr(module, "FIRST_DAY", of[0])
        monkeypatch.setattr(current, "NONZERO_SINCE", of[0])
        for day in of:
            with indexer.snapshot() as snapshot:
                days.load_day(database, snapshot, day, days.span_of(snapshot, day))
            balances.compute_following(database, day, legacy=legacy, everyone=False)
        clock = SimpleNamespace(now=lambda: datetime.fromtimestamp(start_of(of[-1] + ONE_DAY), UTC))
        figures = SimpleNamespace(legacy=legacy, blocks=100, explorer="https://explorer/")
        sources = SimpleNamespace(figures=lambda: figures, indexer=lambda: indexer, clock=lambda: clock)
        yield SimpleNamespace(tables=tables, days=of, sources=sources, database=database, legacy=legacy)


def sampled(by_day):
    """Every second day and the last one, as the old system chose them."""
    chosen = []
    for index, day in enumerate(sorted(by_day)):
        if index % 2 == 0 or index == len(by_day) - 1:
            chosen.append(day)
    return {str(start_of(day)): by_day[day] for day in chosen}


@names
@modes
def test_every_dataset_is_as_counted_row_by_row(room):
    tables, of, last = room.tables, room.days, room.days[-1]
    counted = [row for row in tables["txs"] if room.legacy or counts(row)]
    transactions = transactions_by_day(tables)[room.legacy]
    addresses = addresses_by_day(tables)[room.legacy]
    # D1, D2, D3
    assert made(room, daily.daily_txs) == sampled({day: transactions[day] for day in of})
    assert sum(published.tx_counts(room.database, last, legacy=room.legacy).values()) == sum(
        day_of(row["burn_block_time"]) in of for row in counted
    )
    assert made(room, daily.active_addresses) == sampled({day: len(addresses[day]) for day in of})
    known = {day: len(set().union(*(addresses[one] for one in of if one <= day))) for day in of}
    assert made(room, daily.known_addresses) == sampled(known)
    # D4 to D7
    for day in of:
        held = balances_at(tables, height_at_end(tables, day))
        seen = set().union(*(addresses[one] for one in of if one <= day))
        large = sorted((ustx for who, ustx in held.items() if who in seen and ustx >= 10**10), reverse=True)
        nonzero = sum(ustx > 0 for who, ustx in held.items() if who in seen)
        document = daily.wallet_balances_raw(room.sources, room.database, day)
        assert document == {"whale_balances": [ustx / 10**6 for ustx in large], "nonzero_bals": nonzero}
        bins = daily.wallet_balances(room.sources, room.database, day)
        assert bins == histogram_by_hand(large)
        assert sum(bins.values()) == len(large) <= nonzero
        assert all(int(key) % 500 == 0 and 10_500 <= int(key) <= 10_000_000 for key in bins)
        rows = room.database.records(
            "SELECT timestamp, whale_address, balance FROM stacks.whale_historical_stx_balances WHERE day = %s", [day]
        )
        assert {(row["timestamp"], row["whale_address"], row["balance"]) for row in rows} == {
            (start_of(day), who, ustx / 10**6) for who, ustx in held.items() if who in seen and ustx >= 10**10
        }
        assert current.nonzero_balances(room.sources, room.database)[str(start_of(day))] == nonzero
    # D8 to D11
    assert list(csv.DictReader(io.StringIO(made_now(room, current.whale_movements)))) == movements_by_hand(room)
    tip = max(block["block_height"] for block in tables["blocks"] if block["canonical"])
    heights = Counter(row["block_height"] for row in counted if tip - 100 <= row["block_height"] <= tip)
    assert made_now(room, current.tx_per_block) == {str(height): heights[height] for height in sorted(heights)}
    assert made_now(room, current.sanity_check) == {"maxblock": tip}
    received = Counter(row["receive_timestamp"] // 86_400 * 86_400 for row in tables.get("microblocks", []))
    assert made_now(room, current.microblocks) == {str(at): received[at] for at in sorted(received)}


def made(room, make):
    return make(room.sources, room.database, room.days[-1])


def made_now(room, make):
    return make(room.sources, room.database)


def histogram_by_hand(large):
    found = Counter()
    for ustx in large:
        edge = 10_500
        while ustx >= edge * 10**6 and edge < 10_000_000:
            edge += 500
        found[str(edge)] += 1
    return found


def movements_by_hand(room):
    times = {one["block_height"]: one["burn_block_time"] for one in room.tables["blocks"] if one["canonical"]}
    found = []
    for event in room.tables["stx_events"]:
        whole = event["sender"] and event["recipient"] and event["amount"] >= LARGE
        if whole and (room.legacy or counts(event)) and event["block_height"] in times:
            name = event["tx_id"] if isinstance(event["tx_id"], str) else f"\\x{event['tx_id'].hex()}"
            found.append((-event["block_height"], -event["amount"], name, int(event["event_index"]), event))
    rows = []
    for *_, name, _index, event in sorted(found, key=lambda one: one[:4])[: now.MOVEMENTS]:
        tx_id = "0x" + name.removeprefix("\\x")
        row = {"tx_id": tx_id, "block_height": str(event["block_height"]), "amount": str(event["amount"] / 10**6)}
        row |= {"sender": event["sender"], "recipient": event["recipient"], "tx_type": "transfer"}
        row["burn_block_time"] = str(times[event["block_height"]])
        rows.append(row | {"explorer_url": f"https://explorer/{tx_id}"})
    return rows


@needs_real_rows
@pytest.mark.parametrize("name", SETS)
def test_nfts_and_rewards_of_real_rows_are_those_of_their_log(postgres_server, database, name, monkeypatch):
    known = expected(name)
    of = [date.fromisoformat(day) for day in known["days"]]
    for module in (days, balances, published):
        monkeypatch.setattr(module, "FIRST_DAY", of[0])
    with indexer_of_files(postgres_server, name) as (indexer, _owner):
        for day in of:
            with indexer.snapshot() as snapshot:
                days.load_day(database, snapshot, day, days.span_of(snapshot, day))
        with indexer.snapshot() as snapshot:
            minted = now.recent_mints(snapshot, known["tip_height"], 10_000)
            rewards = {str(row["height"]): int(row["reward"]) for row in now.bitcoin_blocks(snapshot, 0)}
    existing = published.nfts_by_day(database, of[-1])
    assert existing.get(of[-1], 0) == known["D24_nft_minted_minus_burned"]
    top = sorted(minted.items(), key=lambda one: (-one[1], one[0]))
    wanted = sorted(known["D25_top_mints"], key=lambda one: (-one[1], one[0]))
    assert [count for _, count in top[: len(wanted)]] == [count for _, count in wanted]
    assert {name: minted[name] for name, _ in wanted} == dict(wanted)
    assert rewards == {height: int(sat) for height, sat in known["D21_btc_rewards_sat"].items()}


def test_the_days_of_the_room_begin_with_mainnets_first_block():
    assert date(2021, 1, 14) == days.FIRST_DAY
    assert start_of(days.FIRST_DAY) == 1_610_582_400
    assert days.FIRST_DAY + timedelta(409) == current.NONZERO_SINCE - timedelta(1)
