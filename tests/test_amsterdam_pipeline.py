"""A day before Amsterdam and a day after it, from the node to the metrics on all engines: equal in every value."""

import pytest

from assets.ethereum.tables import BLOCKS, CONTRACTS, TABLES, TOKENS, TRACES, TRANSFERRED_TOKENS
from core.windows import DayWindow
from tests.dbt_project.test_engines import assert_same
from tests.standins import amsterdam
from tests.standins.amsterdam import AFTER, BASE_FEE, BEFORE, ETHER, REFUND, AmsterdamChain
from tests.standins.faulty_node import FaultyNode
from tests.standins.runs import MARTS, ConfiguredGraph, Graph

# Without a node that traces or answers calls: moved ether needs none.
HELD = [table for table in TABLES if table not in (TRACES, CONTRACTS, TOKENS, TRANSFERRED_TOKENS)]
LAKE, WAREHOUSE = (
    " or ".join(f'key:"{layer}/ethereum/{table.name}"' for table in HELD) for layer in ("lake", "warehouse")
)
DAYS = (BEFORE, AFTER)
CHAIN = AmsterdamChain()


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """Both days on DuckDB."""
    with FaultyNode(CHAIN.answer) as node:
        graph = Graph(tmp_path_factory.mktemp("amsterdam"), node.uri)
        graph.run(LAKE, *DAYS)
    graph.run(WAREHOUSE, *DAYS)
    graph.run(MARTS, *DAYS)
    return graph


def _gas(number):
    return sum(int(receipt["gasUsed"], 16) for receipt in CHAIN.receipts[number])


def _by_day(graph, model):
    return {row["day"]: row for row in graph.marts()[model]}


def test_burnt_ether_is_that_of_receipts_on_both_sides(local):
    metrics = _by_day(local, "daily_chain_metrics")
    by_blocks = {
        row["block_date"]: row["burnt"]
        for row in local.warehouse.query(
            "SELECT block_date, sum(base_fee_per_gas * gas_used) AS burnt FROM ethereum.blocks GROUP BY 1"
        ).to_pylist()
    }
    for day in DAYS:
        assert metrics[day]["burnt_wei"] == sum(BASE_FEE * _gas(number) for number in CHAIN.numbers(day)) > 0
    assert by_blocks[BEFORE] == metrics[BEFORE]["burnt_wei"]
    assert by_blocks[AFTER] - metrics[AFTER]["burnt_wei"] == BASE_FEE * REFUND * len(CHAIN.numbers(AFTER))


def test_moved_ether_is_told_from_the_fork_on(local):
    metrics, blocks = _by_day(local, "daily_chain_metrics"), len(CHAIN.numbers(AFTER))
    names = ("ether_transfers_cnt", "ether_moved_wei", "ether_destroyed_wei")
    assert [metrics[BEFORE][name] for name in names] == [None] * 3
    assert [metrics[AFTER][name] for name in names] == [3 * blocks, blocks * (40 * ETHER + 4), 9 * blocks]


def test_what_the_fork_does_not_change_is_equal_on_both_days(local):
    before, after = (_by_day(local, "daily_chain_metrics")[day] for day in DAYS)
    same = (
        *("transactions_cnt", "failed_transactions_cnt", "unique_senders", "unique_receivers", "value_transferred_wei"),
        *("burnt_wei", "tip_wei", "blob_burnt_wei", "blob_gas_used", "withdrawals_cnt"),
    )
    assert {name: before[name] for name in same} == {name: after[name] for name in same}
    tokens = local.marts()["daily_token_metrics"]
    assert {row["token_address"] for row in tokens} == {amsterdam.TOKEN, amsterdam.COLLECTIBLE}
    counted = [{row["token_address"]: row["transfers_cnt"] for row in tokens if row["day"] == day} for day in DAYS]
    assert counted[0] == counted[1]


def _configured(tmp_path, local, monkeypatch, **settings):
    """The same lake, loaded into the warehouse that the settings name."""
    given = {"HEADWATER_STAGE": "test", "HEADWATER_HOME": str(tmp_path / "home"), "LAKE_URI": str(local.home / "lake")}
    for name, value in (given | settings).items():
        monkeypatch.setenv(name, value)
    return ConfiguredGraph(tmp_path, local.node_uri, lake_uri=str(local.home / "lake"))


def _assert_equal(graph, local):
    graph.run(WAREHOUSE, *DAYS)
    graph.run(MARTS, *DAYS)
    found, expected = ({name: rows for name, rows in one.marts().items() if rows} for one in (graph, local))
    assert_same(found, expected)
    assert graph.warehouse.count_by_day(BLOCKS, DayWindow(*DAYS)) == {BEFORE: 4, AFTER: 3}
    mine, theirs = graph.warehouse_rows(), local.warehouse_rows()
    assert sorted(map(str, mine["ether_transfers"])) == sorted(map(str, theirs["ether_transfers"]))


@pytest.mark.slow
@pytest.mark.usefixtures("database")
def test_postgres_has_the_same_figures(tmp_path, local, monkeypatch):
    graph = _configured(tmp_path, local, monkeypatch, ETHEREUM_PROVIDER_URI=local.node_uri, WAREHOUSE="postgres")
    _assert_equal(graph, local)


@pytest.mark.slow
def test_redshift_has_the_same_figures(tmp_path, local, monkeypatch, redshift, s3_bucket):
    uri = f"s3://{s3_bucket}/amsterdam"
    graph = _configured(
        tmp_path,
        local,
        monkeypatch,
        LAKE_URI=uri,
        WAREHOUSE="redshift",
        REDSHIFT_HOST=redshift.host,
        REDSHIFT_PORT=str(redshift.port),
        REDSHIFT_DATABASE=redshift.database,
        REDSHIFT_USER=redshift.user,
        REDSHIFT_PASSWORD=redshift.password,
        REDSHIFT_IAM_ROLE=redshift.iam_role,
    )
    graph.lake_uri = uri
    with FaultyNode(CHAIN.answer) as node:
        monkeypatch.setenv("ETHEREUM_PROVIDER_URI", node.uri)
        graph.run(LAKE, *DAYS)
    _assert_equal(graph, local)
