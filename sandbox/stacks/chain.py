"""A chain made from a seed, as the rows the indexer would hold: forks, orphans, fees, rewards, NFTs, Bitcoin's side.

Consistent by construction: what is canonical is one line of blocks from the genesis, every event of it happened once,
and nobody spends what he does not have.
"""

import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from core.windows import SECONDS_OF_DAY
from sandbox.stacks.people import people
from sandbox.stacks.rows import (
    CALL,
    COINBASE,
    NO_HASH,
    TENURE,
    TRANSFER,
    Row,
    block_of,
    digest,
    microblock,
    of_transaction,
    transaction,
    waiting,
)
from sandbox.stacks.story import COLLECTIONS, CYCLE_LENGTH, FIRST_BURN_HEIGHT, GENESIS, PREPARE_LENGTH, STX, Story

SENT, MINTED, BURNED = 1, 2, 3
# What one Bitcoin block pays to each of two stackers, and what its miners burn, in satoshi.
SATOSHI, BURNT = 20_000, 1_500


@dataclass
class Chain:
    """The rows of each table, and the tip. ``balances``: µSTX of everyone at the tip."""

    tables: dict[str, list[Row]]
    tip: Row
    balances: dict[str, int]

    @property
    def supply(self) -> int:
        """Liquid µSTX: what was minted and what matured, less what was burned. Fees move, they do not burn."""
        change = {SENT: 0, MINTED: 1, BURNED: -1}
        moved = (row for row in self.tables["stx_events"] if row["canonical"] and row["microblock_canonical"])
        matured = sum(
            row["coinbase_amount"]
            for row in self.tables["miner_rewards"]
            if row["mature_block_height"] <= self.tip["block_height"]
        )
        return matured + sum(change[row["asset_event_type_id"]] * row["amount"] for row in moved)


def make_chain(story: Story) -> Chain:
    """The chain of a story; the same one every time."""
    return _Maker(story).make()


@dataclass
class _Maker:
    story: Story
    tables: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    balances: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    due: dict[int, list[tuple[str, int]]] = field(default_factory=lambda: defaultdict(list))
    owners: dict[tuple[str, bytes], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.story.seed)  # noqa: S311 - the same chain every time
        self.people = people(self.random, self.story.principals)
        self.miners = people(self.random, 4)
        self.tip: Row = {"index_block_hash": NO_HASH, "block_hash": NO_HASH, "block_height": 0, "burn_block_time": 0}
        self.burn_height = FIRST_BURN_HEIGHT
        self.minted = 0

    def make(self) -> Chain:
        times = self._times()
        for at, (time, new_tenure) in enumerate(times):
            parent = self.tip
            self._pay_rewards(parent["block_height"] + 1)
            block = self._block(parent, time, new_tenure, canonical=True)
            if at == 0:
                self._genesis(block)
            self._fill(block, parent, new_tenure)
            if at and self.random.random() < self.story.forks:
                # Now and then the sibling's miner was late, even by a day.
                later = self.random.choice((7, 600, SECONDS_OF_DAY // 2))
                self._sibling(block, parent, time + later)
            self.tip = block
        self._pending()
        self._cycles()
        return Chain(dict(self.tables), self.tip, {who: held for who, held in self.balances.items() if held})

    def _times(self) -> list[tuple[int, bool]]:
        """Burn time of each block, and whether it begins a tenure, which is a Bitcoin block of its own."""
        midnight = GENESIS - GENESIS % SECONDS_OF_DAY
        times = [(GENESIS, True)]
        for day in range(self.story.days + 1):
            start = midnight + day * SECONDS_OF_DAY
            if day == self.story.empty_day:
                continue
            first = GENESIS + 60 if day == 0 else start  # a block of the very first second of each day
            last = start + SECONDS_OF_DAY if day < self.story.days else start + 3 * 3600
            count = self.story.blocks_a_day if day < self.story.days else self.story.beyond
            step, several = (last - first) // count, day >= self.story.nakamoto
            for number in range(count):
                new_tenure = not several or number % 3 == 0
                tenure = number - number % 3 if several else number
                times.append((first + tenure * step, new_tenure))
        if self.story.backwards is not None:
            midnight += (self.story.backwards + 1) * SECONDS_OF_DAY
            after = next(at for at, (time, _) in enumerate(times) if time >= midnight)
            (early, one), (late, other) = times[after - 1 : after + 1]
            times[after - 1 : after + 1] = [(late, one), (early, other)]
        return times

    def _block(self, parent: Row, time: int, new_tenure: bool, *, canonical: bool, branch: int = 0) -> Row:
        height = parent["block_height"] + 1
        if canonical and new_tenure and height > 1:
            self.burn_height += 1
            self._burn()
        block = block_of(parent, digest("block", self.story.seed, height, branch), time, self.burn_height, canonical)
        self.tables["blocks"].append(block)
        return block

    def _burn(self) -> None:
        for number in range(2):
            self.tables["burnchain_rewards"].append(
                {
                    "canonical": True,
                    "burn_block_hash": digest("burn", self.burn_height),
                    "burn_block_height": self.burn_height,
                    "burn_amount": BURNT,
                    "reward_recipient": f"bc1stacker{(self.burn_height + number) % 7}",
                    "reward_amount": SATOSHI + self.burn_height % 100,
                    "reward_index": number,
                }
            )

    def _genesis(self, block: Row) -> None:
        """The first block gives everybody something, and the whales a lot: one of them all that fits no bin."""
        transaction = self._transaction(block, self.people[0], 0, CALL)
        for number, person in enumerate(self.people):
            amount = self.random.randrange(100, 9_000 * STX)
            if number < self.story.whales:
                amount = (12_000_000 // (number * number + 1)) * STX + self.random.randrange(STX)
            self._event(transaction, number, MINTED, amount, recipient=person)
        self.events = len(self.people)

    def _fill(self, block: Row, parent: Row, new_tenure: bool) -> None:
        miner = self.random.choice(self.miners)
        number = 1 if block["block_height"] == 1 else 0
        if new_tenure:
            self._transaction(block, miner, number, COINBASE)
            self._reward(block, miner)
        else:
            self._transaction(block, miner, number, TENURE)
        for index in range(number + 1, number + 1 + self.random.randrange(self.story.transactions_a_block * 2)):
            self._something(block, index)

    def _reward(self, block: Row, miner: str) -> None:
        mature = block["block_height"] + self.story.maturity
        parts = (1_000 * STX, self.random.randrange(10**6), self.random.randrange(10**5), self.random.randrange(10**5))
        names = ("coinbase_amount", "tx_fees_anchored", "tx_fees_streamed_confirmed", "tx_fees_streamed_produced")
        self.due[mature].append((miner, sum(parts)))
        self.tables["miner_rewards"].append(
            {
                # Of the block that it matures in, which is not there yet; from the one that earned it.
                "block_hash": digest("hash", digest("block", self.story.seed, mature, 0)),
                "index_block_hash": digest("block", self.story.seed, mature, 0),
                "from_index_block_hash": block["index_block_hash"],
                "mature_block_height": mature,
                "canonical": True,
                "recipient": miner,
                "miner_address": miner,
            }
            | dict(zip(names, parts, strict=True))
        )

    def _pay_rewards(self, height: int) -> None:
        for miner, amount in self.due.pop(height, ()):
            self.balances[miner] += amount

    def _something(self, block: Row, index: int) -> None:
        """One transaction: most move STX, others burn it, fail, or mint and move NFTs."""
        sender = self.random.choice(self.people)
        sponsor = self.random.choice(self.people) if self.random.random() < 0.15 else None
        fee = self.random.randrange(180, 3_000)
        payer = sponsor or sender
        if self.balances[payer] < fee or self.balances[sender] < 10:
            return
        orphaned = self.random.random() < self.story.orphaned
        spendable = self.balances[sender] - (fee if payer == sender else 0)
        if spendable < 1:
            return
        options: Row = {"fee_rate": fee, "sponsor_address": sponsor, "microblock_canonical": not orphaned}
        what = self.random.random()
        if what < 0.6:
            amount = self.random.randrange(1, spendable + 1) if what > 0.1 else max(1, spendable // 2)
            recipient = self.random.choice(self.people + self.miners)
            tx = self._transaction(block, sender, index, TRANSFER, (recipient, amount), **options)
            self._event(tx, 0, SENT, amount, sender=sender, recipient=recipient)
        elif what < 0.7:
            tx = self._transaction(block, sender, index, CALL, **options)
            self._event(tx, 0, BURNED, self.random.randrange(1, spendable + 1), sender=sender)
        elif what < 0.8:
            self._transaction(block, sender, index, CALL, status=-1, **options)
        else:
            self._nft(self._transaction(block, sender, index, CALL, **options), sender)

    def _transaction(
        self, block: Row, sender: str, index: int, kind: int, paid: tuple[str, int] | None = None, **more: Any
    ) -> Row:
        name = digest("tx", self.story.seed, block["block_height"], index)
        row = transaction(block, name, index, kind, sender=sender, paid=paid) | more
        row["parent_burn_block_time"] = self.tip["burn_block_time"]
        row["sponsored"] = row["sponsor_address"] is not None
        self.tables["txs"].append(row)
        if row["canonical"] and row["microblock_canonical"]:
            self.balances[row["sponsor_address"] or sender] -= row["fee_rate"]
        if not row["microblock_canonical"]:
            row["microblock_sequence"] = 1
            self.tables["microblocks"].append(microblock(block, row))
        return row

    def _event(
        self, tx: Row, index: int, kind: int, amount: int, *, sender: str | None = None, recipient: str | None = None
    ) -> None:
        moved = of_transaction(tx) | {"event_index": index, "asset_event_type_id": kind, "amount": amount}
        self.tables["stx_events"].append(moved | {"sender": sender, "recipient": recipient})
        if tx["canonical"] and tx["microblock_canonical"]:
            if sender:
                self.balances[sender] -= amount
            if recipient:
                self.balances[recipient] += amount

    def _nft(self, tx: Row, sender: str) -> None:
        asset = self.random.choice(COLLECTIONS)
        held = [value for (of, value), owner in self.owners.items() if of == asset and owner == sender]
        row = of_transaction(tx) | {"event_index": 0, "asset_identifier": asset}
        if not held or self.random.random() < 0.6:
            self.minted += 1
            row |= {"asset_event_type_id": MINTED, "value": self.minted.to_bytes(8, "big")}
            row |= {"sender": None, "recipient": sender}
        else:
            burned = self.random.random() < 0.3
            recipient = None if burned else self.random.choice(self.people)
            row |= {"asset_event_type_id": BURNED if burned else SENT, "value": held[0]}
            row |= {"sender": sender, "recipient": recipient}
        self.tables["nft_events"].append(row)
        if tx["canonical"] and tx["microblock_canonical"]:
            if row["recipient"]:
                self.owners[asset, row["value"]] = row["recipient"]
            else:
                del self.owners[asset, row["value"]]

    def _sibling(self, block: Row, parent: Row, time: int) -> None:
        """A block beside a canonical one, with the same transactions and events, as the indexer keeps it."""
        sibling = self._block(parent, time, new_tenure=True, canonical=False, branch=1)
        other = {name: sibling[name] for name in ("index_block_hash", "block_hash", "canonical")}
        for table in ("txs", "stx_events", "nft_events"):
            for row in [row for row in self.tables[table] if row["index_block_hash"] == block["index_block_hash"]]:
                copied = row | {name: value for name, value in other.items() if name in row}
                if table == "txs":
                    copied["burn_block_time"] = time
                self.tables[table].append(copied)

    def _pending(self) -> None:
        """The mempool: some wait, some were dropped."""
        for number in range(30):
            self.tables["mempool_txs"].append(waiting(self.tip, number, self.people[number % len(self.people)]))

    def _cycles(self) -> None:
        """Each cycle's reward set, announced by a block of the prepare phase before it."""
        announced: dict[int, Row] = {}
        for block in self.tables["blocks"]:
            at = block["burn_block_height"] - FIRST_BURN_HEIGHT
            if block["canonical"] and at % CYCLE_LENGTH >= CYCLE_LENGTH - PREPARE_LENGTH:
                announced.setdefault(at // CYCLE_LENGTH + 1, block)
        for number, block in announced.items():
            self.tables["pox_cycles"].append(
                {name: block[name] for name in ("block_height", "index_block_hash", "parent_index_block_hash")}
                | {"cycle_number": number, "canonical": True, "total_weight": 9, "total_signers": 3}
                | {"total_stacked_amount": (4_000_000 + 10_000 * number) * STX}
            )
