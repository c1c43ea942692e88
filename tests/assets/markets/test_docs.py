"""The figures of docs/rooms/markets.md are the clients'."""

from pathlib import Path

import pytest

from resources.clients.markets.blockchair import (
    COST_OF_STATS,
    COST_OF_SUMS,
    cost_of_blocks,
    cost_of_transactions,
    estimate_of_blocks,
)
from resources.clients.postgres.server import ACCOUNTS

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
    again, stats = COST_OF_SUMS * len(USUAL), 24 * COST_OF_STATS * len(USUAL)
    assert (
        f"add {stats:.0f}, the sums of the night before, asked again because they were not final, {again:.0f}" in TEXT
    )
    assert f"{together + again + stats:.1f} in all" in TEXT
    assert together + again + stats + together <= 1440  # one more to catch up


def test_the_accounts_of_the_embedded_server_are_those_that_it_runs_as():
    assert "(" + ", else ".join(f"`{account}`" for account in ACCOUNTS) + "); none is" in " ".join(TEXT.split())
