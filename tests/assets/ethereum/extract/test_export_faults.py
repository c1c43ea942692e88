"""Whatever the node does, a day is exported exactly or not at all, with a sentence that names the trouble."""

import logging
import re
from datetime import date

import pytest

from assets.ethereum.tables import BLOCKS, LOGS, RECEIPTS, TRANSACTIONS
from resources.ethereum import EthereumNodeResource
from tests.conftest import SAMPLE_DAYS
from tests.standins.clock import ManualClock
from tests.standins.faulty_node import FaultyNode, Reply, error, first, status
from tests.standins.runs import LAKE, WAREHOUSE, Graph, failures

DAY = SAMPLE_DAYS[1]


class _HurriedNode(EthereumNodeResource):
    """The resource with a clock that does not wait."""

    def _clock(self):
        return ManualClock()


@pytest.fixture(scope="module")
def good(tmp_path_factory, node_uri):
    graph = Graph(tmp_path_factory.mktemp("good"), node_uri)
    graph.run(f"{LAKE} or {WAREHOUSE}", DAY)
    return graph


def _graph(tmp_path, server, tracer="parity"):
    return Graph(tmp_path, server.uri, overrides={"ethereum": _HurriedNode(provider_uri=server.uri, tracer=tracer)})


def _rows(graph):
    return graph.lake_rows([DAY]), graph.warehouse_rows()


def _only(method, reply):
    """Misbehave for requests of one method."""
    return lambda calls, honest: reply(calls, honest) if calls[0]["method"] == method else None


def _null_receipts(calls, honest):
    return Reply([{"jsonrpc": "2.0", "id": call["id"], "result": None} for call in calls])


def _a_null_among_receipts(calls, honest):
    answers = honest()
    return Reply([a | {"result": [None, *a["result"][1:]]} if a["result"] else a for a in answers])


def _other_block(calls, honest):
    return Reply(honest([call | {"params": ["0x3", *call["params"][1:]]} for call in calls]))


def _receipts_of_another_block(calls, honest):
    return Reply(honest([call | {"params": ["0x9"]} for call in calls]))


def _one_receipt_less(calls, honest):
    return Reply([answer | {"result": answer["result"][:-1]} for answer in honest()])


LASTING = {
    "429": (status(429), "rate limit: HTTP 429"),
    "500": (status(500), "server error: HTTP 500"),
    "cut-off body": (lambda calls, honest: Reply(honest(), cut=30), "broken answer"),
    "null receipts": (
        _only("eth_getBlockReceipts", _null_receipts),
        "block or receipt not there yet: the answer is null",
    ),
    "a null receipt": (_only("eth_getBlockReceipts", _a_null_among_receipts), "a receipt of block .* is null"),
    "a receipt less": (_only("eth_getBlockReceipts", _one_receipt_less), "items came for the .* transactions of block"),
    "receipts of another block": (_only("eth_getBlockReceipts", _receipts_of_another_block), "the lake holds 0x"),
    "a different block": (_only("eth_getBlockByNumber", _other_block), "block 0x3 came for|not complete|broken answer"),
    "no traces": (
        _only("trace_block", error(-32601, "the method trace_block does not exist/is not available")),
        "trace_block",
    ),
}


@pytest.mark.parametrize("fault", LASTING, ids=str)
def test_a_lasting_fault_fails_by_name_and_changes_nothing(good, recorded_chain, fault):
    behave, sentence = LASTING[fault]
    before = _rows(good)
    with FaultyNode(recorded_chain.answer, behave) as server:
        graph = _graph(good.home, server)
        result = graph.run(LAKE, DAY, expect_success=False)
    said = " ".join(failures(result))
    assert re.search(sentence, said), said
    assert server.uri in said or "lake holds" in said
    after = _rows(good)
    assert after == before


PASSING = {
    "429": first(4, status(429, Retry_After="2")),
    "500": first(4, status(500)),
    "cut-off body": first(4, lambda calls, honest: Reply(honest(), cut=30)),
    "null receipts": _only("eth_getBlockReceipts", first(3, _null_receipts)),
}


@pytest.mark.parametrize("fault", PASSING, ids=str)
def test_a_passing_fault_costs_retries_and_nothing_else(good, tmp_path, recorded_chain, fault):
    with FaultyNode(recorded_chain.answer, PASSING[fault]) as server:
        graph = _graph(tmp_path, server)
        result = graph.run(LAKE, DAY)
    assert graph.lake_rows([DAY]) == good.lake_rows([DAY])
    retries = [event.materialization.metadata.get("run_retries") for event in result.get_asset_materialization_events()]
    assert max(found.value for found in retries if found) >= 1


def test_a_node_that_stops_mid_day_leaves_nothing(tmp_path, recorded_chain):
    answered = []

    def behave(calls, honest):
        answered.extend(calls)
        return status(503)(calls, honest) if len(answered) > 45 else None

    with FaultyNode(recorded_chain.answer, behave) as server:
        graph = _graph(tmp_path, server)
        result = graph.run(LAKE, DAY, expect_success=False)
    assert "HTTP 503" in " ".join(failures(result))
    assert graph.lake.store.list("export/") == []


def test_without_block_receipts_each_receipt_is_asked_for(good, tmp_path, recorded_chain):
    behave = _only("eth_getBlockReceipts", error(-32601, "method not found"))
    with FaultyNode(recorded_chain.answer, behave) as server:
        graph = _graph(tmp_path, server)
        graph.run(LAKE, DAY)
    assert graph.lake_rows([DAY]) == good.lake_rows([DAY])
    assert sum(call["method"] == "eth_getTransactionReceipt" for call in server.calls) == 121


def test_with_block_receipts_no_transaction_is_asked_for(tmp_path, recorded_chain):
    with FaultyNode(recorded_chain.answer) as server:
        _graph(tmp_path, server).run(LAKE, DAY)
    assert not [call for call in server.calls if call["method"] == "eth_getTransactionReceipt"]


def test_fields_without_a_column_are_reported_once(tmp_path, recorded_chain):
    def novel(request):
        answer = recorded_chain.answer(request)
        if request["method"] == "eth_getBlockByNumber" and answer.get("result"):
            answer["result"]["novelty"] = "0x1"
        return answer

    with FaultyNode(novel) as server:
        graph = _graph(tmp_path, server)
        result = graph.run('key:"lake/ethereum/blocks"', DAY)
    said = [entry.user_message for entry in graph.instance.all_logs(result.run_id) if entry.level == logging.WARNING]
    assert said == ["The node sends fields that no column takes: blocks.novelty"]


def test_an_incomplete_day_writes_nothing(tmp_path, node_uri):
    graph = Graph(tmp_path, node_uri)
    result = graph.run(LAKE, date(2024, 1, 6), expect_success=False)
    assert "2024-01-06 is not complete" in " ".join(failures(result))
    assert "Expect it after 2024-01-07 00:20 UTC" in " ".join(failures(result))
    assert graph.lake.store.list("export/") == []


def test_run_metadata_accounts_for_the_work(tmp_path, recorded_chain):
    with FaultyNode(recorded_chain.answer) as server:
        result = _graph(tmp_path, server).run('key:"lake/ethereum/blocks" or key:"lake/ethereum/transactions"', DAY)
    (event,) = result.asset_materializations_for_node("blocks_and_transactions")[:1]
    metadata = {name: value.value for name, value in event.metadata.items()}
    assert metadata["run_blocks"] == 37
    # The server also saw one call of the check that compares the day with the chain.
    assert metadata["run_calls"] == len(server.calls) - 1
    assert metadata["run_requests"] == len(server.requests) - 1
    assert metadata["run_retries"] == 0
    assert (metadata["first_block"], metadata["last_block"]) == (42, 78)
    assert metadata["node_version"].startswith("anvil")
    assert {"run_bytes_received", "seconds", "run_blocks_per_second", "rows", "dagster/uri", "file"} <= metadata.keys()


def _lying(chain, number, field):
    """The chain's answers, but for one block whose transactions have something one larger, as their values a wei."""

    def answer(request):
        found = chain.answer(request)
        block = found.get("result")
        if request["method"] == "eth_getBlockByNumber" and isinstance(block, dict) and block["number"] == hex(number):
            for transaction in block["transactions"]:
                if isinstance(transaction, dict):
                    transaction[field] = f"{int(transaction[field], 16) + 1:#0{len(transaction[field])}x}"
        return found

    return answer


def test_a_lying_endpoint_is_named_and_nothing_is_published(tmp_path, recorded_chain):
    with FaultyNode(_lying(recorded_chain, 50, "value")) as liar:
        graph = _graph(tmp_path, liar)
        result = graph.run(LAKE, DAY, expect_success=False)
    said = " ".join(failures(result))
    assert re.search(r"block 50: transactionsRoot is 0x\w{64}, the rows give 0x\w{64}", said)
    assert liar.uri in said
    assert "nothing of the day was published" in said
    assert graph.lake.store.list("export/") == []


def test_a_node_that_changes_senders_is_refused(tmp_path, recorded_chain):
    with FaultyNode(_lying(recorded_chain, 50, "from")) as liar:
        graph = _graph(tmp_path, liar)
        result = graph.run(LAKE, DAY, expect_success=False)
    said = " ".join(failures(result))
    assert re.search(r"block 50: transactions\[0\]\.from is 0x\w{40}, the rows give 0x\w{40}", said)
    assert graph.lake.store.list("export/") == []


def test_with_roots_alone_senders_are_the_nodes_word_and_the_check_says_so(tmp_path, recorded_chain):
    with FaultyNode(_lying(recorded_chain, 50, "from")) as liar:
        roots = _HurriedNode(provider_uri=liar.uri, tracer="parity", verify="roots")
        graph = Graph(tmp_path, liar.uri, overrides={"ethereum": roots})
        graph.run('key:"lake/ethereum/blocks" or key:"lake/ethereum/transactions"', DAY)
    evaluation = graph.evaluate(TRANSACTIONS.lake_key, "header_commitments", DAY)
    assert evaluation.passed
    assert "no senders" in evaluation.description
    assert evaluation.metadata["blocks_proved"].value == 37
    assert evaluation.metadata["senders_recovered"].value == 0


def test_another_endpoint_is_tried_before_the_partition_fails(good, tmp_path, recorded_chain):
    with FaultyNode(_lying(recorded_chain, 50, "value")) as liar, FaultyNode(recorded_chain.answer) as honest:
        both = _HurriedNode(provider_uri=f"{liar.uri},{honest.uri}", tracer="parity")
        graph = Graph(tmp_path, liar.uri, overrides={"ethereum": both})
        graph.run(LAKE, DAY)
    assert graph.lake_rows([DAY]) == good.lake_rows([DAY])


def test_a_header_field_of_a_later_fork_is_named_and_no_other_node_is_asked_for(tmp_path, recorded_chain):
    def of_the_fork(request):
        """From block 50 on, in the middle of a batch, the hash is over one field more."""
        found = recorded_chain.answer(request)
        block = found.get("result")
        if request["method"] == "eth_getBlockByNumber" and isinstance(block, dict) and int(block["number"], 16) >= 50:
            block |= {"laterRoot": "0x" + "cd" * 32, "extraData": "0xff"}
        return found

    with FaultyNode(of_the_fork) as server:
        graph = _graph(tmp_path, server)
        result = graph.run(LAKE, DAY, expect_success=False)
    said = " ".join(failures(result))
    assert re.search(r"block 5\d: hash is .* unknown fields: laterRoot", said), said
    assert "No node can change that" in said
    assert "node you trust" not in said
    assert graph.lake.store.list("export/") == []


def test_what_was_proved_is_kept_beside_the_data_and_told_by_a_check(good):
    manifest = good.lake.manifest(TRANSACTIONS, DAY)
    assert manifest.verify == "full"
    evidence = good.lake.evidence(manifest)
    assert (evidence["verify"], evidence["blocks_proved"]) == ("full", 37)
    assert evidence["senders_recovered"] == manifest.rows
    for table in (BLOCKS, TRANSACTIONS, RECEIPTS, LOGS):
        assert good.evaluate(table.lake_key, "header_commitments", DAY).passed


def test_without_verification_the_check_says_so(tmp_path, recorded_chain):
    with FaultyNode(_lying(recorded_chain, 50, "value")) as liar:
        off = _HurriedNode(provider_uri=liar.uri, tracer="parity", verify="off")
        graph = Graph(tmp_path, liar.uri, overrides={"ethereum": off})
        graph.run('key:"lake/ethereum/blocks" or key:"lake/ethereum/transactions"', DAY)
    evaluation = graph.evaluate(BLOCKS.lake_key, "header_commitments", DAY)
    assert evaluation.passed
    assert evaluation.description == "Not verified: ETHEREUM_VERIFY was off for 2024-01-03"
