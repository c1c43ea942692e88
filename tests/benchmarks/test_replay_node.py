"""The replay node answers as the sample chain's node does, counts, and waits when told to."""

import json
import os
import time

import pytest
import urllib3

from benchmarks.replay_node import replaying
from benchmarks.synthetic import DAY, SyntheticChain
from resources.clients.ethereum.node import EthereumNode
from sandbox.ethereum.recorded import RecordedChain

BLOCKS, DISTINCT = 6, 3


@pytest.fixture(scope="module")
def address():
    with replaying(BLOCKS, DISTINCT) as address:
        yield address


@pytest.fixture(scope="module")
def chain():
    return SyntheticChain(BLOCKS, DISTINCT)


def _ask(address, *calls):
    body = [{"jsonrpc": "2.0", "id": at, "method": m, "params": list(params)} for at, (m, *params) in enumerate(calls)]
    answer = urllib3.request("POST", address, body=json.dumps(body if len(body) > 1 else body[0]))
    found = answer.json()
    return found if isinstance(found, list) else [found]


def test_it_answers_like_the_sample_chains_node(address, chain):
    recorded = RecordedChain.load()
    same = {hex(chain.head + at): hex(recorded.head + at) for at in (0, 1)}
    calls = [
        ("eth_chainId",),
        ("eth_blockNumber",),
        ("web3_clientVersion",),
        ("eth_getBlockByNumber", "latest", False),
        ("eth_getBlockByNumber", "finalized", False),
        ("eth_getBlockByNumber", "0x1", False),
        ("eth_getBlockByNumber", hex(chain.head + 1), True),
        ("eth_getTransactionReceipt", "0x" + "00" * 32),
        ("eth_getBlockReceipts", hex(chain.head)),
        ("eth_getBlockByNumber", hex(chain.head), True),
        ("eth_noSuchMethod",),
        ("eth_getBlockByNumber", "no number", False),
    ]
    for at, (answer, call) in enumerate(zip(_ask(address, *calls), calls, strict=True)):
        method, *params = call
        alike = [same.get(param, param) if isinstance(param, str) else param for param in params]
        model = recorded.answer({"jsonrpc": "2.0", "id": at, "method": method, "params": alike})
        assert answer.keys() == model.keys()
        assert answer["id"] == at
        assert type(answer.get("result")) is type(model.get("result")), call
        assert answer.get("error", {}).get("code") == model.get("error", {}).get("code")


def test_blocks_and_receipts_are_the_chains(address, chain):
    number = chain.first + 4  # its contents are those of another block, too
    block, receipts = _ask(address, ("eth_getBlockByNumber", hex(number), True), ("eth_getBlockReceipts", hex(number)))
    assert block["result"]["hash"] == chain.at(number).hash
    assert {receipt["blockHash"] for receipt in receipts["result"]} == {chain.at(number).hash}
    hash_ = receipts["result"][2]["transactionHash"]
    (receipt,) = _ask(address, ("eth_getTransactionReceipt", hash_))
    elsewhere = {"blockHash", "blockNumber", "logs"}  # the first block with these contents is another
    assert receipt["result"].keys() == receipts["result"][2].keys()
    assert all(receipt["result"][name] == receipts["result"][2][name] for name in receipt["result"].keys() - elsewhere)
    (logs,) = _ask(address, ("eth_getLogs", {"fromBlock": hex(number), "toBlock": hex(number)}))
    assert logs["result"] == [log for receipt in receipts["result"] for log in receipt["logs"]]


def test_our_client_finds_the_day(address, chain):
    node = EthereumNode(address)
    assert int(node.head()["number"], 16) == chain.head
    assert int(node.finalized()["number"], 16) == chain.finalized
    numbers = range(chain.first, chain.last + 1)
    hashes = list(
        node.blocks(numbers, lambda _, answer: [found["result"]["hash"] for found in json.loads(answer.body)])
    )
    assert hashes == [chain.at(number).hash for number in numbers]
    assert DAY.isoformat() == "2025-06-01"


def test_it_counts_what_it_was_asked(address):
    _ask(address, ("bench_traffic",))
    _ask(address, ("eth_chainId",), ("eth_chainId",), ("eth_blockNumber",))
    (answer,) = _ask(address, ("bench_traffic",))
    assert answer["result"] == {"requests": 1, "eth_chainId": 2, "eth_blockNumber": 1}


def test_it_waits_before_each_answer_and_is_a_process_of_its_own():
    used = os.times()
    with replaying(2, 1, latency_ms=120) as address:
        started = time.monotonic()
        _ask(address, ("eth_chainId",))
        assert time.monotonic() - started >= 0.12
    assert os.times().children_user > used.children_user
