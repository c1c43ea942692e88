"""Corrupted answers of one block: Headwater notices each and names it; what notices nothing is told as that."""

import pytest

from benchmarks import engines
from benchmarks.catch import CAUGHT, NOTHING, PUBLISHED, catch_table, matrix
from benchmarks.corruptions import CORRUPTIONS
from benchmarks.engines import Export
from benchmarks.measure import CommandFailed, Cost


def _ours(mode):
    return lambda node, blocks, scratch: engines.ours(node, blocks, scratch, mode)


def _blind(node, blocks, scratch):
    return Export(Cost(1, 1, 1), {})


@pytest.mark.slow
def test_everything_is_caught_by_name_and_senders_need_more_than_roots(home):
    home.mkdir()
    told = []
    found = matrix({"full": _ours("full"), "roots": _ours("roots"), "blind": _blind}, home, told.append)
    assert found.pop(NOTHING) == [PUBLISHED] * 3
    assert found.keys() == CORRUPTIONS.keys()
    assert all(full.startswith(CAUGHT) for full, _, _ in found.values())
    assert {name for name, (_, roots, _) in found.items() if roots == PUBLISHED} == {
        "created contract changed",
        "sender changed",
    }
    assert found["sender changed"][0] == f"{CAUGHT}: `transactions[0].from`"
    assert found["withdrawal dropped"][0] == f"{CAUGHT}: `withdrawalsRoot`"
    assert {blind for *_, blind in found.values()} == {PUBLISHED}
    assert len(told) == len(CORRUPTIONS) + 1


def test_the_table_counts_what_was_caught():
    lines = catch_table(
        ["a", "b"], {NOTHING: [PUBLISHED] * 2, "x": [f"{CAUGHT}: `hash`", PUBLISHED], "y": [CAUGHT] * 2}
    )
    assert [cell.strip() for cell in lines[-1].split("|")[1:-1]] == ["caught", "2 of 2", "1 of 2"]


def test_an_engine_that_does_not_export_the_true_chain_is_no_witness(home):
    def broken(node, blocks, scratch):
        raise CommandFailed("it does not run here")

    home.mkdir()
    with pytest.raises(CommandFailed, match="does not run here"):
        matrix({"broken": broken}, home, print)
