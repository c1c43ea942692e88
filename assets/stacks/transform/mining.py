"""Mining as it is published. What needs Bitcoin's own side is null: see docs/rooms/stacks.md."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from assets.stacks.transform.balances import stx
from assets.stacks.transform.prices import Prices
from assets.stacks.transform.stacking import BTC

Rows = Sequence[Mapping[str, Any]]


def committed(bitcoin: Rows) -> dict[int, int]:
    """Satoshi that miners paid, rewarded and burned, by Bitcoin height."""
    return {row["height"]: int(row["reward"]) + int(row["burned"]) for row in bitcoin}


def overview(blocks: Rows, bitcoin: Rows) -> dict[str, Any]:
    """The last matured blocks: what all miners paid, who won, and what it brought."""
    paid = committed(bitcoin)
    burns = {
        str(row["block_height"]): round(paid[row["burn_block_height"]] / BTC, 3) if row["burn_block_height"] in paid
        else None
        for row in blocks
    }  # fmt: skip
    rewards = {str(row["block_height"]): stx(row["ustx"]) for row in blocks}
    return {
        "btc_burns": burns,
        "stx_rewards": rewards,
        "win_probabilities": None,
        "last_block_reward": next(reversed(rewards.values()), None),
        "total_btc_committed": None,
        "avg_btc_committed": None,
        "winner_burn_fees": None,
        "avg_fee_per_block": None,
        "winning_miners": {str(row["block_height"]): row["winner"] for row in blocks if row["winner"]},
        "total_stx_rewards": stx(sum(int(row["ustx"]) for row in blocks)),
        "block_heights": [row["block_height"] for row in blocks],
    }


def risk_and_reward(blocks: Rows, bitcoin: Rows, btc: Prices, coin: Prices) -> dict[str, Any]:
    """What all miners of a block spent, and what the winner was rewarded, in USD of that hour; null when unknown."""
    paid = committed(bitcoin)
    found = {}
    for row in blocks:
        time, spent = row["burn_block_time"], paid.get(row["burn_block_height"])
        btc_price, price = btc.at(time), coin.at(time)
        found[str(row["block_height"])] = {
            "burn_block_time": time,
            "spent_usd": None if spent is None or btc_price is None else spent / BTC * btc_price,
            "rewarded_usd": None if price is None else stx(row["ustx"]) * price,
        }
    return found


def most_successful(blocks: Rows) -> dict[str, int]:
    """Blocks won, by miner, most first."""
    won = Counter(row["winner"] for row in blocks if row["winner"])
    return {who: won[who] for who in sorted(won, key=lambda one: (-won[one], one))}
