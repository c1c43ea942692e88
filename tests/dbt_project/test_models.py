"""The aggregates by dbt's real adapter: increments, refreshes, the old SQL, and sums done by hand."""

from collections import Counter
from statistics import median

import pytest

from tests.conftest import EMPTY_DAY, SAMPLE_DAYS
from tests.dbt_project import engines

pytestmark = pytest.mark.xdist_group("dbt")
FIRST, SECOND, THIRD = SAMPLE_DAYS


@pytest.fixture
def on_duckdb(refreshed_engine, tmp_path):
    """Each test starts from what a full refresh has built."""
    return engines.duckdb(refreshed_engine.warehouse.path, tmp_path)


@pytest.fixture
def refreshed(graph):
    return graph.marts()


def test_a_full_refresh_equals_its_increments_in_any_order(graph, build, refreshed):
    graph.warehouse  # noqa: B018 - the copy is the fixture's
    with graph.warehouse._connection() as connection:
        for name in ("aggregate_transaction_metrics_by_block", "aggregate_metrics_by_day", "daily_chain_metrics"):
            connection.execute(f"DROP TABLE ethereum.{name}")
        connection.execute("DROP VIEW ethereum.daily_token_metrics")
        connection.execute("DROP TABLE ethereum.daily_contract_metrics")
        connection.execute("DROP TABLE ethereum.int_ethereum__daily_token_transfers")
    build(THIRD)
    assert {row["day"] for row in graph.marts()["daily_chain_metrics"]} == {THIRD}
    build(FIRST)
    build(SECOND, EMPTY_DAY)
    assert graph.marts() == refreshed
    build(SECOND)  # once more
    assert graph.marts() == refreshed
    build(full_refresh=True)
    assert graph.marts() == refreshed


def test_a_rematerialised_day_replaces_itself_also_when_it_vanished(graph, build, refreshed):
    with graph.warehouse._connection() as connection:
        for table in ("blocks", "transactions", "receipts", "token_transfers", "contracts"):
            connection.execute(f"DELETE FROM ethereum.{table} WHERE block_date = DATE '{SECOND}'")
    build(SECOND)
    now = graph.marts()
    for name, rows in refreshed.items():
        assert now[name] == [row for row in rows if row["day"] != SECOND], name


def test_a_window_given_to_a_full_refresh_does_not_lose_the_other_days(graph, build, refreshed):
    build(SECOND, full_refresh=True)
    assert graph.marts() == refreshed


OLD_BY_BLOCK = """
    SELECT block_number,
        count(DISTINCT hash) AS transactions_cnt,
        count(DISTINCT CASE WHEN nonce = 0 THEN from_address END) AS new_addresses,
        count(DISTINCT from_address) AS unique_senders,
        count(DISTINCT to_address) AS unique_receivers,
        sum(value) AS value_transferred_wei,
        sum(value) / power(10, 18) AS value_transferred_eth,
        sum(gas) AS total_gas_provided,
        avg(gas_price) AS avg_gas_price
    FROM ethereum.transactions GROUP BY block_number ORDER BY block_number
"""
OLD_BY_DAY = f"""
    SELECT cast(date_trunc('day', to_timestamp(b.timestamp) AT TIME ZONE 'UTC') AS date) AS day,
        count(b.number) AS blocks_cnt,
        count(DISTINCT b.miner) AS unique_miners,
        avg(b.difficulty) AS median_difficulty,
        max(b.total_difficulty) AS cumulative_difficulty,
        sum(b.size) AS total_blocksize_bytes,
        sum(b.gas_used) AS gas_used,
        sum(b.transaction_count) AS transactions_cnt_from_blocks,
        sum(t.transactions_cnt) AS transactions_cnt,
        sum(t.new_addresses) AS new_addresses,
        sum(t.unique_senders) AS unique_senders,
        sum(t.unique_receivers) AS unique_receivers,
        sum(t.value_transferred_wei) AS value_transferred_wei,
        sum(t.value_transferred_wei) / power(10, 18) AS value_transferred_eth,
        sum(t.total_gas_provided) AS total_gas_provided
    FROM ethereum.blocks b JOIN ({OLD_BY_BLOCK}) t ON b.number = t.block_number GROUP BY 1 ORDER BY 1
"""


@pytest.mark.parametrize(
    ("model", "key", "old"),
    [
        ("aggregate_transaction_metrics_by_block", "block_number", OLD_BY_BLOCK),
        ("aggregate_metrics_by_day", "day", OLD_BY_DAY),
    ],
)
def test_the_legacy_tables_hold_what_the_old_sql_computes(graph, refreshed, model, key, old):
    expected = graph.warehouse.query(old).to_pylist()
    found = {row[key]: row for row in refreshed[model]}
    assert len(found) == len(expected)
    for row in expected:
        for name, value in row.items():
            wanted = float(value) if isinstance(value, float) else value
            got = found[row[key]][name]
            assert got == (pytest.approx(wanted) if isinstance(wanted, float) else wanted), (row[key], name)


def _ask(chain, method, *params):
    return chain.answer({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})["result"]


def _number(value):
    return int(value, 16)


def test_daily_chain_metrics_equal_sums_over_the_nodes_own_answers(refreshed, recorded_chain):
    blocks = [_ask(recorded_chain, "eth_getBlockByNumber", hex(n), True) for n in range(7, 42)]
    receipts = {
        r["transactionHash"]: r for b in blocks for r in _ask(recorded_chain, "eth_getBlockReceipts", b["hash"])
    }
    txs = [(tx, receipts[tx["hash"]], b) for b in blocks for tx in b["transactions"]]
    wei = sum(_number(tx["value"]) for tx, _, _ in txs)
    fees = sorted(_number(b["baseFeePerGas"]) for b in blocks)
    expected = {
        "day": FIRST,
        "blocks_cnt": 35,
        "empty_blocks_cnt": sum(not b["transactions"] for b in blocks),
        "first_block": 7,
        "last_block": 41,
        "unique_miners": len({b["miner"].lower() for b in blocks}),
        "median_difficulty": median(_number(b["difficulty"]) for b in blocks),
        "total_blocksize_bytes": sum(_number(b["size"]) for b in blocks),
        "gas_limit": sum(_number(b["gasLimit"]) for b in blocks),
        "gas_used": sum(_number(b["gasUsed"]) for b in blocks),
        "transactions_cnt": len(txs),
        "failed_transactions_cnt": sum(r["status"] == "0x0" for _, r, _ in txs),
        "unique_senders": len({tx["from"] for tx, _, _ in txs}),
        "unique_receivers": len({tx["to"] for tx, _, _ in txs if tx["to"]}),
        "new_addresses": len({tx["from"] for tx, _, _ in txs if tx["nonce"] == "0x0"}),
        "value_transferred_wei": wei,
        "base_fee_p50_gwei": pytest.approx(median(fees) / 10**9),
        "burnt_wei": sum(_number(b["baseFeePerGas"]) * _number(b["gasUsed"]) for b in blocks),
        "tip_wei": sum(
            (_number(r["effectiveGasPrice"]) - _number(b["baseFeePerGas"])) * _number(r["gasUsed"]) for _, r, b in txs
        ),
        "withdrawals_cnt": 0,
    }
    (row,) = (row for row in refreshed["daily_chain_metrics"] if row["day"] == FIRST)
    assert {name: row[name] for name in expected} == expected
    assert row["failed_share"] == pytest.approx(expected["failed_transactions_cnt"] / len(txs))
    assert row["value_transferred_eth"] == pytest.approx(wei / 10**18)


def test_daily_token_metrics_count_transfers_and_use_decimals(graph, refreshed):
    transfers = graph.warehouse.query(
        "SELECT block_date, token_address, value FROM ethereum.token_transfers"
    ).to_pylist()
    counted = Counter((row["block_date"], row["token_address"]) for row in transfers)
    rows = {(row["day"], row["token_address"]): row for row in refreshed["daily_token_metrics"]}
    assert {key: row["transfers_cnt"] for key, row in rows.items()} == counted
    known = [row for row in rows.values() if row["decimals"] is not None]
    assert known
    for row in known:
        whole = sum(
            int(t["value"])
            for t in transfers
            if (t["block_date"], t["token_address"]) == (row["day"], row["token_address"])
        )
        assert row["amount"] == pytest.approx(whole / 10 ** row["decimals"])
    assert any(row["amount"] > 2.0**255 / 10 ** row["decimals"] for row in known)  # 78 digits survive
    assert all(row["amount"] is None for row in rows.values() if row["decimals"] is None)


def test_tokens_are_named_by_their_transfers_whatever_their_code_announces(graph, refreshed):
    """DAI's selectors stand behind the first jump, USDC's in another contract: no row of tokens for either."""
    announced = set(graph.warehouse.query("SELECT address FROM ethereum.tokens").column("address").to_pylist())
    asked = {
        (row["block_date"], row["address"]): row
        for row in graph.warehouse.query("SELECT * FROM ethereum.transferred_tokens").to_pylist()
    }
    rows = refreshed["daily_token_metrics"]
    assert asked.keys() == {(row["day"], row["token_address"]) for row in rows}
    hidden = [row for row in rows if row["token_address"] not in announced and row["symbol"] is not None]
    assert hidden
    for row in hidden:
        told = asked[row["day"], row["token_address"]]
        assert (row["symbol"], row["name"], row["decimals"]) == (told["symbol"], told["name"], told["decimals"])


def test_daily_contract_metrics_count_by_kind(graph, refreshed):
    contracts = graph.warehouse.query("SELECT block_date, is_erc20, is_erc721 FROM ethereum.contracts").to_pylist()
    for row in refreshed["daily_contract_metrics"]:
        today = [contract for contract in contracts if contract["block_date"] == row["day"]]
        assert (row["contracts_cnt"], row["erc20_cnt"], row["erc721_cnt"]) == (
            len(today),
            sum(contract["is_erc20"] for contract in today),
            sum(contract["is_erc721"] for contract in today),
        )


def test_columns_are_documented_in_the_warehouse(graph, refreshed):
    undocumented = graph.warehouse.query(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE schema_name = 'ethereum' AND comment IS NULL"
    ).to_pylist()
    assert undocumented == []


@pytest.mark.parametrize("kind", [0x7E, 0x7F, 0x64, 0x6A])
def test_a_rollups_own_transactions_pay_neither_tip_nor_base_fee(graph, build, refreshed, kind):
    before = next(row for row in refreshed["daily_chain_metrics"] if row["day"] == FIRST)
    chosen = f"""FROM ethereum.transactions AS t JOIN ethereum.receipts AS r ON r.transaction_hash = t.hash
        JOIN ethereum.blocks AS b ON b.number = t.block_number WHERE t.block_date = DATE '{FIRST}'"""
    (paid,) = graph.warehouse.query(
        f"""SELECT t.hash, b.base_fee_per_gas * r.gas_used AS burnt,
            (r.effective_gas_price - b.base_fee_per_gas) * r.gas_used AS tip {chosen} ORDER BY t.hash LIMIT 1"""
    ).to_pylist()
    with graph.warehouse._connection() as connection:
        connection.execute(
            f"UPDATE ethereum.transactions SET transaction_type = {kind}, gas_price = 0 WHERE hash = '{paid['hash']}'"
        )
        connection.execute(
            f"UPDATE ethereum.receipts SET effective_gas_price = 0 WHERE transaction_hash = '{paid['hash']}'"
        )
    build(FIRST)
    after = next(row for row in graph.marts()["daily_chain_metrics"] if row["day"] == FIRST)
    assert int(after["tip_wei"]) == int(before["tip_wei"]) - int(paid["tip"])
    assert int(after["burnt_wei"]) == int(before["burnt_wei"]) - int(paid["burnt"])


def test_a_negative_tip_fails_a_dbt_test(graph, build, refreshed):
    with graph.warehouse._connection() as connection:
        connection.execute(f"UPDATE ethereum.receipts SET effective_gas_price = 0 WHERE block_date = DATE '{FIRST}'")
    build(FIRST, expect_success=False)


def test_a_wrong_row_fails_a_dbt_test_of_its_day_only(graph, build, refreshed):
    with graph.warehouse._connection() as connection:
        connection.execute("UPDATE ethereum.blocks SET number = number + 500 WHERE number = 20")
    build(THIRD)
    build(FIRST, expect_success=False)
