"""The benchmark's own chain is sound, and its figures are those of a day."""

from benchmarks.stacks import DAYS, measure


def test_a_small_chain_is_measured_with_one_history_and_with_two(database):
    once, twice = measure(database.address, events=6_000, principals=500)
    assert (once["events"], twice["events"]) == (6_000, 12_000)
    assert (once["days"], twice["days"]) == (DAYS, 2 * DAYS)
    assert once["whales"] > 0
    assert twice["read_seconds"] < 30
