"""However a node writes its answers, the same blocks are read from them."""

import json

import pytest

from assets.ethereum.transform.answers import AnswerReader
from assets.ethereum.transform.rows import block_rows
from resources.clients.ethereum.endpoints import Answer
from resources.clients.ethereum.node import Budget, EthereumNode
from resources.clients.ethereum.refusals import Refusal
from tests.standins.faulty_node import FaultyNode, Reply
from tests.standins.synthetic_chain import SyntheticChain

CHAIN = SyntheticChain(range(0, 400, 10))


def _spaced(honest):
    return json.dumps(honest, indent=2).encode()


def _version_last(honest):
    return [{"result": one["result"], "id": one["id"], "jsonrpc": "2.0"} for one in honest]


def _version_in_the_middle(honest):
    return [{"id": one["id"], "jsonrpc": "2.0", "result": one["result"]} for one in honest]


def _without_version(honest):
    return [{"id": one["id"], "result": one["result"]} for one in honest]


def _backwards(honest):
    return honest[::-1]


def _with_more(honest):
    return [one | {"error": None, "usage": {"jobs": ["}, {", '"jsonrpc"']}} for one in honest]


def _one_reversed_header(honest):
    """Keys of a block in another order than of the others."""
    first = honest[0] | {"result": dict(reversed(honest[0]["result"].items()))}
    return [first, *honest[1:]]


WAYS = (_spaced, _version_last, _version_in_the_middle, _without_version, _backwards, _with_more, _one_reversed_header)


def _read(reader):
    return lambda numbers, answer: block_rows(reader.blocks(answer)).blocks()


@pytest.mark.parametrize("write", WAYS, ids=lambda write: write.__name__.strip("_"))
@pytest.mark.parametrize("batch_size", [1, 7])
def test_every_way_of_writing_an_answer_is_read(clock, write, batch_size):
    def behave(calls, honest):
        found = honest()
        if isinstance(found, list):
            return Reply(write(found))
        (alone,) = json.loads(written) if isinstance(written := write([found]), bytes) else written
        return Reply(alone)

    reader = AnswerReader()
    with FaultyNode(CHAIN.answer, behave) as server:
        node = EthereumNode(server.uri, Budget(batch_size=batch_size, in_flight=2), clock)
        blocks = list(node.blocks(range(40), _read(reader)))
        assert [block.hash for block in blocks] == CHAIN.hashes
        assert node.traffic.retries == 0
    assert not clock.slept
    assert reader.unknown == set()


@pytest.mark.parametrize("write", [lambda honest: honest, _version_last], ids=["at once", "taken apart"])
def test_a_field_that_nothing_takes_is_noticed_either_way(clock, write):
    def behave(calls, honest):
        return Reply(write([one | {"result": one["result"] | {"novelty": "0x1"}} for one in honest()]))

    reader = AnswerReader()
    with FaultyNode(CHAIN.answer, behave) as server:
        node = EthereumNode(server.uri, Budget(batch_size=5, in_flight=2), clock)
        assert len(list(node.blocks(range(40), _read(reader)))) == 40
    assert reader.unknown == {"blocks.novelty"}


def _block(number):
    return json.dumps(
        CHAIN.answer({"id": 1, "method": "eth_getBlockByNumber", "params": [hex(number), True]})["result"]
    )


def test_an_answer_that_is_not_what_was_asked_is_refused():
    reader, whole = AnswerReader(), Answer.of([_block(1).encode(), _block(2).encode()])
    assert len(reader.blocks(whole)) == 2
    refused = (
        Answer(whole.body, (2, 1)),
        Answer(whole.body, (1, 2, 3)),
        Answer(whole.body, (1,)),
        Answer(whole.body[:-30], whole.ids),
        Answer(whole.body + b"}]", whole.ids),
        Answer(whole.body + whole.body, whole.ids),
        Answer.of([_block(1).encode(), b"null"]),
        Answer.of([b"null", _block(1).encode()]),
        Answer.of([_block(1).encode(), b"[]"]),
        Answer(whole.body.replace(b'"id":2,', b'"id":2,"error":{"code":-32000},'), whole.ids),
        Answer(whole.body.replace(b'"id":2,', b'"id":2,"error":"no",'), whole.ids),
        Answer(b"", (1,)),
        Answer(b"null", (1,)),
        Answer(b"<html>jsonrpc</html>", (1,)),
    )
    for answer in refused:
        with pytest.raises(Refusal):
            reader.blocks(answer)


@pytest.mark.parametrize("text", ["\\u0000", "\0", "a\\u0000b"])
@pytest.mark.parametrize("field", ["id", "number", "transactions"])
def test_a_nul_where_a_number_or_a_list_stands_does_not_end_the_process(text, field):
    value = f'"{text}"'
    fields = {"id": "1", "number": '"0x1"', "transactions": "[]"} | {field: value}
    result = f'{{"number":{fields["number"]},"transactions":{fields["transactions"]}}}'
    body = f'[{{"jsonrpc":"2.0","id":{fields["id"]},"result":{result}}}]'.encode()
    with pytest.raises(Refusal):
        AnswerReader().blocks(Answer(body, [1]))
