"""Blocks and transactions from the dumps: the same rows as the API's, without its units."""

from datetime import timedelta

import pytest

from assets.markets.tracked import chains
from sandbox.markets.dumps import packed
from sandbox.markets.server import Fault
from tests.assets.markets.conftest import CHAINS, counts
from tests.standins.markets import DAY, chain, transactions
from tests.standins.runs import failures

BLOCKS, TRANSACTIONS = "key:raw/markets/blocks", "key:raw/markets/transactions"


@pytest.fixture
def source(markets, monkeypatch):
    """Sets where rows come from."""
    monkeypatch.setenv("BLOCKCHAIR_DUMPS_URL", markets.server.dumps_pattern)
    monkeypatch.setenv("BLOCKCHAIR_TRANSACTIONS", "150")
    bitcoin = markets.server.world.chains["bitcoin"]
    bitcoin.transactions, bitcoin.sums = transactions("bitcoin", 200), {}
    bitcoin.blocks[5] |= {"fee_total": None, "guessed_miner": None}
    ethereum = markets.server.world.chains["ethereum"]
    ethereum.blocks[3]["fee_total"] = str(2**100 + 1)
    return lambda name: monkeypatch.setenv("BLOCKCHAIR_SOURCE", name)


@pytest.mark.parametrize("order", [("api", "dumps"), ("dumps", "api")])
def test_both_sources_bring_the_same_rows(markets, source, order):
    found = []
    for name in order:
        source(name)
        results = [markets.run(BLOCKS, f"{entry}|{DAY}") for entry in chains()]
        results.append(markets.run(TRANSACTIONS, f"bitcoin|{DAY}"))
        found += [count for result in results for count in counts(result).values()]
    assert [count["inserted"] for count in found] == [150, 60, 70, 150, 0, 0, 0, 0]
    assert [count["unchanged"] for count in found] == [0, 0, 0, 0, 150, 60, 70, 150]
    assert {count["orphaned"] for count in found} == {0}


def test_dumps_take_no_units_and_say_where_rows_are_from(markets, source, monkeypatch):
    source("dumps")
    monkeypatch.setenv("BLOCKCHAIR_UNITS_PER_DAY", "1")
    markets.run(BLOCKS, f"bitcoin|{DAY}")
    (entry,) = markets.rows("SELECT * FROM raw.ingest_log")
    assert (entry["units"], entry["requests"], entry["rows_inserted"]) == (0, 1, 150)
    assert entry["endpoint"].endswith("/dumps/bitcoin/blocks/blockchair_bitcoin_blocks_20240102.tsv.gz")
    assert markets.rows("SELECT DISTINCT source FROM raw.blocks") == [{"source": entry["endpoint"]}]
    # The daily sums are the API's all the same.
    result = markets.run("key:raw/markets/tx_daily_aggregate", f"bitcoin|{DAY}", expect_success=False)
    assert "takes up to 16.0 request units" in failures(result)[0]


def test_a_reorganisation_arrives_by_dumps_too(markets, source):
    source("dumps")
    markets.run(BLOCKS, f"bitcoin|{DAY}")
    markets.server.world.chains["bitcoin"].reorganise(1100, "x")
    (count,) = counts(markets.run(BLOCKS, f"bitcoin|{DAY}")).values()
    assert (count["inserted"], count["unchanged"], count["orphaned"]) == (51, 99, 51)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("/dumps/", 404, "no", times=9), "Blockchair has no dump"),
        (Fault("/dumps/", 200, b"\x1f\x8b no gzip", times=9), "cut short or damaged"),
        (Fault("/dumps/", 503, "down", times=9), "Blockchair's dumps: no usable answer"),
    ],
)
def test_a_day_without_a_good_dump_fails_with_nothing_written(markets, source, fault, said):
    source("dumps")
    markets.run(BLOCKS, f"dogecoin|{DAY}")
    before = markets.table("raw.blocks")
    markets.server.faults.append(fault)
    markets.run(BLOCKS, f"bitcoin|{DAY}", expect_success=False)
    (failed,) = markets.rows("SELECT detail FROM raw.ingest_log WHERE outcome = 'failed'")
    assert said in failed["detail"]
    assert markets.table("raw.blocks") == before
    markets.server.faults.clear()
    markets.run(BLOCKS, f"bitcoin|{DAY}")


def test_a_transaction_that_comes_twice_is_refused(markets, source):
    source("dumps")
    rows = transactions("bitcoin", 100)
    markets.server.faults.append(Fault("/dumps/", 200, packed([*rows, rows[7]], ("date", "id"))))
    result = markets.run(TRANSACTIONS, f"bitcoin|{DAY}", expect_success=False)
    assert (
        f"several rows with the same chain, tx_hash for raw.transactions: bitcoin, {rows[7]['hash']}"
        in (failures(result)[0])
    )


def test_the_sample_has_dumps(markets, source, monkeypatch):
    source("dumps")
    monkeypatch.setenv("BLOCKCHAIR_PLAN", "sample")
    monkeypatch.delenv("BLOCKCHAIR_DUMPS_URL")
    from sandbox.markets.sample import NOW

    markets.clock.moment = NOW
    markets.run(CHAINS, f"bitcoin|{DAY}")
    (found,) = markets.rows("SELECT count(*) AS blocks, min(source) AS source FROM raw.blocks")
    assert found["blocks"] > 100
    assert found["source"].startswith("http://127.0.0.1:")


def test_a_source_that_does_not_exist_is_named(markets, source):
    source("ftp")
    result = markets.run(BLOCKS, f"bitcoin|{DAY}", expect_success=False)
    assert "BLOCKCHAIR_SOURCE='ftp': expected one of api, dumps" in failures(result)[0]


def test_blocks_that_are_missing_between_two_days_fail_the_second_until_the_first_is_loaded_whole(markets, source):
    """Each file alone is in order: what the first lacks is at its end, and what the second lacks at its beginning."""
    source("dumps")
    second = DAY + timedelta(days=1)
    bitcoin = chain("bitcoin", 20, days=(DAY, second))
    markets.server.world.chains["bitcoin"] = bitcoin
    whole = list(bitcoin.blocks)
    bitcoin.blocks[:] = [row for row in whole if row["id"] not in (1019, 1020)]
    markets.at(second)
    markets.run(BLOCKS, f"bitcoin|{DAY}")
    before = markets.table("raw.blocks")
    result = markets.run(BLOCKS, f"bitcoin|{second}", expect_success=False)
    assert "bitcoin has heights 1019 to 1020 neither in the blocks of 2024-01-03 nor" in failures(result)[0]
    assert markets.table("raw.blocks") == before
    # Either day may be the one that is loaded whole by a later run.
    bitcoin.blocks[:] = whole
    for day in (DAY, second):
        markets.run(BLOCKS, f"bitcoin|{day}")
    found = markets.rows(
        "SELECT count(*) AS n, max(height) - min(height) + 1 AS reach FROM raw.blocks WHERE NOT is_orphan"
    )
    assert found == [{"n": 40, "reach": 40}]


def test_one_day_of_a_range_without_a_dump_takes_no_other_with_it(markets, source):
    source("dumps")
    days = [DAY + timedelta(days=at) for at in range(3)]
    markets.server.world.chains["bitcoin"] = chain("bitcoin", 20, days=days)
    markets.at(days[-1])
    markets.server.faults.append(Fault("_20240103.tsv.gz", 404, "no", times=99))
    result = markets.run(BLOCKS, f"bitcoin|{days[0]}", f"bitcoin|{days[-1]}", expect_success=False)
    assert "Blockchair has no dump" in failures(result)[0]
    found = markets.rows("SELECT DISTINCT block_date FROM raw.blocks ORDER BY 1")
    assert [row["block_date"] for row in found] == [days[0], days[2]]
