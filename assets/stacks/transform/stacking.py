"""Cycles of stacking: where the chain is in one, what it pays, and who stacks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assets.stacks.transform.balances import USTX
from assets.stacks.transform.prices import Prices
from core.errors import InvalidAnswer
from resources.clients.stacks.answers import required, text, whole

BTC = 10**8
# Bitcoin blocks of a year.
YEAR = 52_560
# What the old figures called the phases, in Bitcoin blocks from a cycle's start and before its end.
LEGACY_PREPARE, LEGACY_BURN = 100, 90
# No height of a chain is above what its column takes.
HIGHEST = 2**31 - 1_000_000
UNKNOWN_APY = "-.-%"
TOP = 10


@dataclass(frozen=True)
class Cycles:
    """How cycles divide Bitcoin's heights. ``height``: the present one."""

    first: int
    length: int
    prepare: int
    height: int

    @staticmethod
    def of(pox: Any) -> "Cycles":
        """From the answer of v2/pox."""
        names = ("first_burnchain_block_height", "reward_cycle_length", "prepare_phase_block_length")
        values = [whole(required(pox, name), name) for name in (*names, "current_burnchain_block_height")]
        found = Cycles(*values)
        whole_cycle = found.length > 0 and 0 <= found.prepare <= found.length
        if not whole_cycle or not 0 <= found.first <= found.height < HIGHEST:
            raise InvalidAnswer(f"Stacks API: v2/pox says {found}, which is no cycle. Check the node.")
        return found

    @property
    def number(self) -> int:
        return (self.height - self.first) // self.length

    def start(self, number: int) -> int:
        """The first height of a cycle."""
        return self.first + number * self.length

    @property
    def end(self) -> int:
        """The first height after the present cycle."""
        return self.start(self.number + 1)

    @property
    def legacy_phase(self) -> str:
        """The phase as the old figures name it."""
        if self.height <= self.start(self.number) + LEGACY_PREPARE:
            return "Prepare"
        return "Burn" if self.height >= self.end - LEGACY_BURN else "PoX"

    @property
    def phase(self) -> str:
        """The phase that it is: the last blocks of a cycle prepare the next one."""
        return "prepare" if self.height >= self.end - self.prepare else "reward"


def stackers(signers: Iterable[Mapping[str, Any]]) -> int:
    """Everyone who stacks, alone or in a pool."""
    return sum(
        whole(required(one, "solo_stacker_count"), "solo_stacker_count")
        + whole(required(one, "pooled_stacker_count"), "pooled_stacker_count")
        for one in signers
    )


def apy(rewards: int, stacked: int, length: int, btc: float | None, stx: float | None) -> str:
    """What a year of the last complete cycle would pay, in percent of what was stacked: rewards in satoshi, stacked in
    µSTX, prices in USD."""
    if not rewards or not stacked or not length or btc is None or not stx:
        return UNKNOWN_APY
    paid, held = rewards / BTC * btc, stacked / USTX * stx
    return f"{paid / held * (YEAR / length) * 100:.1f}%"


def stacked_over_time(stacked: Mapping[int, int], times: Mapping[int, int], cycles: Cycles) -> dict[int, float]:
    """STX stacked in each cycle, by the time of its first Bitcoin block; cycles without one yet are left out."""
    return {
        times[cycles.start(number)]: ustx / USTX for number, ustx in stacked.items() if cycles.start(number) in times
    }


def reward_objects(blocks: Sequence[Mapping[str, Any]], prices: Prices) -> tuple[dict[str, float], dict[str, Any]]:
    """BTC rewarded by Bitcoin height, and of the last 20 heights in USD: null without a price of that hour."""
    rewarded = {str(block["height"]): int(block["reward"]) / BTC for block in blocks}
    dollars: dict[str, float | None] = {}
    for block in blocks[-20:]:
        price = prices.at(block["time"]) if block["time"] is not None else None
        dollars[str(block["height"])] = None if price is None else round(int(block["reward"]) / BTC * price, 3)
    return rewarded, dollars


def pools(signers: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> tuple[dict[str, int], dict[str, Any]]:
    """How many signers have pooled stackers, and the ten with the most STX, by name.

    Raises:
        InvalidAnswer: when two have the same name.
    """
    found = [one for one in signers if whole(required(one, "pooled_stacker_count"), "pooled_stacker_count") > 0]
    held = {
        text(required(one, "signer_address"), "signer_address"): whole(
            required(one, "stacked_amount"), "stacked_amount"
        )
        for one in found
    }
    top: dict[str, Any] = {}
    for address in sorted(held, key=lambda one: (-held[one], one))[:TOP]:
        name = names.get(address, address)
        if name in top:
            raise InvalidAnswer(f"Stacks: two pools are named {name!r}. Give each its own name in STACKS_POOL_NAMES.")
        top[name] = {"value": round(held[address] / USTX, 3), "address": address}
    return {"total_pools": len(held)}, top
