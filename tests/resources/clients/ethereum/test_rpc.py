"""What the JSON-RPC client does about every way an endpoint can fail."""

import threading

import msgspec
import pytest

from core.errors import ChainReorganised, MethodUnsupported, NodeBehind, NodeRefused, NodeUnavailable
from resources.clients.ethereum.node import TRACED_AT_ONCE, Budget, EthereumNode
from resources.clients.ethereum.refusals import Kind, Refusal
from resources.clients.ethereum.shapes import BlockRef, moved, one_each
from tests.standins.faulty_node import FaultyNode, Reply, error, first, status
from tests.standins.synthetic_chain import SyntheticChain

CHAIN = SyntheticChain(range(0, 5000, 10))


def _node(clock, *servers, **budget):
    return EthereumNode(",".join(server.uri for server in servers), Budget(**budget), clock)


def _numbers(node, count=60):
    return list(node.blocks(range(count), _read))


def _results(answer):
    """What a reader takes out of an answer: results in order, or nothing."""
    responses = answer.responses()
    if any(response.is_null for response in responses):
        raise Refusal(Kind.BROKEN, "an answer without a result")
    return [msgspec.json.decode(response.result) for response in responses]


def _read(numbers, answer):
    """What every reader does first: refuse another block; none of the others for its sake."""
    for number, block in zip(numbers, _results(answer), strict=True):
        if block["number"] != hex(number):
            yield Refusal(Kind.BROKEN, f"block {block['number']} came for {hex(number)}")
        else:
            yield number


def _read_receipts(blocks, answer):
    return [_receipts_of(block, receipts) for block, receipts in zip(blocks, _results(answer), strict=True)]


def _receipts_of(block, receipts):
    if None in receipts:
        raise Refusal(Kind.BEHIND, "a receipt is null")
    if any(receipt["blockHash"] != block.hash for receipt in receipts):
        raise Refusal(Kind.MOVED, moved(block, receipts[0]["blockHash"]))
    return one_each(block, receipts)


def _null(calls, honest):
    return Reply([{"jsonrpc": "2.0", "id": call["id"], "result": None} for call in calls])


def _other_ids(calls, honest):
    return Reply([answer | {"id": answer["id"] + 1_000_000} for answer in honest()])


def _same_id(calls, honest):
    return Reply([answer | {"id": calls[0]["id"]} for answer in honest()])


def _other_block(calls, honest):
    moved = [call | {"params": ["0x1ff", *call["params"][1:]]} for call in calls]
    return Reply(honest(moved))


FAULTS = {
    "429": status(429),
    "500": status(500),
    "503 with a page": lambda calls, honest: Reply(b"<html>Service Unavailable</html>", 503),
    "cut-off body": lambda calls, honest: Reply(honest(), cut=40),
    "not JSON": lambda calls, honest: Reply(b'[{"jsonrpc": "2.0", "resu'),
    "not UTF-8": lambda calls, honest: Reply(b'[{"result": "\xff\xfe"}]'),
    "null block": _null,
    "answers for other ids": _other_ids,
    "one id for all": _same_id,
    "another block": _other_block,
    "JSON-RPC internal error": error(-32603, "internal error"),
    "indexing": error(-32000, "transaction indexing is in progress"),
    "rate limit inside the batch": error(-32005, "daily request count exceeded, request rate limited"),
    "half the answers": lambda calls, honest: Reply(honest()[: len(calls) // 2]),
    "an object": lambda calls, honest: Reply({"jsonrpc": "2.0", "id": None, "error": {"code": -32000, "message": "x"}}),
}


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_passing_fault_costs_a_retry_and_no_row(fault, clock):
    with FaultyNode(CHAIN.answer, first(3, FAULTS[fault])) as server:
        node = _node(clock, server, in_flight=2)
        assert _numbers(node) == list(range(60))
        assert node.traffic.retries >= 1
        assert clock.slept


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_lasting_fault_ends_in_a_sentence_that_names_it(fault, clock):
    with FaultyNode(CHAIN.answer, FAULTS[fault]) as server:
        with pytest.raises((NodeUnavailable, NodeBehind)) as caught:
            _numbers(_node(clock, server, in_flight=2))
    sentence = str(caught.value)
    assert sentence.startswith("Ethereum node: no usable answer to eth_getBlockByNumber(0x")
    assert server.uri in sentence
    assert "run again" in sentence


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_one_request_not_the_task_moves_to_the_next_endpoint(fault, clock):
    with FaultyNode(CHAIN.answer, FAULTS[fault]) as bad, FaultyNode(CHAIN.answer) as good:
        assert _numbers(_node(clock, bad, good, in_flight=2)) == list(range(60))
        assert len(bad.requests) < len(good.requests) + 20


def test_no_call_is_given_up_before_every_endpoint_was_asked(clock):
    """The good one rests, because of calls of before, for longer than all attempts at the other take."""
    with FaultyNode(CHAIN.answer, lambda calls, honest: Reply(b"[")) as bad, FaultyNode(CHAIN.answer) as good:
        node = _node(clock, bad, good)
        node._rpc.endpoints[1].failed(Refusal(Kind.RATE_LIMITED, "too many requests", retry_after=299), 1)
        assert node.header(7)["number"] == "0x7"
        assert len(bad.requests) == 9  # the last attempt is the other's
        node._rpc.endpoints[1].failed(Refusal(Kind.RATE_LIMITED, "too many requests", retry_after=3600), 1)
        with pytest.raises(NodeUnavailable, match=r"asks to wait 3\d{3} s"):
            node.header(8)


def test_a_failed_endpoint_is_asked_again_later(clock):
    failing_once = first(1, status(500))

    def slow(calls, honest):
        clock.sleep(0.1)  # time passes while the other one works

    with FaultyNode(CHAIN.answer, failing_once) as failed, FaultyNode(CHAIN.answer, slow) as good:
        node = _node(clock, failed, good, in_flight=1, batch_size=1)
        assert _numbers(node, 40) == list(range(40))
        assert len(failed.requests) > 1


def test_retry_after_is_honoured(clock):
    with FaultyNode(CHAIN.answer, first(1, status(429, Retry_After="7"))) as server:
        node = _node(clock, server, in_flight=1)
        node.header(1)
    assert sum(clock.slept) == pytest.approx(7)


def test_retry_after_as_a_date_is_honoured(clock):
    with FaultyNode(CHAIN.answer, first(1, status(503, Retry_After="Wed, 10 Jan 2024 12:00:09 GMT"))) as server:
        _node(clock, server, in_flight=1).header(1)
    assert sum(clock.slept) == pytest.approx(9)


def test_a_server_that_asks_for_an_hour_is_left_to_the_run(clock):
    with FaultyNode(CHAIN.answer, status(429, Retry_After="3600")) as server:
        with pytest.raises(NodeUnavailable, match="asks to wait 3600 s"):
            _node(clock, server, in_flight=1).header(1)
    assert not clock.slept


def test_calls_are_spaced_to_the_budget(clock):
    with FaultyNode(CHAIN.answer) as server:
        node = _node(clock, server, in_flight=1, batch_size=10, per_second=5.0)
        _numbers(node, 100)
    assert clock.monotonic() == pytest.approx((100 - 10) / 5)


@pytest.mark.parametrize("how", ["413", "JSON-RPC error", "refusal of the whole batch"])
def test_batches_shrink_to_what_the_server_takes_and_grow_back(how, clock):
    sizes = []

    def behave(calls, honest):
        sizes.append(len(calls))
        if len(calls) > 3:
            if how == "413":
                return Reply({}, 413)
            if how == "JSON-RPC error":
                return error(-32000, "batch too large")(calls, honest)
            return Reply({"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "batch limit exceeded"}})
        return None

    with FaultyNode(CHAIN.answer, behave) as server:
        assert _numbers(_node(clock, server, in_flight=1, batch_size=20), 120) == list(range(120))
    assert sizes[-1] <= 3 or 4 in sizes  # it tries a little more now and then
    assert sum(size > 3 for size in sizes) < 12


def test_no_more_requests_in_flight_than_allowed(clock):
    busy, most, lock, gate = [0], [0], threading.Lock(), threading.Event()

    def behave(calls, honest):
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
        gate.wait(0.02)
        with lock:
            busy[0] -= 1

    with FaultyNode(CHAIN.answer, behave) as server:
        _numbers(_node(clock, server, in_flight=3, batch_size=2))
    assert most[0] <= 3


def test_only_a_bounded_number_of_answers_is_fetched_ahead(clock):
    with FaultyNode(CHAIN.answer) as server:
        blocks = _node(clock, server, in_flight=2, batch_size=5).blocks(range(400), _read)
        next(blocks)
        blocks.close()
        assert len(server.calls) <= (2 * 2 + 1) * 5


def test_few_blocks_are_traced_by_one_request(clock):
    sizes = []
    chain = SyntheticChain(range(40), answers_empty=True)
    refs = [BlockRef(number, block["hash"], 0, 0) for number, block in enumerate(chain.blocks)]
    with FaultyNode(chain.answer, lambda calls, honest: sizes.append(len(calls))) as server:
        assert list(_node(clock, server, in_flight=1, batch_size=32).parity_traces(refs)) == [[]] * 40
    assert sizes == [TRACED_AT_ONCE] * (40 // TRACED_AT_ONCE)


@pytest.mark.parametrize("code", [401, 403])
def test_a_wrong_key_is_permanent_and_never_shown(code, clock):
    with FaultyNode(CHAIN.answer, status(code)) as server:
        uri = server.uri.replace("http://", "http://user:hunter2@") + "/v3/secretkey?token=abc"
        with pytest.raises(NodeRefused, match="ETHEREUM_PROVIDER_URI") as caught:
            EthereumNode(uri, Budget(), clock).header(1)
    assert not any(secret in str(caught.value) for secret in ("hunter2", "secretkey", "abc"))
    assert len(server.requests) == 1


def test_an_unknown_method_is_told_at_once(clock):
    with FaultyNode(CHAIN.answer) as server:
        with pytest.raises(MethodUnsupported, match="eth_getBlockReceipts"):
            list(_node(clock, server).receipts([BlockRef(1, CHAIN.hashes[1], 10, 0)], _read_receipts))
    assert not clock.slept


def test_receipts_of_another_block_mean_a_reorganisation(clock):
    ref = BlockRef(5, "0xold", 50, 1)

    def receipts(request):
        owner = {"blockHash": "0xnew", "logs": [], "blockNumber": "0x5"}
        return {"jsonrpc": "2.0", "id": request["id"], "result": [owner]}

    with FaultyNode(receipts) as server:
        with pytest.raises(ChainReorganised, match="block 5 is 0xnew, the lake holds 0xold"):
            list(_node(clock, server).receipts([ref], _read_receipts))


def test_a_null_receipt_is_waited_for(clock):
    ref = BlockRef(5, "0xa", 50, 1)
    answers = iter([[None], None, [{"blockHash": "0xa", "logs": []}]])

    def receipts(request):
        return {"jsonrpc": "2.0", "id": request["id"], "result": next(answers)}

    with FaultyNode(receipts) as server:
        assert list(_node(clock, server).receipts([ref], _read_receipts)) == [[{"blockHash": "0xa", "logs": []}]]


def test_what_a_contract_fails_is_an_answer_and_what_the_node_fails_is_not(clock):
    errors = iter([(3, "execution reverted"), (-32000, "invalid opcode: INVALID"), (-32603, "database is closed")])

    def calls(request):
        found = next(errors, None)
        outcome = {"error": {"code": found[0], "message": found[1]}} if found else {"result": "0x01"}
        return {"jsonrpc": "2.0", "id": request["id"]} | outcome

    with FaultyNode(calls) as server:
        node = _node(clock, server, in_flight=1, batch_size=1)
        assert list(node.contract_calls([("0xa", "0x1"), ("0xb", "0x1"), ("0xc", "0x1")])) == [None, None, "0x01"]


def test_a_node_without_the_finalized_tag_is_told_from_a_node_in_trouble(clock):
    old = SyntheticChain(range(10), knows_finalized=False)
    with FaultyNode(old.answer) as server:
        assert _node(clock, server).finalized() is None
    with FaultyNode(CHAIN.answer, first(1, error(-32603, "busy"))) as server:
        assert int(_node(clock, server).finalized()["number"], 16) == CHAIN.finalized
