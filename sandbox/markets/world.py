"""What the two APIs know: coins with their figures at each midnight, and chains with their blocks."""

import hashlib
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

# CoinGecko has the point of a midnight about this long after it.
READY_AFTER = timedelta(minutes=35)
# Their rows have other fields, and their hashes begin with 0x.
ACCOUNT_CHAINS = frozenset({"ethereum"})


@dataclass(frozen=True)
class Figures:
    """A coin at one midnight: US dollars; None where the API answers null."""

    price: Decimal | None
    volume: Decimal | None
    cap: Decimal | None


@dataclass
class Coin:
    """``points``: figures by the day that the midnight begins."""

    id: str
    symbol: str
    name: str
    points: dict[date, Figures]


@dataclass
class Chain:
    """Rows as the API serves them, by ascending height; ``sums`` by day stand in for transactions not held singly."""

    name: str
    blocks: list[dict[str, Any]]
    sums: dict[date, dict[str, Any]] = field(default_factory=dict)
    transactions: list[dict[str, Any]] = field(default_factory=list)

    @property
    def state(self) -> int:
        return self.blocks[-1]["id"]

    def in_heights(self, first: int, last: int) -> list[dict[str, Any]]:
        """Blocks of a range of heights, both included."""
        heights = [block["id"] for block in self.blocks]
        return self.blocks[bisect_left(heights, first) : bisect_right(heights, last)]

    def grow(self, seconds: int = 60) -> None:
        """A block more, one like the last."""
        last = self.blocks[-1]
        when = datetime.fromisoformat(last["time"]) + timedelta(seconds=seconds)
        self.blocks.append(block(self.name, last["id"] + 1, when.replace(tzinfo=UTC), last["transaction_count"]))

    def reorganise(self, first: int, fork: str) -> None:
        """Every block from height ``first`` on is another one now."""
        for row in self.in_heights(first, self.state):
            row["hash"] = block_hash(self.name, row["id"], fork)


@dataclass
class World:
    """Everything, at one moment. ``total_cap``: all coins' capitalisation now, in US dollars."""

    now: datetime
    coins: dict[str, Coin]
    chains: dict[str, Chain]
    total_cap: Decimal | None

    def latest_point(self) -> date:
        """The newest midnight that the API has already."""
        return (self.now - READY_AFTER).date()


def block_hash(chain: str, height: int, fork: str = "") -> str:
    digest = hashlib.sha256(f"{chain}/{height}/{fork}".encode()).hexdigest()
    return f"0x{digest}" if chain in ACCOUNT_CHAINS else digest


def block(
    chain: str, height: int, when: datetime, transactions: int, *, size: int = 1_000_000, fee: int = 0
) -> dict[str, Any]:
    """One block as the API serves it. fee: in the chain's smallest unit."""
    row: dict[str, Any] = {
        "id": height,
        "hash": block_hash(chain, height),
        "date": str(when.date()),
        "time": f"{when:%Y-%m-%d %H:%M:%S}",
        "size": size,
        "transaction_count": transactions,
    }
    if chain in ACCOUNT_CHAINS:
        producer = block_hash(chain, height % 7, "producer")[:42]
        gas = {"gas_used": min(30_000_000, transactions * 85_000), "gas_limit": 30_000_000, "uncle_count": 0}
        # Amounts of wei outgrow 64 bits: the API writes them as text.
        return row | gas | {"miner": producer, "difficulty": 0, "fee_total": str(fee), "reward": "0"}
    reward = {"bitcoin": 625_000_000, "dogecoin": 10_000 * 10**8}.get(chain, 0)
    return row | {
        "median_time": row["time"],
        "weight": size * 3,
        "difficulty": Decimal("72006146478567.1"),
        "input_count": transactions * 2,
        "output_count": transactions * 3,
        "fee_total": fee,
        "generation": reward,
        "reward": reward + fee,
        "guessed_miner": "Unknown",
    }
