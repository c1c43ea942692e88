"""The sample chain has the properties that tests and demo rely on, and is served as recorded."""

import itertools
import json
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
import urllib3

from sandbox.ethereum.node import RecordedChain, SandboxNode

SAMPLE_DAYS = ("2024-01-02", "2024-01-03", "2024-01-04")
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
TRANSFER_SINGLE = "0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62"
TRANSFER_BATCH = "0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb"
NOBODY = "0x" + "00" * 32
CALL_TRACER = {"tracer": "callTracer"}


@pytest.fixture(scope="module")
def chain():
    return RecordedChain.load()


@pytest.fixture(scope="module")
def node(chain):
    with SandboxNode(chain=chain) as node:
        yield node


@pytest.fixture(scope="module")
def ask(chain):
    """Ask the chain and return the result."""

    def result(method, *params):
        return chain.answer({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})["result"]

    return result


@pytest.fixture(scope="module")
def blocks(chain, ask):
    return [ask("eth_getBlockByNumber", hex(number), True) for number in range(chain.head + 1)]


@pytest.fixture(scope="module")
def by_day(blocks, ask):
    """Block, receipts and traces of every block, by UTC day."""
    days = defaultdict(list)
    for block in blocks:
        receipts = ask("eth_getBlockReceipts", block["hash"])
        days[day_of(block)].append((block, receipts, ask("trace_block", block["number"])))
    return dict(days)


def day_of(block):
    return datetime.fromtimestamp(int(block["timestamp"], 16), UTC).date().isoformat()


def second_of_day(block):
    return int(block["timestamp"], 16) % 86_400


def post(node, request):
    body = request if isinstance(request, bytes) else json.dumps(request)
    return urllib3.request("POST", node.uri, body=body, retries=False, timeout=10).json()


# the chain


def test_blocks_link_and_time_never_runs_back(blocks):
    assert [int(block["number"], 16) for block in blocks] == list(range(len(blocks)))
    for parent, child in itertools.pairwise(blocks):
        assert child["parentHash"] == parent["hash"]
        assert int(child["timestamp"], 16) >= int(parent["timestamp"], 16)


def test_days(by_day):
    assert list(by_day) == ["1970-01-01", "2024-01-01", *SAMPLE_DAYS, "2024-01-06"]
    assert [block["number"] for block, _, _ in by_day["1970-01-01"]] == ["0x0"]
    assert all(30 <= len(by_day[day]) <= 40 for day in SAMPLE_DAYS)


def test_the_empty_day_is_final(by_day, ask):
    finalized = ask("eth_getBlockByNumber", "finalized", False)
    assert day_of(finalized) == "2024-01-06"
    assert len(by_day["2024-01-06"]) >= 70


def test_edges_of_days(by_day):
    first_seconds = {day: [second_of_day(b) for b, _, _ in rows][:2] for day, rows in by_day.items()}
    last_seconds = {day: [second_of_day(b) for b, _, _ in rows][-2:] for day, rows in by_day.items()}
    assert first_seconds["2024-01-02"] == [0, 0]
    assert first_seconds["2024-01-04"][0] == 0
    assert last_seconds["2024-01-01"] == last_seconds["2024-01-03"] == [86_399, 86_399]
    assert last_seconds["2024-01-04"][-1] == 86_399


def test_three_blocks_share_a_second_inside_a_day(blocks):
    assert max(Counter(block["timestamp"] for block in blocks).values()) == 3


@pytest.mark.parametrize("day", SAMPLE_DAYS)
def test_each_sample_day_has_everything(by_day, day):
    transactions = [tx for block, _, _ in by_day[day] for tx in block["transactions"]]
    receipts = [receipt for _, receipts, _ in by_day[day] for receipt in receipts]
    traces = [trace for _, _, traces in by_day[day] for trace in traces]
    logs = [log for receipt in receipts for log in receipt["logs"]]
    events = Counter((log["topics"] or [None])[0] for log in logs)

    assert {tx["type"] for tx in transactions} == {"0x0", "0x1", "0x2", "0x4"}
    assert any(not block["transactions"] for block, _, _ in by_day[day])
    assert max(len(block["transactions"]) for block, _, _ in by_day[day]) <= 12
    assert any(tx["nonce"] == "0x0" for tx in transactions)
    assert any(r["status"] == "0x0" and r["to"] for r in receipts), "a reverted call"
    assert any(r["status"] == "0x0" and r["contractAddress"] for r in receipts), "a failed creation"
    assert any(r["status"] == "0x1" and r["contractAddress"] for r in receipts), "a contract"
    assert {len(log["topics"]) for log in logs if (log["topics"] or [""])[0] == TRANSFER} == {
        1,
        2,
        3,
        4,
    }
    assert any(TRANSFER in log["topics"][:1] and NOBODY in log["topics"][2:3] for log in logs), "a burn"
    assert {TRANSFER_SINGLE, TRANSFER_BATCH, None} <= events.keys()
    assert {"call", "delegatecall", "staticcall"} <= {t["action"].get("callType") for t in traces}
    assert any(trace["type"] == "create" and trace["traceAddress"] for trace in traces), "a factory"
    assert any(trace.get("error") for trace in traces if trace["traceAddress"])


def test_difficult_values(by_day):
    rows = [row for rows in by_day.values() for row in rows]
    transactions = [tx for block, _, _ in rows for tx in block["transactions"]]
    logs = [log for _, receipts, _ in rows for receipt in receipts for log in receipt["logs"]]
    assert max(len(tx["input"]) for tx in transactions) > 65_535
    assert sum(log["data"] == "0x" + "f" * 64 for log in logs) == 2, "minted once, moved once"
    assert any("chainId" not in tx for tx in transactions), "signed before EIP-155"
    assert any(trace["type"] == "suicide" for _, _, traces in rows for trace in traces)


def test_fees_and_miners_vary(blocks):
    assert len({block["baseFeePerGas"] for block in blocks}) == len(blocks)
    assert len({block["miner"] for block in blocks[1:]}) == 4


def test_receipts_and_traces_belong_to_their_block(by_day, ask):
    for block, receipts, traces in (row for rows in by_day.values() for row in rows):
        hashes = [tx["hash"] for tx in block["transactions"]]
        assert [receipt["transactionHash"] for receipt in receipts] == hashes
        assert [receipt["type"] for receipt in receipts] == [tx["type"] for tx in block["transactions"]]
        assert {item["blockHash"] for item in (*receipts, *traces)} <= {block["hash"]}
        assert {trace["transactionHash"] for trace in traces} == set(hashes)
        call_traces = ask("debug_traceBlockByHash", block["hash"], CALL_TRACER)
        assert [item["txHash"] for item in call_traces] == hashes
        indices = [int(log["logIndex"], 16) for receipt in receipts for log in receipt["logs"]]
        assert indices == list(range(len(indices)))


def test_blobs_stay_out_of_the_sample_days(blocks):
    """The client's transactionsRoot of a block with blobs is wrong: it could not be proved."""
    days = {day_of(block) for block in blocks for tx in block["transactions"] if tx["type"] == "0x3"}
    assert days == {"2024-01-06"}
    fields = {field for block in blocks for tx in block["transactions"] for field in tx}
    assert "blobVersionedHashes" in fields
    assert fields.isdisjoint({"blobs", "commitments", "proofs", "cellProofs"})


def test_readme_table_is_true(by_day):
    """The README's table: day, blocks, transactions, failed, logs, traces, contracts."""
    readme = (Path(__file__).parents[3] / "sandbox/ethereum/README.md").read_text()
    table = re.findall(r"^\| (\d{4}-\d\d-\d\d)[^|]*\|([\d |]+)\|$", readme, re.MULTILINE)
    stated = {day: [int(cell) for cell in cells.split("|")] for day, cells in table}
    for day, rows in by_day.items():
        receipts = [receipt for _, receipts, _ in rows for receipt in receipts]
        traces = [trace for _, _, traces in rows for trace in traces]
        assert stated.pop(day) == [
            len(rows),
            len(receipts),
            sum(receipt["status"] == "0x0" for receipt in receipts),
            sum(len(receipt["logs"]) for receipt in receipts),
            len(traces),
            sum("address" in (trace.get("result") or {}) for trace in traces),
        ]
    assert stated == {"2024-01-05": [0] * 6}


# tokens


def test_token_answers(chain, by_day):
    symbols = set()
    for _, receipts, _ in (row for day in SAMPLE_DAYS for row in by_day[day]):
        for address in (receipt["contractAddress"] for receipt in receipts):
            if address:
                call = {"to": address, "data": "0x95d89b41"}
                request = {"id": 1, "method": "eth_call", "params": [call, "latest"]}
                symbols.add(chain.answer(request).get("result", "error"))
    text = "".join(symbols)
    assert "error" in symbols
    assert b"SMPL".hex() in text
    assert b"\xff\xfe\x80A\xc3(".hex() in text


def test_state_is_known_at_the_head_only(ask, chain):
    contract = next(iter(ask("eth_getBlockReceipts", "0x9")))["contractAddress"]
    assert ask("eth_getCode", contract, "latest").startswith("0x60")
    assert ask("eth_getCode", "0x" + "12" * 20, hex(chain.head)) == "0x"
    assert ask("eth_call", {"to": "0x" + "12" * 20, "data": "0x95d89b41"}, "latest") == "0x"
    for params in ([contract, "0x1"], [contract, "finalized"]):
        error = chain.answer({"id": 1, "method": "eth_getCode", "params": params})["error"]
        assert "latest" in error["message"]
    call = {"to": contract, "data": "0x12345678"}
    error = chain.answer({"id": 1, "method": "eth_call", "params": [call, "latest"]})["error"]
    assert "not recorded" in error["message"]


# the node


def test_blocks_by_every_name(ask, blocks):
    head = blocks[-1]
    assert ask("eth_getBlockByNumber", "latest", True) == head
    assert ask("eth_getBlockByNumber", "pending", True) == head
    assert ask("eth_getBlockByNumber", "earliest", True) == blocks[0]
    assert ask("eth_getBlockByHash", head["hash"], True) == head
    assert ask("eth_getBlockReceipts", {"blockHash": head["hash"]}) == ask("eth_getBlockReceipts", "latest")
    assert ask("eth_blockNumber") == head["number"]
    hashes = [tx["hash"] for tx in blocks[9]["transactions"]]
    assert ask("eth_getBlockByNumber", "0x9", False) == blocks[9] | {"transactions": hashes}


def test_transactions_and_receipts_by_hash(ask, blocks):
    transaction = blocks[9]["transactions"][0]
    assert ask("eth_getTransactionByHash", transaction["hash"]) == transaction
    assert ask("eth_getTransactionReceipt", transaction["hash"]) == ask("eth_getBlockReceipts", "0x9")[0]
    assert ask("eth_getTransactionReceipt", "0x" + "ff" * 32) is None


def test_what_does_not_exist_is_answered_as_the_client_does(ask, chain):
    beyond = hex(chain.head + 1)
    assert ask("eth_getBlockByNumber", beyond, True) is None
    assert ask("eth_getBlockByHash", "0x" + "ff" * 32, True) is None
    assert ask("eth_getBlockReceipts", beyond) is None
    assert ask("trace_block", beyond) == []
    request = {"id": 1, "method": "debug_traceBlockByNumber", "params": [beyond, CALL_TRACER]}
    assert chain.answer(request)["error"]["code"] == -32001


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"id": 1, "method": "eth_mining", "params": []}, -32601),
        ({"id": 1, "method": "eth_getBlockByNumber", "params": []}, -32602),
        ({"id": 1, "method": "eth_getBlockByNumber", "params": ["yesterday", True]}, -32602),
        ({"id": 1, "method": "debug_traceBlockByNumber", "params": ["0x1"]}, -32000),
        ({"id": 1}, -32600),
        ([], -32600),
        (b"{", -32700),
    ],
)
def test_errors(node, request_, code):
    assert post(node, request_)["error"]["code"] == code


def test_large_batch_keeps_order_and_ids(node, blocks):
    numbers = [index % len(blocks) for index in range(1_000)]
    batch = [
        {
            "jsonrpc": "2.0",
            "id": index,
            "method": "eth_getBlockByNumber",
            "params": [hex(number), True],
        }
        for index, number in enumerate(numbers)
    ]
    answers = post(node, batch)
    assert [answer["id"] for answer in answers] == list(range(1_000))
    assert all(a["result"] == blocks[n] for a, n in zip(answers, numbers, strict=True))


def test_a_stopped_node_answers_no_more(chain):
    """Also on a connection that was kept alive."""
    pool = urllib3.PoolManager(retries=False, timeout=5)
    body = json.dumps({"id": 1, "method": "eth_chainId"})
    with SandboxNode(chain=chain) as node:
        assert pool.request("POST", node.uri, body=body).json()["result"] == hex(31337)
    with pytest.raises(urllib3.exceptions.HTTPError):
        pool.request("POST", node.uri, body=body)
