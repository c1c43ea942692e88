"""What real nodes and providers say, and what becomes of the run: the same rows, or an error that names the remedy."""

from dataclasses import replace

import msgspec
import pytest

from core.errors import HistoryPruned, MethodUnsupported, NodeRefused, NodeUnavailable, QuotaSpent, StateMissing
from resources.clients.ethereum.node import Budget, EthereumNode
from resources.clients.ethereum.refusals import Kind, Refusal, classify
from resources.clients.ethereum.shapes import BlockRef
from tests.standins.faulty_node import FaultyNode, Reply, error, status
from tests.standins.synthetic_chain import SyntheticChain

CHAIN = SyntheticChain(range(0, 5000, 10))


def _node(clock, *servers, **budget):
    return EthereumNode(",".join(server.uri for server in servers), Budget(**budget), clock)


def _read(numbers, answer):
    for number, response in zip(numbers, answer.responses(), strict=True):
        if response.is_null:
            yield Refusal(Kind.BEHIND, "null")
        else:
            assert msgspec.json.decode(response.result)["number"] == hex(number)
            yield number


def _whole(code, message, id_=None):
    return {"jsonrpc": "2.0", "id": id_, "error": {"code": code, "message": message}}


# What comes for a request of more calls than the node takes: (most calls, answer).
BATCHES_REFUSED = {
    "HTTP 500 with JSON-RPC": (3, Reply(_whole(31, "Batch of more than 3 requests are not allowed on free tier"), 500)),
    "HTTP 400 with JSON-RPC": (10, Reply(_whole(-32600, "Batch size is too large"), 400)),
    "HTTP 400 in other words": (7, Reply(_whole(-32600, "at most seven at a time, please"), 400)),
    "HTTP 413 page of a gateway": (5, Reply(b"<html>Request Entity</html>", 413)),
    "HTTP 400 without JSON": (6, Reply(b"bad request", 400)),
    "closed without a byte": (10, Reply(b"[]", cut=0)),
    "HTTP 504": (4, Reply(b"<html>504 Gateway Time-out</html>", 504)),
    "null id, not supported": (1, Reply(_whole(-32005, "Batched requests are not supported by this server"))),
    "null id, invalid request": (1, Reply(_whole(-32600, "Invalid Request"))),
    "null id in a list": (1, Reply([_whole(-32600, "Invalid Request")])),
    "null id, unknown method": (1, Reply(_whole(-32601, "Method not found"))),
}


@pytest.mark.parametrize("case", BATCHES_REFUSED)
def test_a_refusal_of_the_batch_as_such_costs_no_row(case, clock):
    most, reply = BATCHES_REFUSED[case]
    sizes = []

    def behave(calls, honest):
        sizes.append(len(calls))
        return reply if len(calls) > most else None

    with FaultyNode(CHAIN.answer, behave) as server:
        assert list(_node(clock, server, in_flight=2).blocks(range(90), _read)) == list(range(90))
    refused = [size for size in sizes if size > most]
    assert len(refused) <= 2 * len(bin(24)) + len(sizes) // 8
    if most == 1:
        assert set(sizes[-10:]) == {1}  # and stays there


def test_a_status_with_answers_to_the_calls_is_read_as_answers(clock):
    def behave(calls, honest):
        return Reply([answer | {"error": {"code": 3, "message": "execution reverted"}} for answer in honest()], 500)

    def nothing(request):
        return {"jsonrpc": "2.0", "id": request["id"]}

    with FaultyNode(nothing, behave) as server:
        assert list(_node(clock, server).contract_calls([("0xa", "0x1"), ("0xb", "0x1")])) == [None, None]
    assert not clock.slept


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (-32000, "missing trie node 11 (path ) state 0x22 is not available", Kind.STATE_MISSING),
        (-32000, "required historical state unavailable (reexec=128)", Kind.STATE_MISSING),
        (-32000, "historical state 0xabc is not available", Kind.STATE_MISSING),
        (-32603, "World state unavailable", Kind.STATE_MISSING),
        (-32000, "distance to target block exceeds maximum proof window; use an archive node", Kind.STATE_MISSING),
        (4444, "pruned history unavailable", Kind.PRUNED),
        (4444, "gone", Kind.PRUNED),
        (4444, "old blocks are not supported", Kind.PRUNED),
        (4444, "block not found in this batch", Kind.PRUNED),
        (-32000, "old data not available due to pruning", Kind.PRUNED),
        (-32000, "execution timeout", Kind.TIMEOUT),
        (-32002, "request timed out", Kind.TIMEOUT),
        (-32005, "daily request count exceeded, request rate limited", Kind.RATE_LIMITED),
        (429, "Your app has exceeded its compute units per second capacity", Kind.RATE_LIMITED),
        (-32029, "Too Many Requests", Kind.RATE_LIMITED),
        (-32001, "Monthly quota exceeded", Kind.QUOTA_SPENT),
        (-32000, "Exceeded the quota usage", Kind.QUOTA_SPENT),
        (-32601, "the method trace_block does not exist/is not available", Kind.UNSUPPORTED),
        (-32001, "rpc method is not whitelisted", Kind.UNSUPPORTED),
        (-32604, "Method not enabled", Kind.UNSUPPORTED),
        (-32000, "method is disabled", Kind.UNSUPPORTED),
        (35, "method is not available on freetier", Kind.UNSUPPORTED),
        (-32001, "Resource not found.", Kind.BEHIND),
        (-32000, "transaction indexing is in progress", Kind.BEHIND),
        (-32602, "invalid argument 0", Kind.INVALID),
        (-32603, "Internal error", Kind.SERVER_ERROR),
        ("text", "no number", Kind.SERVER_ERROR),
    ],
)
def test_words_then_codes_say_what_it_is(code, message, kind):
    assert classify({"code": code, "message": message}).kind is kind


@pytest.mark.parametrize("method", ["geth_traces", "parity_traces"])
@pytest.mark.parametrize(
    "said",
    [
        (-32000, "required historical state unavailable (reexec=128)"),
        (-32000, "missing trie node 11 (path ) state 0x22 is not available"),
        (-32000, "header not found"),
        (4444, "pruned history unavailable"),
    ],
    ids=str,
)
def test_state_that_is_not_held_is_told_at_once_with_the_setting(method, said, clock):
    def answer(request):
        known = request["method"].startswith("eth_")
        return CHAIN.answer(request) if known else _whole(*said, request["id"])

    with FaultyNode(answer) as server:
        traces = getattr(_node(clock, server), method)([BlockRef(5, CHAIN.hashes[5], 50, 0)])
        with pytest.raises(StateMissing, match="ETHEREUM_PROVIDER_URI_ARCHIVAL"):
            list(traces)
    assert not clock.slept


def test_a_block_that_the_node_does_not_have_yet_is_waited_for(clock):
    with FaultyNode(CHAIN.answer) as server:
        node = _node(clock, server)
        assert node.holds(10_000) is None

    def behind(request):
        return CHAIN.answer(request) if request["method"].startswith("eth_") else _whole(-32000, "header not found", 1)

    with FaultyNode(lambda request: behind(request) | {"id": request["id"]}) as server:
        with pytest.raises(Exception, match="Check that the node is synced"):
            list(_node(clock, server).geth_traces([BlockRef(9_000, "0xa", 50, 0)]))


@pytest.mark.parametrize("timeout", [60, 7])
def test_a_trace_is_given_the_time_that_the_answer_has(timeout, clock):
    asked = []

    def answer(request):
        asked.append(request["params"])
        return {"jsonrpc": "2.0", "id": request["id"], "result": []}

    with FaultyNode(answer) as server:
        list(_node(clock, server, timeout=timeout).geth_traces([BlockRef(1, "0xaa", 10, 0)]))
    assert asked == [["0xaa", {"tracer": "callTracer", "timeout": f"{timeout}s"}]]


VERSION_REFUSED = {
    "not offered": Reply(_whole(-32601, "the method web3_clientVersion does not exist/is not available", 1)),
    "not on a list of methods": Reply(_whole(-32000, "rpc method is not whitelisted", 1)),
    "not with this key": Reply(_whole(-32052, "API key is not allowed to access method", 1)),
    "HTTP 403": Reply(b"Forbidden", 403),
    "HTTP 403 with JSON-RPC": Reply(_whole(-32000, "method is disabled", 1), 403),
    "HTTP 500": Reply(_whole(-32603, "Internal error", 1), 500),
    "HTTP 429": Reply(b"", 429, {"Retry-After": "3600"}),
    "null": Reply({"jsonrpc": "2.0", "id": 1, "result": None}),
    "no JSON": Reply(b"<html>"),
    "closed": Reply(b"[]", cut=0),
}


@pytest.mark.parametrize("refused", VERSION_REFUSED)
def test_the_version_is_only_shown(refused, clock):
    def behave(calls, honest):
        reply = VERSION_REFUSED[refused]
        if calls[0]["method"] != "web3_clientVersion":
            return None
        return replace(reply, body=reply.body | {"id": calls[0]["id"]}) if isinstance(reply.body, dict) else reply

    with FaultyNode(CHAIN.answer, behave) as server, FaultyNode(CHAIN.answer) as other:
        node = _node(clock, server)
        assert node.version() == "unknown"
        assert node.header(1)["number"] == "0x1"
        assert _node(clock, server, other).version() == "synthetic/1"
    with FaultyNode(CHAIN.answer, status(403)) as server:
        assert _node(clock, server).version() == "unknown"
    assert not clock.slept


@pytest.mark.parametrize("status", [200, 403])
@pytest.mark.parametrize(("code", "words"), [(-32001, "rpc method is not whitelisted"), (-32604, "Method not enabled")])
def test_a_method_that_is_not_let_through_is_one_that_is_not_offered(code, words, status, clock):
    """At once, so that receipts are asked for in another way; proxyd says so with HTTP 403, without a word of a key."""

    def behave(calls, honest):
        if calls[0]["method"] == "eth_getBlockByNumber":
            return None
        return Reply(_whole(code, words, calls[0]["id"]), status)

    with FaultyNode(CHAIN.answer, behave) as server:
        node = _node(clock, server)
        with pytest.raises(MethodUnsupported, match="Use a node that offers it"):
            list(node.parity_traces([BlockRef(1, CHAIN.hashes[1], 10, 0)]))
        assert node.header(1)["number"] == "0x1"
    assert not clock.slept


def test_a_single_call_that_is_over_a_limit_is_asked_again_later(clock):
    """EIP-1474's 'Limit exceeded' is of a size or of a rate: where there is no smaller request, time may help."""

    def behave(calls, honest):
        return Reply(_whole(-32005, "limit exceeded", calls[0]["id"])) if sum(clock.slept) < 20 else None

    with FaultyNode(CHAIN.answer, behave) as server:
        assert _node(clock, server).header(1)["number"] == "0x1"


def test_a_spent_quota_is_told_at_once(clock):
    with FaultyNode(CHAIN.answer, error(-32001, "Monthly quota exceeded for your plan")) as server:
        with pytest.raises(QuotaSpent, match="another plan"):
            _node(clock, server).header(1)
    assert not clock.slept


HALTS = [
    "gas uint64 overflow",
    "return data out of bounds",
    "execution aborted (timeout = 5s)",
    "write protection",
    "invalid code: must not begin with 0xef",
    "max initcode size exceeded",
    "nonce uint64 overflow",
    "some words that nobody has seen before",
]


@pytest.mark.parametrize("halt", HALTS)
@pytest.mark.parametrize("together", [5, 1])
def test_a_contract_that_fails_takes_no_other_with_it(halt, together, clock):
    def answer(request):
        to = request["params"][0]["to"] if request["method"] == "eth_call" else None
        if to == "0xbad":
            return _whole(-32000, halt, request["id"])
        return {"jsonrpc": "2.0", "id": request["id"], "result": "0x01"}

    calls = [("0xbad" if at % 7 == 3 else f"0x{at}", "0x95d89b41") for at in range(20)]
    with FaultyNode(answer) as server:
        node = _node(clock, server, in_flight=1, batch_size=together)
        assert list(node.contract_calls(calls)) == [None if to == "0xbad" else "0x01" for to, _ in calls]


@pytest.mark.parametrize(
    "said",
    [
        (-32005, "rate limit exceeded for your EVM endpoint"),
        (-32029, "Too Many Requests: the EVM plan allows 5 calls per second"),
        (429, "compute units per second capacity exceeded (EVM execution)"),
        (-32000, "header not found: evm cannot be set up"),
    ],
)
def test_a_trouble_of_the_node_that_names_the_evm_is_no_answer(said, clock):
    """Else the token's symbol would be published as null."""

    def behave(calls, honest):
        return error(*said)(calls, honest) if sum(clock.slept) < 1 else None

    def answer(request):
        return {"jsonrpc": "2.0", "id": request["id"], "result": "0x01"}

    with FaultyNode(answer, behave) as server:
        calls = [(f"0x{at}", "0x95d89b41") for at in range(5)]
        assert list(_node(clock, server).contract_calls(calls)) == ["0x01"] * 5


@pytest.mark.parametrize("code", [3, -32000])
def test_a_contract_that_reverts_may_say_anything(code, clock):
    with FaultyNode(CHAIN.answer, error(code, "execution reverted: rate limit exceeded, too many requests")) as server:
        assert list(_node(clock, server).contract_calls([("0xa", "0x1"), ("0xb", "0x1")])) == [None, None]
    assert not clock.slept


def test_a_node_that_fails_every_call_is_not_the_contracts_fault(clock):
    with FaultyNode(CHAIN.answer, error(-32603, "database is closed")) as server:
        with pytest.raises(NodeUnavailable):
            list(_node(clock, server).contract_calls([("0xa", "0x1"), ("0xb", "0x1")]))


@pytest.mark.parametrize("data", ['"0xnothex"', "12", "[1]", '"![x](/graphql)"', '{"a": 1}'])
def test_data_that_is_no_hex_is_refused_and_another_endpoint_serves(data, clock):
    def bad(request):
        return {"jsonrpc": "2.0", "id": request["id"], "result": msgspec.Raw(data.encode())}

    def good(request):
        return {"jsonrpc": "2.0", "id": request["id"], "result": "0x02"}

    with FaultyNode(bad) as first, FaultyNode(good) as second:
        assert list(_node(clock, first, second).contract_calls([("0xa", "0x1")] * 30)) == ["0x02"] * 30


@pytest.mark.parametrize("uri", ["http://127.0.0.1:{port}", "https://127.0.0.1:{port}", "/nowhere/node.ipc"])
def test_a_first_contact_that_fails_is_told_in_seconds(uri, clock):
    with FaultyNode(CHAIN.answer) as server:
        port = server.uri.rsplit(":", 1)[1]
    with pytest.raises(NodeUnavailable, match="host, port and scheme of ETHEREUM_PROVIDER_URI"):
        EthereumNode(uri.format(port=port), Budget(), clock).header(1)
    assert sum(clock.slept) < 10


def test_plain_http_where_tls_is_asked_for_is_told_in_seconds(clock):
    with FaultyNode(CHAIN.answer) as server:
        with pytest.raises(NodeUnavailable, match="scheme"):
            EthereumNode(server.uri.replace("http:", "https:"), Budget(), clock).header(1)
    assert sum(clock.slept) < 10


def test_a_node_that_was_there_is_waited_for(clock):
    gone = []
    with FaultyNode(CHAIN.answer, lambda calls, honest: Reply(b"", cut=0) if gone else None) as server:
        node = _node(clock, server, in_flight=1)
        node.header(1)
        gone.append(True)
        with pytest.raises(NodeUnavailable):
            node.header(2)
    assert sum(clock.slept) > 60


@pytest.mark.parametrize("field", ["number", "hash", "parentHash", "timestamp"])
@pytest.mark.parametrize("value", [None, 7, "", "0x", "0x1 ![x](/graphql?query=)", "0x" + "f" * 70, ["0x1"]], ids=str)
def test_a_header_of_another_shape_is_refused(field, value, clock):
    def behave(calls, honest):
        answer = honest()
        return Reply(answer | {"result": answer["result"] | {field: value}})

    with FaultyNode(CHAIN.answer, behave) as bad, FaultyNode(CHAIN.answer) as good:
        with pytest.raises((NodeUnavailable, NodeRefused)) as caught:
            _node(clock, bad).header(1)
        assert "](/" not in str(caught.value) or "a header came" in str(caught.value)
        assert _node(clock, bad, good).header(1)["number"] == "0x1"


@pytest.mark.parametrize("body", [b"[" * 5_000 + b"]" * 5_000, b'{"a":' * 5_000 + b"1" + b"}" * 5_000])
def test_json_nested_without_end_is_refused(body, clock):
    def deep(calls, honest):
        return Reply(b'{"jsonrpc":"2.0","id":%d,"result":%b}' % (calls[0]["id"], body))

    with FaultyNode(CHAIN.answer, deep) as bad, FaultyNode(CHAIN.answer) as good:
        with pytest.raises(NodeUnavailable):
            _node(clock, bad).header(1)
        assert _node(clock, bad, good).header(1)["number"] == "0x1"


def test_pruned_blocks_are_not_waited_for(clock):
    with FaultyNode(CHAIN.answer, lambda calls, honest: Reply(_whole(4444, "pruned", calls[0]["id"]))) as server:
        with pytest.raises(HistoryPruned):
            _node(clock, server).header(1)
    assert not clock.slept
