"""The properties that let people re-run anything at any time, on the whole graph and the sample chain."""

import itertools
import threading

import pytest

from assets.ethereum.spans import span_of
from assets.ethereum.tables import BLOCKS, TABLES
from core.windows import DayWindow, end_of, start_of
from resources.clients.lake.lake import Lake
from resources.clients.lake.store_of_uri import store_for
from resources.io_managers.lake import LakeIOManager
from sandbox.ethereum.anvil import Anvil, AnvilError, binary
from sandbox.ethereum.npm import NpmError
from sandbox.ethereum.record import play
from tests.conftest import EMPTY_DAY, SAMPLE_DAYS
from tests.standins.faulty_node import FaultyNode
from tests.standins.lakes import DyingStore
from tests.standins.runs import LAKE, MARTS, WAREHOUSE, Graph, failures
from tests.standins.synthetic_chain import SyntheticChain

DAYS = [*SAMPLE_DAYS, EMPTY_DAY]


@pytest.fixture(scope="module")
def once(tmp_path_factory, node_uri):
    """All four days, exported and loaded in one run of each stage."""
    graph = Graph(tmp_path_factory.mktemp("once"), node_uri)
    graph.run(LAKE, *DAYS)
    graph.run(WAREHOUSE, *DAYS)
    return graph


@pytest.fixture
def graph(tmp_path, node_uri):
    return Graph(tmp_path, node_uri)


def test_twice_is_once(once):
    lake, warehouse = once.lake_rows(DAYS), once.warehouse_rows()
    once.run(LAKE, *DAYS)
    once.run(WAREHOUSE, *DAYS)
    assert once.lake_rows(DAYS) == lake
    assert once.warehouse_rows() == warehouse


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[5::9])
def test_any_order_of_days_gives_the_same(once, graph, order):
    for at in order:
        graph.run(f"{LAKE} or {WAREHOUSE}", DAYS[at])
    assert graph.lake_rows(DAYS) == once.lake_rows(DAYS)
    assert graph.warehouse_rows() == once.warehouse_rows()


def test_an_empty_day_is_there_with_no_rows(once):
    for table in TABLES:
        manifest = once.lake.manifest(table, EMPTY_DAY)
        assert (manifest.rows, span_of(manifest)) == (0, None)
    assert EMPTY_DAY not in {row["block_date"] for rows in once.warehouse_rows().values() for row in rows}


def test_the_lake_agrees_with_itself(once):
    rows = once.lake_rows(SAMPLE_DAYS)
    assert len(rows["receipts"]) == len(rows["transactions"]) == sum(row["transaction_count"] for row in rows["blocks"])
    assert {row["transaction_type"] for row in rows["transactions"]} == {0, 1, 2, 4}
    assert max(len(row["input"]) for row in rows["transactions"]) > 65_535
    assert {row["is_erc20"] for row in rows["contracts"]} == {True, False}
    assert {row["block_date"] for row in rows["tokens"]} == set(SAMPLE_DAYS)


class _DyingLake(LakeIOManager):
    """The lake of a process that dies at its n-th write."""

    def lake(self):
        return self._lake

    @staticmethod
    def of(uri, dies_at):
        manager = _DyingLake()
        object.__setattr__(manager, "_lake", Lake(DyingStore(store_for(uri), dies_at)))
        return manager


@pytest.mark.parametrize("dies_at", range(12))
def test_killed_between_any_two_writes_every_dataset_is_old_or_new(graph, dies_at):
    """The four datasets of one step are each published by data, manifest and removal of the old file."""
    day = SAMPLE_DAYS[0]
    step = " or ".join(f'key:"lake/ethereum/{table.name}"' for table in TABLES[:4])
    old = SyntheticChain([0, start_of(day) + 5, end_of(day) + 5])
    with FaultyNode(old.answer) as server:
        Graph(graph.home, server.uri).run(step, day)
    graph.overrides = {"lake": _DyingLake.of(str(graph.home / "lake"), dies_at)}
    graph.run(step, day, expect_success=False)
    graph.overrides = {}
    for table in TABLES[:4]:
        graph.lake.open(table, [day]).table()  # whole, whichever it is
    assert graph.lake.open(BLOCKS, [day]).rows in (2, 35)
    graph.run(step, day)
    assert graph.lake.open(BLOCKS, [day]).rows == 35


def test_two_runs_of_one_partition_at_once_leave_one_correct_day(once, graph):
    said, start = [], threading.Barrier(2)

    def run():
        start.wait()
        beside = Graph(graph.home, graph.node_uri)
        try:
            beside.run(LAKE, SAMPLE_DAYS[0])
            beside.run(WAREHOUSE, SAMPLE_DAYS[0])
        except AssertionError as error:
            said.append(str(error))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # A run may learn that the other replaced a file under it, and say so; then the next run is clean.
    assert all("Run again" in sentence for sentence in said), said
    graph.run(f"{LAKE} or {WAREHOUSE}", SAMPLE_DAYS[0])
    assert graph.lake_rows([SAMPLE_DAYS[0]]) == once.lake_rows([SAMPLE_DAYS[0]])
    assert graph.warehouse.count_by_day(BLOCKS, DayWindow(SAMPLE_DAYS[0], SAMPLE_DAYS[0])) == {SAMPLE_DAYS[0]: 35}


@pytest.mark.slow
def test_a_shrunken_day_leaves_no_stale_row_anywhere(graph):
    day = SAMPLE_DAYS[0]
    graph.run(f"{LAKE} or {WAREHOUSE} or {MARTS}", day)
    assert graph.marts()["daily_chain_metrics"][0]["blocks_cnt"] == 35
    small = SyntheticChain([0, start_of(day) + 5, start_of(day) + 9, end_of(day) + 5], answers_empty=True)
    with FaultyNode(small.answer) as server:
        Graph(graph.home, server.uri).run(f"{LAKE} or {WAREHOUSE} or {MARTS}", day)
    rows, marts = graph.warehouse_rows(), graph.marts()
    assert [row["number"] for row in rows.pop("blocks")] == [0, 1, 2]
    assert len(rows.pop("blocks_meta")) == 1
    assert not any(rows.values())
    assert marts["daily_chain_metrics"][0]["blocks_cnt"] == 3
    assert not marts["aggregate_transaction_metrics_by_block"]
    assert not marts["daily_token_metrics"]


def test_a_csv_lake_loads_the_same_rows(once, tmp_path, node_uri):
    graph = Graph(tmp_path, node_uri, format="csv")
    graph.run(f"{LAKE} or {WAREHOUSE}", *DAYS)
    ours, theirs = graph.warehouse_rows(), once.warehouse_rows()
    for table in TABLES:
        names = [column.name for column in (*table.contract, table.columns[-1])]
        assert _only(names, ours[table.name]) == _only(names, theirs[table.name]), table.name
    assert (tmp_path / "lake/export/blocks/block_date=2024-01-02/blocks.csv").is_file()
    assert (tmp_path / "lake/export/logs/block_date=2024-01-02/logs.json").is_file()
    meta = (tmp_path / "lake/export/blocks_meta/block_date=2024-01-02/blocks_meta.txt").read_bytes()
    assert meta == b"7,41\n"


def _only(names, rows):
    """These columns' values; the files do not tell null from empty."""
    return sorted(str([row[name] or None for name in names]) for row in rows)


def test_geth_and_parity_nodes_give_the_same_contracts_and_tokens(once, tmp_path, node_uri):
    graph = Graph(tmp_path, node_uri, tracer="geth")
    graph.run(LAKE, *SAMPLE_DAYS)
    ours, theirs = graph.lake_rows(SAMPLE_DAYS), once.lake_rows(SAMPLE_DAYS)
    assert ours["tokens"] == theirs["tokens"]
    assert ours["contracts"] == theirs["contracts"]
    calls = [
        {
            (row["transaction_hash"], row["trace_address"], row["status"])
            for row in rows["traces"]
            if row["trace_type"] != "suicide"
        }
        for rows in (ours, theirs)
    ]
    assert calls[0] == calls[1]


def test_the_same_days_on_s3(once, tmp_path, node_uri, s3_bucket):
    graph = Graph(tmp_path, node_uri, lake_uri=f"s3://{s3_bucket}/headwater")
    graph.run(f"{LAKE} or {WAREHOUSE}", *DAYS)
    assert graph.lake_rows(DAYS) == once.lake_rows(DAYS)
    assert graph.warehouse_rows() == once.warehouse_rows()


def test_a_missing_day_stops_the_load_with_the_remedy(graph):
    result = graph.run(WAREHOUSE, SAMPLE_DAYS[0], expect_success=False)
    assert any("Materialize lake/ethereum/blocks for it first" in said for said in failures(result))


@pytest.mark.anvil
def test_the_real_client_gives_the_same_days(once, tmp_path):
    """The script played on anvil itself, exported from there."""
    try:
        binary()
    except (AnvilError, NpmError) as missing:
        pytest.skip(f"no real client here: {missing}")
    with Anvil() as anvil:
        play(anvil.uri)
        graph = Graph(tmp_path, anvil.uri)
        graph.run(LAKE, *DAYS)
    assert graph.lake_rows(DAYS) == once.lake_rows(DAYS)
