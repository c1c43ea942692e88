"""Whatever a node sends, by every method: rows, or an error of the tree; where another endpoint is honest, rows.

``make test`` tries some hundred answers, ``make fuzz`` ten thousand for each method.
"""

import random
import time
from datetime import date

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.ethereum.extract import exports, receipts, tokens
from assets.ethereum.proofs.derived import TRANSACTION_COLUMNS
from core.errors import HeadwaterError
from resources.clients.ethereum import node as nodes
from resources.clients.ethereum.endpoints import Answer
from resources.clients.ethereum.node import Budget, EthereumNode
from resources.clients.ethereum.shapes import BlockRef
from sandbox.ethereum.recorded import RecordedChain
from tests.standins.clock import ManualClock
from tests.standins.mutations import as_json, mangled, mutated

pytestmark = pytest.mark.fuzz

CHAIN = RecordedChain.load()
NUMBERS = range(9, 13)
SEEDS = st.integers(0, 2**64 - 1)
TOKEN = {"address": "0x" + "11" * 20, "block_number": 9, "block_date": date(2024, 1, 2)}


class _Wire:
    """In place of a connection: the chain's answers, changed by a seed."""

    def __init__(self):
        self.seed, self.method, self.changed = None, None, False

    def exchange(self, body):
        request = msgspec.json.decode(body)
        calls = request if isinstance(request, list) else [request]
        honest = CHAIN.answer_bytes(request)
        if self.seed is None or calls[0]["method"] != self.method:
            return honest
        draw = random.Random(self.seed)
        found = msgspec.json.decode(honest)
        if draw.random() < 0.3:
            return mangled(draw, honest)
        if draw.random() < 0.2:
            return as_json(mutated(draw, found))
        one = draw.choice(found if isinstance(found, list) else [found])
        one["result" if "result" in one else "error"] = mutated(draw, one.get("result", one.get("error")))
        return as_json(found)


@pytest.fixture(scope="module")
def wires():
    """A node of two endpoints: the second is honest where the first is not, if it is asked to be."""
    found = [_Wire(), _Wire()]
    queue = iter(found)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nodes, "transport_for", lambda *arguments: next(queue))
        node = EthereumNode("http://one,http://two", Budget(batch_size=3, in_flight=1), ManualClock())
    return found, node


def _export(node, verify):
    return exports.Export(node, lambda text: None, time.monotonic, verify=verify)


def _blocks(node, verify):
    export = _export(node, verify)
    found = node.blocks(NUMBERS, lambda numbers, answer: exports.read_blocks(export, False, numbers, answer))
    return [(block.number, block.hash, _rows(block.tables)) for block in found]


def _refs():
    """As the lake has them: the blocks with their transactions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nodes, "transport_for", lambda *arguments: _Wire())
        node = EthereumNode("http://one", Budget(), ManualClock())
    requests = [
        {"jsonrpc": "2.0", "id": at, "method": "eth_getBlockByNumber", "params": [hex(number), True]}
        for at, number in enumerate(NUMBERS, 1)
    ]
    answer = Answer(CHAIN.answer_bytes(requests), range(1, len(requests) + 1))
    export = _export(node, exports.VERIFY_OFF)
    for number, block in zip(NUMBERS, exports.read_blocks(export, False, NUMBERS, answer), strict=True):
        found = CHAIN.answer({"id": 1, "method": "eth_getBlockByNumber", "params": [hex(number), True]})["result"]
        span = block.tables["transactions"]
        rows = pa.Table.from_batches([span.batch.slice(span.start, span.stop - span.start)])
        yield BlockRef(
            number, block.hash, int(found["timestamp"], 16), len(rows), found["receiptsRoot"],
            rows.select(["hash", *TRANSACTION_COLUMNS]), int(found["excessBlobGas"], 16),
        )  # fmt: skip


REFS = list(_refs())


def _receipts(node, verify):
    export = _export(node, verify)
    found = node.receipts(REFS, lambda blocks, answer: receipts.read_receipts(export, blocks, answer))
    return [_rows(block.tables) for block in found]


def _receipts_by_hash(node, verify):
    export = _export(node, verify)
    found = node.receipts_by_hash(REFS, lambda blocks, answer: receipts.read_receipts(export, blocks, answer))
    return [_rows(block.tables) for block in found]


def _rows(tables):
    return {name: span.batch.slice(span.start, span.stop - span.start).to_pylist() for name, span in tables.items()}


def _traces(tracer):
    def traces(node, verify):
        return [
            rows.to_pylist() for rows in exports._trace_batches(_export(node, verify), tracer, REFS, date(2024, 1, 2))
        ]

    return traces


def _calls(node, verify):
    chosen = [TOKEN | {"address": address} for address in sorted(CHAIN._recording.calls)[:4]]
    batches = tokens._asked(_export(node, verify), chosen, tokens.tokens.NAMING_CALLS, tokens.tokens.naming_batch)
    return [rows.to_pylist() for rows in batches]


BOUNDARIES = {
    "web3_clientVersion": lambda node, verify: node.version(),
    "eth_chainId": lambda node, verify: node.chain_id(),
    "eth_getBlockByNumber: a header": lambda node, verify: (
        node.header(9),
        node.head(),
        node.holds(9),
        node.finalized(),
    ),
    "eth_getBlockByNumber: blocks": _blocks,
    "eth_getBlockReceipts": _receipts,
    "eth_getTransactionReceipt": _receipts_by_hash,
    "trace_block": _traces("parity"),
    "debug_traceBlockByHash": _traces("geth"),
    "eth_call": _calls,
}


@pytest.mark.parametrize("boundary", BOUNDARIES)
@given(seed=SEEDS, verify=st.sampled_from([exports.VERIFY_FULL, exports.VERIFY_OFF]), both=st.booleans())
def test_an_answer_becomes_rows_or_an_error_of_the_tree(wires, boundary, seed, verify, both):
    (one, two), node = wires
    node._rpc._denied.clear()
    ask = BOUNDARIES[boundary]
    for wire in (one, two):
        wire.method, wire.seed = boundary.split(":")[0], None
    ask(node, verify)  # the honest answer is read
    one.seed, two.seed = seed, seed if both else None
    told = None
    try:
        ask(node, verify)
    except HeadwaterError as error:
        told = str(error)
    if told is not None:
        assert told.endswith("."), told
        assert both, f"the other endpoint was not asked: {told}"


class _Replacing:
    """In place of a connection: the chain's answers to a method with another value wherever a field is named so."""

    def __init__(self, method, field, value):
        self._method, self._field, self._value = method, field, value

    def exchange(self, body):
        request = msgspec.json.decode(body)
        calls = request if isinstance(request, list) else [request]
        honest = CHAIN.answer_bytes(request)
        if calls[0]["method"] != self._method:
            return honest
        return as_json(self._replaced(msgspec.json.decode(honest)))

    def _replaced(self, found):
        if isinstance(found, list):
            return [self._replaced(item) for item in found]
        if not isinstance(found, dict):
            return found
        here = {self._field: self._value} if self._field in found else {}
        return {name: self._replaced(value) for name, value in found.items()} | here


def _asked(boundary, field, value, *others, verify=exports.VERIFY_FULL):
    """What comes of a boundary's calls to a node with such answers, and to others beside it."""
    wires = iter([_Replacing(boundary.split(":")[0], field, value), *others])
    uris = ",".join(f"http://{name}" for name in "abc"[: 1 + len(others)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nodes, "transport_for", lambda *arguments: next(wires))
        return BOUNDARIES[boundary](EthereumNode(uris, Budget(), ManualClock()), verify)


ENDLESS = ["0x" + "f" * 100_000, "![x](/y)\n" * 9_000]
QUOTED = [
    *(("eth_getBlockByNumber: blocks", field) for field in ("number", "hash", "from", "gasPrice")),
    *(("eth_getBlockReceipts", field) for field in ("blockHash", "contractAddress", "transactionHash", "gasUsed")),
    *(("trace_block", field) for field in ("blockHash", "blockNumber", "to", "type")),
]


@pytest.mark.parametrize(("boundary", "field"), QUOTED)
@pytest.mark.parametrize("value", ENDLESS, ids=["long", "lines"])
def test_a_message_is_one_line_however_long_the_value_is(boundary, field, value, caplog):
    with pytest.raises(HeadwaterError) as caught:
        _asked(boundary, field, value)
    for told in (str(caught.value), *caplog.messages):
        assert len(told) < 2_000
        assert "\n" not in told


NO_HEX = ["0xzz", "hello", "0x1 ![x](/y)", "0x" + "f" * 65]
UNPROVED = {
    "trace_block": ("from", "to", "address", "transactionHash", "input", "init", "output", "code"),
    "debug_traceBlockByHash": ("from", "to", "txHash", "input", "output"),
}


@pytest.mark.parametrize("value", NO_HEX)
@pytest.mark.parametrize(("boundary", "field"), [(name, field) for name in UNPROVED for field in UNPROVED[name]])
def test_a_trace_that_is_not_of_hex_is_refused_and_another_endpoint_serves(boundary, field, value):
    """Nothing proves traces; and contracts are made of them later, when no endpoint can be asked any more."""
    with pytest.raises(HeadwaterError):
        _asked(boundary, field, value)
    assert _asked(boundary, field, value, _Wire()) == _asked(boundary, "none", value)


TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


@pytest.mark.parametrize("boundary", ["eth_getBlockReceipts", "eth_getTransactionReceipt"])
@pytest.mark.parametrize("value", NO_HEX)
@pytest.mark.parametrize("field", ["address", "data", "topics"])
@pytest.mark.parametrize("verify", [exports.VERIFY_FULL, exports.VERIFY_OFF])
def test_a_log_that_is_not_of_hex_is_refused_also_unproved(boundary, field, value, verify):
    """Transfers are read from logs later, when no endpoint can be asked any more."""
    bad = [TRANSFER, value] if field == "topics" else value
    with pytest.raises(HeadwaterError):
        _asked(boundary, field, bad, verify=verify)
    assert _asked(boundary, field, bad, _Wire(), verify=verify) == _asked(boundary, "none", bad, verify=verify)


@pytest.mark.parametrize("boundary", UNPROVED)
@pytest.mark.parametrize("value", [None, "", 5, "![x](/y)"])
def test_a_trace_without_a_type_is_refused_and_another_endpoint_serves(boundary, value):
    with pytest.raises(HeadwaterError):
        _asked(boundary, "type", value)
    assert _asked(boundary, "type", value, _Wire()) == _asked(boundary, "none", value)


def test_traces_of_another_block_are_refused():
    with pytest.raises(HeadwaterError, match="a trace of block 5 came for"):
        _asked("trace_block", "blockNumber", 5)
