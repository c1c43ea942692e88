"""The figures of docs/rooms/markets.md are the clients'."""

from pathlib import Path

import pytest

from resources.clients.markets.blockchair import COST_OF_SUMS, cost_of_blocks, cost_of_transactions, estimate_of_blocks

TEXT = (Path(__file__).parents[3] / "docs/rooms/markets.md").read_text()
USUAL = {"bitcoin": 144, "dogecoin": 1440, "ethereum": 7170}


@pytest.mark.parametrize(("chain", "blocks"), USUAL.items())
def test_what_a_day_costs(chain, blocks):
    together, reserved = cost_of_blocks(blocks) + COST_OF_SUMS, estimate_of_blocks(chain) + COST_OF_SUMS
    (row,) = (line for line in TEXT.splitlines() if line.startswith(f"| {chain} | {blocks:,} |"))
    assert row.endswith(f"| {together:.1f} | {reserved:.1f} |")


def test_what_all_of_it_costs():
    together = sum(cost_of_blocks(blocks) + COST_OF_SUMS for blocks in USUAL.values())
    assert f"**{together:.1f}**" in TEXT
    assert f"up to {cost_of_transactions(500):.0f} more" in TEXT
