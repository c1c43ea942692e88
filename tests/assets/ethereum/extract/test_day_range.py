"""Which blocks a day has: against counting, for any times, and when it is not over."""

from datetime import date

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assets.ethereum.extract.day_range import block_range, first_block_at
from core.errors import DayIncomplete, HistoryPruned, InvalidAnswer, NodeUnavailable
from core.windows import end_of, start_of
from resources.clients.ethereum.node import Budget, EthereumNode
from tests.standins.faulty_node import FaultyNode
from tests.standins.synthetic_chain import SyntheticChain

DAY = date(2024, 1, 2)
NOON = start_of(DAY) + 43_200


def _range(clock, chain, day=DAY, confirmations=2):
    with FaultyNode(chain.answer) as server:
        return block_range(EthereumNode(server.uri, Budget(), clock), day, confirmations)


GAPS = st.lists(st.one_of(st.just(0), st.integers(0, 20), st.integers(0, 200_000)), min_size=1, max_size=300)


@settings(max_examples=300, deadline=None)
@given(GAPS, st.integers(0, 30_000_000), st.integers(-100_000, 30_000_000))
@example([0, 1, *[0] * 298], 0, 1)  # interpolation points at the head again and again
def test_the_first_block_is_the_one_that_counting_finds(gaps, first_time, moment):
    """Times repeat, jump and stand still; genesis may be of 1970."""
    times = [0]
    for gap in [first_time, *gaps]:
        times.append(times[-1] + gap)
    moment = min(moment, times[-1])
    asked = []

    def time_of(number):
        asked.append(number)
        return times[number]

    expected = next(number for number in range(1, len(times)) if times[number] >= moment)
    assert first_block_at(moment, len(times) - 1, time_of) == expected
    assert len(set(asked)) <= 2 * len(times).bit_length() + 4


def test_a_chain_of_mainnet_size_takes_a_few_dozen_calls():
    asked = set()

    def time_of(number):  # 13.3 s blocks until the merge at 15.5 million, 12 s slots with some missed after it
        asked.add(number)
        if number == 0:
            return 0
        if number < 15_537_394:
            return 1_438_269_988 + int(number * 14.45)
        return 1_663_224_162 + (number - 15_537_394) * 12 + (number - 15_537_394) // 100 * 12

    for moment in (1_438_300_800, 1_500_000_000, 1_663_200_000, 1_704_153_600, 1_735_000_000):
        asked.clear()
        found = first_block_at(moment, 23_000_000, time_of)
        assert time_of(found - 1) < moment <= time_of(found)
        assert len(asked) <= 24


def test_edges_belong_to_the_right_day_also_when_times_repeat(clock):
    start, end = start_of(DAY), end_of(DAY)
    times = [0, start - 1, start - 1, start, start, start + 5, end - 1, end - 1, end, end, end + 60, end + 61]
    found = _range(clock, SyntheticChain(times))
    assert (found.first, found.last) == (3, 7)


def test_a_day_without_blocks_is_empty(clock):
    chain = SyntheticChain([0, start_of(DAY) - 10, end_of(DAY) + 10, end_of(DAY) + 20])
    assert len(_range(clock, chain)) == 0


def test_a_day_before_the_chain_is_empty(clock):
    chain = SyntheticChain([0, end_of(DAY) + 10, end_of(DAY) + 20])
    assert len(_range(clock, chain)) == 0


def test_genesis_belongs_to_the_day_of_block_1(clock):
    chain = SyntheticChain([0, NOON, NOON + 12, end_of(DAY) + 1, end_of(DAY) + 2])
    found = _range(clock, chain)
    assert (found.first, found.last, len(found)) == (0, 2, 3)


def test_a_day_that_is_not_over_says_when_to_expect_it(clock):
    chain = SyntheticChain([0, NOON, NOON + 12])
    with pytest.raises(DayIncomplete, match=r"2024-01-02 is not complete .* Expect it after 2024-01-03 00:20 UTC"):
        _range(clock, chain)


def test_a_day_whose_end_is_not_final_waits(clock):
    times = [0, NOON, NOON + 12, end_of(DAY) + 1, end_of(DAY) + 2]
    assert len(_range(clock, SyntheticChain(times, finalized=3))) == 3
    with pytest.raises(DayIncomplete, match="block 3, the first after the day, is not final yet"):
        _range(clock, SyntheticChain(times, finalized=2))


def test_without_the_finalized_tag_confirmations_decide(clock):
    times = [0, NOON, NOON + 12, end_of(DAY) + 1, end_of(DAY) + 2]
    chain = SyntheticChain(times, knows_finalized=False)
    assert len(_range(clock, chain, confirmations=1)) == 3
    with pytest.raises(DayIncomplete, match="not final"):
        _range(clock, chain, confirmations=2)


def _pruned(chain, oldest, how):
    """The answers of a node that holds the chain from block ``oldest`` on only."""

    def answer(request):
        said = chain.answer(request)
        tag = request["params"][0] if request["params"] else ""
        if str(tag).startswith("0x") and int(tag, 16) < oldest:
            said.pop("result", None)
            return said | how
        return said

    return answer


PRUNED = {
    "error 4444": {"error": {"code": 4444, "message": "pruned history unavailable"}},
    "null": {"result": None},
    "other words": {"error": {"code": -32000, "message": "old data not available due to pruning"}},
}


@pytest.mark.parametrize("how", PRUNED)
@pytest.mark.parametrize("oldest", [2, 30, 41])
def test_a_day_that_is_all_there_needs_no_older_block(how, oldest, clock):
    times = [start_of(DAY) - 7_200 * (50 - at) // 10 for at in range(50)]
    times += [start_of(DAY) + 600 * at for at in range(200)]
    chain = SyntheticChain(times)
    with FaultyNode(_pruned(chain, oldest, PRUNED[how])) as server:
        found = block_range(EthereumNode(server.uri, Budget(), clock), DAY, 2)
    assert found == _range(clock, chain)
    assert (found.first, found.last) == (50, 193)
    assert not clock.slept


@pytest.mark.parametrize("how", PRUNED)
@pytest.mark.parametrize("oldest", [50, 60, 195])
def test_a_day_that_reaches_into_what_is_pruned_names_the_oldest_block(how, oldest, clock):
    chain = SyntheticChain([start_of(DAY) - 100] * 50 + [start_of(DAY) + 600 * at for at in range(200)])
    with FaultyNode(_pruned(chain, oldest, PRUNED[how])) as server:
        with pytest.raises(HistoryPruned, match=f"holds no block below {oldest}, .* holds the whole chain"):
            block_range(EthereumNode(server.uri, Budget(), clock), DAY, 2)
    assert not clock.slept


def _lagging(chain, newest):
    """The answers of a node that is behind: it knows no block above ``newest``."""

    def answer(request):
        said = chain.answer(request)
        tag = request["params"][0] if request["params"] else ""
        return said | {"result": None} if str(tag).startswith("0x") and int(tag, 16) > newest else said

    return answer


FULL = SyntheticChain(
    [start_of(DAY) - 7_200 * (50 - at) // 10 for at in range(50)] + [NOON - 43_200 + 600 * at for at in range(200)]
)
PARTIAL = {
    **{f"{how}, from {oldest}": _pruned(FULL, oldest, PRUNED[how]) for how in PRUNED for oldest in (60, 195, 230)},
    **{f"behind, to {newest}": _lagging(FULL, newest) for newest in (30, 100)},
}


@pytest.mark.parametrize("partial", PARTIAL)
@pytest.mark.parametrize("full_first", [False, True])
def test_a_day_that_one_of_the_endpoints_holds_is_found(partial, full_first, clock):
    with FaultyNode(PARTIAL[partial]) as one, FaultyNode(FULL.answer) as other:
        uris = [one.uri, other.uri]
        found = block_range(EthereumNode(",".join(uris[::-1] if full_first else uris), Budget(), clock), DAY, 2)
    assert (found.first, found.last) == (50, 193)


def _stuck(newest, finalized):
    """A node that stopped at block ``newest``: its head, and what it calls final, are old."""
    return SyntheticChain(FULL.times[: newest + 1], finalized)


STUCK = {"before the day": (40, 30), "in the day": (100, 90), "after the day": (200, 190), "not yet final": (249, 190)}


@pytest.mark.parametrize("stuck", STUCK)
@pytest.mark.parametrize("full_first", [False, True])
def test_a_stuck_endpoint_makes_no_day_incomplete_that_another_has(stuck, full_first, clock):
    with FaultyNode(_stuck(*STUCK[stuck]).answer) as one, FaultyNode(FULL.answer) as other:
        uris = [one.uri, other.uri]
        found = block_range(EthereumNode(",".join(uris[::-1] if full_first else uris), Budget(), clock), DAY, 2)
        assert (found.first, found.last) == (50, 193)
        with pytest.raises(DayIncomplete, match="newest block 249"):
            block_range(EthereumNode(",".join(uris), Budget(), clock), date(2024, 1, 4), 2)


@pytest.mark.parametrize("oldest", [30, 60])
def test_a_dead_endpoint_beside_one_that_holds_the_day_holds_nothing_up(oldest, clock):
    with FaultyNode(FULL.answer) as gone:
        dead = gone.uri
    with FaultyNode(_pruned(FULL, oldest, PRUNED["null"])) as server:
        node = EthereumNode(f"{server.uri},{dead}", Budget(), clock)
        if oldest < 50:
            assert (block_range(node, DAY, 2).first, clock.slept) == (50, [])
        else:  # the other may hold it: worth another run
            with pytest.raises(NodeUnavailable, match="not reached"):
                block_range(node, DAY, 2)


@pytest.mark.parametrize("factor", [1_000, 1_000_000_000, 0])
def test_a_head_whose_time_cannot_be_true_ends_no_day(factor, clock):
    chain = SyntheticChain([time * factor for time in (0, NOON, NOON + 12, end_of(DAY) + 1)])
    with pytest.raises(InvalidAnswer, match=rf"newest block 3 has timestamp {(end_of(DAY) + 1) * factor}.* in seconds"):
        _range(clock, chain)


def test_a_head_years_ahead_of_the_clock_ends_no_day(clock):
    chain = SyntheticChain([0, NOON, NOON + 12, end_of(DAY) + 3 * 365 * 86_400])
    with pytest.raises(InvalidAnswer, match="whose clock is wrong"):
        _range(clock, chain)


def test_one_endpoint_is_not_asked_again_what_it_has_said(clock):
    chain = SyntheticChain([0, NOON])
    with FaultyNode(chain.answer) as server:
        with pytest.raises(DayIncomplete, match="newest block 1"):
            block_range(EthereumNode(server.uri, Budget(), clock), DAY, 2)
        assert len(server.requests) == 1
