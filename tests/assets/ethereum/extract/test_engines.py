"""Both engines over the whole sample chain: the same files byte for byte, the same rows value for value."""

import logging

import dagster as dg
import pytest

from assets.ethereum.tables import ERC1155_TRANSFERS, ETHER_TRANSFERS, LOGS, TABLES, TRANSFERRED_TOKENS
from resources.ethereum import EthereumNodeResource
from tests.conftest import EMPTY_DAY, SAMPLE_DAYS
from tests.standins.faulty_node import FaultyNode, error
from tests.standins.runs import LAKE, Graph, failures

pytestmark = pytest.mark.xdist_group("ethereum-etl")  # one environment is made, once

DAYS = [*SAMPLE_DAYS, EMPTY_DAY]
# What a table has in ethereum-etl's files too; the rows of three are made by us, whoever exported.
COMPARED = [table for table in TABLES if table not in (ERC1155_TRANSFERS, ETHER_TRANSFERS, TRANSFERRED_TOKENS)]


@pytest.fixture(scope="module")
def lakes(tmp_path_factory, node_uri, ethereum_etl):
    """The lake of each engine, in each format."""

    def lake(engine, format_):
        node = EthereumNodeResource(provider_uri=node_uri, tracer="parity", engine=engine)
        home = tmp_path_factory.mktemp(f"{engine}-{format_}")
        graph = Graph(home, node_uri, format=format_, overrides={"ethereum": node, "ethereum_etl": ethereum_etl})
        for day in DAYS:
            graph.run(LAKE, day)
        return graph

    return {format_: (lake("native", format_), lake("ethereum-etl", format_)) for format_ in ("csv", "parquet")}


@pytest.mark.parametrize("day", DAYS, ids=str)
@pytest.mark.parametrize("table", COMPARED, ids=lambda table: table.name)
def test_files_are_the_same_byte_for_byte(lakes, table, day):
    ours, theirs = (_lines(graph, table, day) for graph in lakes["csv"])
    assert theirs == ours


def _lines(graph, table, day):
    (file,) = graph.lake.manifest(table, day).files
    return sorted(graph.lake.store.read(file.key).splitlines(keepends=True))


@pytest.mark.parametrize("day", DAYS, ids=str)
@pytest.mark.parametrize("table", COMPARED, ids=lambda table: table.name)
def test_rows_are_the_same_value_for_value(lakes, table, day):
    names = [column.name for column in table.contract] + ["block_date"]
    ours, theirs = (_rows(graph, table, day, names) for graph in lakes["parquet"])
    assert theirs == ours


def _rows(graph, table, day, names):
    rows = graph.lake.open(table, [day]).table(names).to_pylist()
    for row in rows:  # its csv files do not tell an empty text from none
        row.update({name: None for name, value in row.items() if value == "" and table.column(name).nullable})
    return sorted(rows, key=lambda row: [str(row[name]) for name in (table.sort_key, *table.key)])


def test_blocks_stand_in_order_and_the_day_says_who_exported_it(lakes):
    graph = lakes["parquet"][1]
    for table in COMPARED:
        heights = graph.lake.open(table, [SAMPLE_DAYS[0]]).table([table.sort_key]).column(0).to_pylist()
        assert heights == sorted(heights)
        manifest = graph.lake.manifest(table, SAMPLE_DAYS[0])
        assert (manifest.engine, manifest.verify) == ("ethereum-etl", "off")
        assert manifest.facts == lakes["parquet"][0].lake.manifest(table, SAMPLE_DAYS[0]).facts


def test_the_check_says_that_it_was_not_proved(lakes):
    evaluation = lakes["parquet"][1].evaluate(LOGS.lake_key, "header_commitments", SAMPLE_DAYS[0])
    assert evaluation.passed
    assert evaluation.description == f"Not verified: ethereum-etl exported {SAMPLE_DAYS[0]}"


def test_its_progress_is_the_runs_and_the_address_is_not(tmp_path, node_uri, ethereum_etl):
    node = EthereumNodeResource(provider_uri=f"{node_uri}/key-of-mine", tracer="parity", engine="ethereum-etl")
    graph = Graph(tmp_path, node_uri, overrides={"ethereum": node, "ethereum_etl": ethereum_etl})
    result = graph.run('key:"lake/ethereum/blocks" or key:"lake/ethereum/transactions"', SAMPLE_DAYS[0])
    said = [entry.user_message for entry in graph.instance.all_logs(result.run_id) if entry.level >= logging.INFO]
    assert any("ethereum-etl: Started work. Items to process: 35" in line for line in said)
    assert any("Progress is 100%" in line for line in said)
    assert "key-of-mine" not in str(said)


def test_its_failure_is_the_assets_and_nothing_is_published(tmp_path, recorded_chain, ethereum_etl):
    def broken(calls, honest):
        if any(call["method"] == "eth_getBlockByNumber" and call["params"][1] for call in calls):
            return error(-32000, "header not found")(calls, honest)
        return None

    with FaultyNode(recorded_chain.answer, broken) as server:
        node = EthereumNodeResource(provider_uri=server.uri, tracer="parity", engine="ethereum-etl")
        graph = Graph(tmp_path, server.uri, overrides={"ethereum": node, "ethereum_etl": ethereum_etl})
        result = graph.run(LAKE, SAMPLE_DAYS[0], expect_success=False)
    (said,) = failures(result)
    assert "ethereum-etl: export_blocks_and_transactions failed: " in said
    assert "Check the node, then run again." in said
    assert graph.lake.store.list("export/") == []


def test_a_tracer_of_which_it_loses_half_is_refused(tmp_path, node_uri, ethereum_etl):
    node = EthereumNodeResource(provider_uri=node_uri, tracer="geth", engine="ethereum-etl")
    graph = Graph(tmp_path, node_uri, overrides={"ethereum": node, "ethereum_etl": ethereum_etl})
    result = graph.run('key:"lake/ethereum/blocks" or key:"lake/ethereum/traces"', SAMPLE_DAYS[0], expect_success=False)
    (said,) = failures(result)
    assert "ETHEREUM_TRACER=geth" in said
    assert "ETHEREUM_ENGINE=native" in said


def test_an_unknown_engine_is_named(tmp_path, node_uri, monkeypatch):
    monkeypatch.setenv("ETHEREUM_ENGINE", "etl")
    result = Graph(tmp_path, node_uri).run('key:"lake/ethereum/blocks"', SAMPLE_DAYS[0], expect_success=False)
    (said,) = failures(result)
    assert "ETHEREUM_ENGINE" in said
    assert isinstance(result, dg.ExecuteInProcessResult)
