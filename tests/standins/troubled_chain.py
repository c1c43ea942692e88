"""A small chain with real roots that can be reorganised, and everything that can go wrong with a node, at random."""

import copy
import random
import threading

import msgspec

from benchmarks.replay_node import ReplayedChain
from benchmarks.synthetic import DAY, SyntheticChain
from tests.standins.faulty_node import Reply, error, status

__all__ = ["DAY", "TroubledChain", "Troubles"]

BLOCKS, TRANSACTIONS = 48, 6


class _Fork(SyntheticChain):
    """The same chain up to a block, another one from there."""

    def __init__(self, trunk, fork_at, seed):
        self._trunk, self._fork_at = trunk, fork_at
        super().__init__(trunk.blocks, len(trunk._answers), seed, TRANSACTIONS)

    def answers(self, number):
        return self._trunk.answers(number) if number < self._fork_at else super().answers(number)


class TroubledChain:
    """Answers as a node would, from a chain that is replaced from a block on when told to."""

    def __init__(self, seed=1):
        self._chain = SyntheticChain(BLOCKS, BLOCKS, seed, TRANSACTIONS)
        self._replayed, self._lock = ReplayedChain(self._chain), threading.Lock()
        self.first, self.last = self._chain.first, self._chain.last

    def reorganise(self, fork_at, seed):
        """Replace the blocks from ``fork_at`` on."""
        self._chain = _Fork(self._chain, fork_at, seed)
        self._replayed = ReplayedChain(self._chain)

    def answer(self, request):
        with self._lock:
            return msgspec.json.decode(self._replayed.answer_bytes(msgspec.json.encode(request)))


def _per_item(change):
    """Some answers of a batch changed, the others as they are."""

    def reply(draw, calls, honest):
        answers = honest()
        many = answers if isinstance(answers, list) else [answers]
        for answer in many:
            if draw.random() < 0.5:
                change(draw, answer)
        return Reply(answers)

    return reply


def _null(draw, answer):
    answer["result"] = None


def _refused(draw, answer):
    del answer["result"]
    words = ["header not found", "limit exceeded", "internal error", "missing trie node", "request timed out"]
    answer["error"] = {"code": draw.choice([-32000, -32005, -32603]), "message": draw.choice(words)}


def _other_id(draw, answer):
    answer["id"] += draw.choice([1, 10**6])


def _lie(draw, answer):
    """Change something that a header commits to: of a block, or of its receipts."""
    result = answer.get("result")
    if isinstance(result, dict) and result.get("transactions") and isinstance(result["transactions"][0], dict):
        _lie_about_block(draw, result)
    elif isinstance(result, list) and result:
        _lie_about_receipts(draw, result)


def _lie_about_block(draw, block):
    transactions = block["transactions"]
    one = draw.choice(transactions)
    lies = [
        lambda: one.update(value=hex(int(one["value"], 16) + 1)),
        lambda: one.update(input=one["input"] + "00"),
        lambda: one.update(to="0x" + "11" * 20),
        transactions.pop,
        lambda: transactions.append(copy.deepcopy(transactions[0])),
        lambda: block.update(timestamp=hex(int(block["timestamp"], 16) + 1)),
        block["withdrawals"].pop,
        lambda: block.update(stateRoot="0x" + "22" * 32),
        lambda: block.update(transactions=[]),
    ]
    draw.choice(lies)()


def _lie_about_receipts(draw, receipts):
    one = draw.choice(receipts)
    lies = [
        lambda: one.update(status="0x0" if one["status"] == "0x1" else "0x1"),
        lambda: one.update(cumulativeGasUsed=hex(int(one["cumulativeGasUsed"], 16) + 1)),
        lambda: one.update(gasUsed=hex(int(one["gasUsed"], 16) + 1)),
        lambda: one.update(logs=[]) if one["logs"] else receipts.pop(),
        lambda: receipts.append(copy.deepcopy(receipts[0])),
        lambda: receipts.reverse() if len(receipts) > 1 else receipts.pop(),
    ]
    if one["logs"]:
        log = draw.choice(one["logs"])
        lies += [
            lambda: one["logs"].remove(log),
            lambda: log.update(data=log["data"] + "00" * 32),
            lambda: log.update(address="0x" + "33" * 20),
            lambda: log.update(topics=log["topics"][:-1]),
            lambda: log.update(transactionHash="0x" + "44" * 32),
        ]
    draw.choice(lies)()


def _another_block(draw, calls, honest):
    moved = copy.deepcopy(calls)
    for call in moved:
        if str(call["params"][:1]).startswith("['0x"):
            call["params"][0] = hex(int(call["params"][0], 16) + 1)
    return Reply(honest(moved))


def _shuffled(draw, calls, honest):
    answers = honest()
    if isinstance(answers, list):
        draw.shuffle(answers)
    return Reply(answers)


def _same_ids(draw, calls, honest):
    answers = honest()
    return Reply([answer | {"id": calls[0]["id"]} for answer in answers] if isinstance(answers, list) else answers)


def _one_less(draw, calls, honest):
    answers = honest()
    return Reply(answers[:-1] if isinstance(answers, list) else [])


FAULTS = {
    "429": lambda draw, calls, honest: status(429, Retry_After=str(draw.randrange(3)))(calls, honest),
    "5xx": lambda draw, calls, honest: status(draw.choice([500, 502, 503]))(calls, honest),
    "too large": lambda draw, calls, honest: status(413)(calls, honest),
    "error for all": lambda draw, calls, honest: error(-32603, "internal error")(calls, honest),
    "page": lambda draw, calls, honest: Reply(b"<html>not JSON</html>"),
    "not UTF-8": lambda draw, calls, honest: Reply(msgspec.json.encode(honest()).replace(b"0x", b"\xff\xfe", 3)),
    "cut": lambda draw, calls, honest: Reply(honest(), cut=draw.randrange(2000)),
    "hangs": lambda draw, calls, honest: Reply(honest(), hang=0.5),
    "trickles": lambda draw, calls, honest: Reply(honest(), trickle=0.02),
    "nulls": _per_item(_null),
    "refusals": _per_item(_refused),
    "other ids": _per_item(_other_id),
    "lies": _per_item(_lie),
    "another block": _another_block,
    "shuffled": _shuffled,
    "same ids": _same_ids,
    "one less": _one_less,
}
# These take real time, each of them.
SLOW = {"hangs", "trickles"}


class Troubles:
    """What a node does with each request: mostly nothing wrong, by the draw of a seed.

    chain: reorganised at some requests. share: of requests that go wrong.
    """

    def __init__(self, seed, chain, share):
        self.done = []
        self._draw, self._chain, self._share = random.Random(seed), chain, share
        self._lock = threading.Lock()
        names = [name for name in FAULTS if name not in SLOW or self._draw.random() < 0.3]
        self._names = self._draw.sample(names, self._draw.randrange(1, len(names) + 1))
        self._reorganisations = self._draw.choice([0, 0, 1, 2]) if chain else 0

    def behave(self, calls, honest):
        """The reply to a request, or None to answer honestly."""
        with self._lock:
            draw = random.Random(self._draw.random())
            if self._reorganisations and draw.random() < 0.1:
                self._reorganisations -= 1
                depth = draw.choice([1, 3, 20])
                self._chain.reorganise(
                    max(self._chain.first, self._chain.last - draw.randrange(24) - depth), draw.random()
                )
                self.done.append("reorganised")
            if draw.random() >= self._share:
                return None
            name = draw.choice(self._names)
            if name in SLOW and self.done.count(name) >= 2:
                return None
            self.done.append(name)
        return FAULTS[name](draw, calls, honest)
