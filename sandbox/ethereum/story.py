"""What happens on the sample chain: who owns what, and the scenes that fill the blocks."""

import dataclasses
import hashlib
from collections.abc import Callable

from eth_account.signers.local import LocalAccount

from sandbox.ethereum.artifacts import calldata, creation
from sandbox.ethereum.author import ETHER, NOBODY, Author, accounts

HUGE = 2**256 - 1
# Over 32,767 bytes are over 65,535 characters of hex: longer than any VARCHAR of Redshift.
LONG_NOTE = b"headwater " * 4_000


@dataclasses.dataclass
class Token:
    """A deployed token and the accounts that can send it."""

    kind: str
    address: str
    unit: int = 1
    holders: list[LocalAccount] = dataclasses.field(default_factory=list)


class Story:
    """Plays accounts against contracts: methods add transactions to the author's block."""

    def __init__(self, author: Author) -> None:
        everyone = accounts()
        self.author = author
        self.founder = everyone[0]
        self.regulars = everyone[:10]
        self.authorities = list(everyone[40:])
        self._newcomers = list(everyone[10:40])
        self._coins: list[Token] = []
        self._collectibles: list[dict[int, LocalAccount]] = []
        self._collectible_at: list[str] = []
        self._bundles: list[str] = []
        self.caller = self.callee = self.factory = self.odd_logs = self.mortal = ""

    # contracts

    def open_coin(self, contract: str, *arguments: object, unit: int) -> None:
        """Create an ERC-20 and hand some of it to five holders."""
        address = self.author.create(self.founder, creation(contract, *arguments))
        coin = Token(contract, address, unit, [self.founder, *self.regulars[1:6]])
        for holder in coin.holders[1:]:
            self._move_coin(coin, self.founder, holder.address, 1_000 * unit)
        self._coins.append(coin)

    def open_unowned_coin(self, contract: str, *arguments: object) -> str:
        """Create an ERC-20 that the traffic leaves alone; return its address."""
        return self.author.create(self.founder, creation(contract, *arguments))

    def open_collectible(self, name: str, symbol: str, count: int) -> None:
        """Create an ERC-721; its items are the founder's."""
        address = self.author.create(self.founder, creation("Collectible", name, symbol, count))
        self._collectible_at.append(address)
        self._collectibles.append(dict.fromkeys(range(1, count + 1), self.founder))

    def open_bundle(self) -> None:
        """Create an ERC-1155 with ids 1, 2, 3 and one beyond 64 bits."""
        values = creation("Bundle", [1, 2, 3, 2**200], [10**6, 10**6, 10**24, 10**6])
        self._bundles.append(self.author.create(self.founder, values))

    def open_workshop(self) -> None:
        """Create the contracts that the other scenes call."""
        self.callee = self.author.create(self.founder, creation("Callee"))
        self.caller = self.author.create(self.founder, creation("Caller"))
        self.factory = self.author.create(self.founder, creation("Factory"), kind=0)
        self.odd_logs = self.author.create(self.founder, creation("OddLogs"), kind=0)

    def open_mortal(self) -> None:
        """Create, with one ether, the contract that is ended in a later block."""
        self.mortal = self.author.create(self.founder, creation("Mortal"), value=ETHER)

    def open_empty(self) -> None:
        """Create a contract whose code is empty: a creation that succeeds and leaves nothing."""
        self.author.create(self.regulars[2], bytes.fromhex("60006000f3"), kind=0)

    # scenes

    def newcomer(self) -> None:
        """Someone's first transaction: nonce 0."""
        self.pay(self._newcomers.pop(0))

    def pay(self, sender: LocalAccount | None = None) -> None:
        """An ether transfer, of one of the three ordinary types, mostly to a fresh address."""
        author = self.author
        sender = sender or self._regular()
        to = self._regular().address if author.roll(3) == 0 else _fresh(author.roll(10**6))
        value = author.roll(5 * ETHER)
        kind = author.roll(4)
        if kind == 0:
            author.send(sender, to, value, gas=21_000, kind=0)
        elif kind == 1:
            keys = ["0x" + f"{author.roll(9):064x}" for _ in range(2)]
            access = [{"address": _fresh(7), "storageKeys": keys}]
            author.send(sender, to, value, gas=40_000, kind=1, accessList=access)
        else:
            author.send(sender, to, value, gas=21_000 + author.roll(9_000))

    def pay_the_old_way(self) -> None:
        """A transaction signed as before EIP-155."""
        self.author.send_before_eip_155(self._regular(), _fresh(155), 155)

    def tour(self, value: int = ETHER // 100) -> None:
        """Nested calls of every kind, with value, two of them refused and caught."""
        data = calldata("Caller", "tour", self.callee, self._regular().address)
        self.author.send(self._regular(), self.caller, value, data, gas=600_000)

    def overspend(self) -> None:
        """An inner call that fails before it starts."""
        data = calldata("Caller", "overspend", _fresh(404))
        self.author.send(self._regular(), self.caller, 1, data)

    def fail(self) -> None:
        """A transaction that reverts with a reason after an inner call with value."""
        data = calldata("Caller", "fail", self.callee)
        self.author.send(self._regular(), self.caller, 10**15, data)

    def panic(self) -> None:
        """A transaction that reverts on a failed assertion."""
        self.author.send(self._regular(), self.callee, 0, calldata("Callee", "fault"), kind=0)

    def run_out_of_gas(self) -> None:
        """A transaction that fails by using up its gas."""
        data = calldata("Callee", "deeper", 40)
        self.author.send(self._regular(), self.callee, 0, data, gas=60_000)

    def overdraw_coin(self) -> None:
        """A token transfer that reverts: the sender owns nothing."""
        coin = self._coins[-1]
        data = calldata(coin.kind, "transfer", self.founder.address, coin.unit)
        self.author.send(self.regulars[9], coin.address, 0, data)

    def stillborn(self) -> None:
        """A creation that reverts; its receipt names an address all the same."""
        self.author.create(self._regular(), creation("Stillborn"), kind=self.author.roll(3))

    def children(self, number: int) -> None:
        """Contracts created by a contract: CREATE with value, CREATE2, one failed, one undone."""
        for function, value in (("create", number), ("create2", 0), ("tryUndone", 0)):
            data = calldata("Factory", function, number)
            self.author.send(self._regular(), self.factory, value, data, gas=500_000)
        data = calldata("Factory", "tryStillborn")
        self.author.send(self._regular(), self.factory, 0, data, gas=500_000)

    def mayfly(self) -> None:
        """A contract created and ended in the same transaction."""
        data = calldata("Factory", "mayfly", _fresh(24))
        self.author.send(self._regular(), self.factory, 7, data, gas=500_000)

    def end_mortal(self) -> None:
        """A self-destruct of an older contract: the ether moves, since Cancun the code stays."""
        data = calldata("Mortal", "end", self.regulars[3].address)
        self.author.send(self._regular(), self.mortal, 0, data)

    def note(self) -> None:
        """An input longer than a warehouse's longest text column."""
        data = calldata("Caller", "note", LONG_NOTE)
        self.author.send(self._regular(), self.caller, 0, data, gas=2_500_000)

    def odd_log(self) -> None:
        """A log that is no token transfer, or only looks like one."""
        one, two, number = self.regulars[1].address, self.regulars[2].address, self.author.roll(999)
        calls = (
            calldata("OddLogs", "nameless", number),
            calldata("OddLogs", "shortTransfer", one),
            calldata("OddLogs", "longTransfer", one, two, number),
            calldata("OddLogs", "unindexedTransfer", one, two, number),
            calldata("OddLogs", "raggedTransfer", one, two),
        )
        for data in calls:
            self.author.send(self._regular(), self.odd_logs, 0, data)

    def move_huge(self) -> None:
        """A coin whose whole supply, the largest uint256, moves at once."""
        supply = ("Wide", "WIDE", 18, HUGE)
        address = self.open_unowned_coin("Coin", *supply)
        whole = Token("Coin", address)
        self._move_coin(whole, self.founder, self.regulars[7].address, HUGE)

    def burn(self) -> None:
        """An ERC-20 transfer to the zero address, and the same of an ERC-721 item."""
        coin = self._coins[self.author.roll(len(self._coins))]
        self._move_coin(coin, self.founder, NOBODY, coin.unit)
        which = self.author.roll(len(self._collectibles))
        items = self._collectibles[which]
        self._move_item(which, max(items), NOBODY)
        del items[max(items)]

    def blobs(self, *indices: int) -> None:
        """An EIP-4844 transaction."""
        self.author.send_blobs(self._regular(), _fresh(4844), indices)

    def delegate(self, authority: int, code_of: str | None = None) -> None:
        """An EIP-7702 transaction; without `code_of` the delegation is to the Caller."""
        self.author.delegate(self._regular(), self.authorities[authority], code_of or self.caller)

    def tour_as_account(self, authority: int) -> None:
        """A call to an ordinary account that runs delegated code."""
        data = calldata("Caller", "tour", self.callee, self.regulars[4].address)
        self.author.send(self._regular(), self.authorities[authority].address, 800, data, gas=600_000)

    # everyday traffic

    def traffic(self) -> None:
        """One everyday transaction (an approval makes it two) of a kind that exists by now."""
        choices: list[Callable[[], None]] = [self.pay]
        if self._coins:
            choices += [self.send_coin, self.send_coin, self.spend_allowance]
        if self._collectibles:
            choices.append(self.send_item)
        if self._bundles:
            choices += [self.send_single, self.send_batch]
        choices[self.author.roll(len(choices))]()

    def send_coin(self) -> None:
        """An ERC-20 transfer between holders, or to a fresh address."""
        coin = self._coins[self.author.roll(len(self._coins))]
        sender = coin.holders[self.author.roll(len(coin.holders))]
        to = self._regular().address if self.author.roll(2) else _fresh(self.author.roll(10**6))
        self._move_coin(coin, sender, to, 1 + self.author.roll(10 * coin.unit))

    def spend_allowance(self) -> None:
        """An ERC-20 approval and the transfer that it allows."""
        coin = self._coins[self.author.roll(len(self._coins))]
        value = 1 + self.author.roll(5 * coin.unit)
        owner, spender = coin.holders[1], coin.holders[2]
        approval = calldata(coin.kind, "approve", spender.address, value)
        self.author.send(owner, coin.address, 0, approval)
        spending = calldata(coin.kind, "transferFrom", owner.address, self._regular().address, value)
        self.author.send(spender, coin.address, 0, spending)

    def send_item(self) -> None:
        """An ERC-721 transfer."""
        which = self.author.roll(len(self._collectibles))
        items = self._collectibles[which]
        item = sorted(items)[self.author.roll(len(items))]
        to = self._regular()
        self._move_item(which, item, to.address)
        items[item] = to

    def send_single(self) -> None:
        """An ERC-1155 TransferSingle."""
        bundle = self._bundles[self.author.roll(len(self._bundles))]
        number = (1, 2, 3, 2**200)[self.author.roll(4)]
        arguments = (
            self.founder.address,
            self._regular().address,
            number,
            1 + self.author.roll(90),
            b"",
        )
        data = calldata("Bundle", "safeTransferFrom", *arguments)
        self.author.send(self.founder, bundle, 0, data)

    def send_batch(self) -> None:
        """An ERC-1155 TransferBatch of up to four ids, sometimes of none or of one id twice."""
        bundle = self._bundles[self.author.roll(len(self._bundles))]
        ids = ([1, 2], [3, 1, 2**200], [2, 2], [], [1, 2, 3, 2**200])[self.author.roll(5)]
        values = [1 + self.author.roll(50) for _ in ids]
        arguments = (self.founder.address, self._regular().address, ids, values, b"")
        data = calldata("Bundle", "safeBatchTransferFrom", *arguments)
        self.author.send(self.founder, bundle, 0, data)

    def _move_coin(self, coin: Token, sender: LocalAccount, to: str, value: int) -> None:
        data = calldata(coin.kind, "transfer", to, value)
        self.author.send(sender, coin.address, 0, data, gas=100_000, kind=self.author.roll(3))

    def _move_item(self, which: int, item: int, to: str) -> None:
        owner = self._collectibles[which][item]
        data = calldata("Collectible", "transferFrom", owner.address, to, item)
        self.author.send(owner, self._collectible_at[which], 0, data)

    def _regular(self) -> LocalAccount:
        return self.regulars[self.author.roll(len(self.regulars))]


def _fresh(number: int) -> str:
    """An address that nobody holds the key of."""
    return "0x" + hashlib.sha256(f"fresh/{number}".encode()).hexdigest()[:40]
