"""Whatever is reorganised while a range is fetched, what comes out is one chain."""

import pytest

from assets.ethereum.extract.chain import REORG_DEPTH, canonical_blocks
from assets.ethereum.transform.answers import AnswerReader
from assets.ethereum.transform.rows import block_rows
from core.errors import NodeUnavailable
from resources.clients.ethereum.node import Budget, EthereumNode
from tests.standins.faulty_node import FaultyNode
from tests.standins.synthetic_chain import SyntheticChain

LENGTH = 300


READER = AnswerReader()


def _read(numbers, answer):
    return block_rows(READER.blocks(answer)).blocks()


def _collect(clock, chain, behave=None, last=LENGTH - 1):
    """The blocks that remain after everything taken back, by number."""
    kept = {}

    def take_back(number):
        for gone in [at for at in kept if at >= number]:
            del kept[gone]

    with FaultyNode(chain.answer, behave) as server:
        node = EthereumNode(server.uri, Budget(batch_size=5, in_flight=2), clock)
        for block in canonical_blocks(node, _read, 0, last, take_back):
            kept[block.number] = block.hash
    return kept


@pytest.mark.parametrize("depth", [1, 3, 64])
@pytest.mark.parametrize("at_request", [20, 39, 55])
def test_a_reorganisation_is_followed_from_the_fork(clock, depth, at_request):
    chain = SyntheticChain(range(0, LENGTH * 10, 10))
    seen = []

    def behave(calls, honest):
        seen.append(max(int(call["params"][0], 16) for call in calls))
        if len(seen) == at_request:
            chain.reorganise(max(1, max(seen) - depth), "fork")

    kept = _collect(clock, chain, behave)
    assert [kept[number] for number in range(LENGTH)] == chain.hashes
    assert len(seen) < LENGTH / 5 + 2 * depth + 40  # from the fork, not from the start


def test_a_quiet_chain_is_fetched_once(clock):
    chain = SyntheticChain(range(0, LENGTH * 10, 10))
    kept = _collect(clock, chain)
    assert [kept[number] for number in range(LENGTH)] == chain.hashes
    assert chain.calls == LENGTH


def test_a_reorganisation_deeper_than_can_be_undone_ends_the_run(clock):
    chain = SyntheticChain(range(0, LENGTH * 10, 10))
    seen = []

    def behave(calls, honest):
        seen.append(calls)
        if len(seen) == 50:
            chain.reorganise(1, "fork")

    with pytest.raises(NodeUnavailable, match=f"more than {REORG_DEPTH} blocks deep"):
        _collect(clock, chain, behave)


def test_endpoints_on_different_chains_do_not_loop_for_ever(clock):
    chain, salts = SyntheticChain(range(0, LENGTH * 10, 10)), iter(range(10_000))

    def behave(calls, honest):
        chain.reorganise(5, str(next(salts)))

    with pytest.raises(NodeUnavailable, match="again and again"):
        _collect(clock, chain, behave, last=60)


def test_a_second_reorganisation_below_what_is_remembered_ends_the_run(clock):
    """After a deep one, little is remembered; going further back would be a guess."""
    chain = SyntheticChain(range(0, LENGTH * 10, 10))
    seen = []

    def behave(calls, honest):
        seen.append(max(int(call["params"][0], 16) for call in calls))
        if len(seen) == 50:
            chain.reorganise(max(seen) - 100, "fork")
        if len(seen) == 156:
            chain.reorganise(20, "another")

    with pytest.raises(NodeUnavailable, match="changed more than"):
        _collect(clock, chain, behave)
