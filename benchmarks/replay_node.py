"""A node that replays a synthetic chain, in a process of its own: ``python -m benchmarks.replay_node --blocks 300``.

It only puts bytes together, so that two cores measure the exporter and not the node; still it is a process of its
own whose time nobody adds to the exporter's. Its first line of output is its address. ``bench_traffic`` is a method
of no other node: it answers how many requests and calls of each method came since it was called last.
"""

import argparse
import asyncio
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.corruptions import CORRUPTIONS
from benchmarks.synthetic import DISTINCT, Head, SyntheticChain

ROOT = Path(__file__).resolve().parent.parent
NO_METHOD, INVALID_PARAMS = -32601, -32602
NEWEST = ("latest", "pending")


class ReplayedChain:
    """A synthetic chain answering JSON-RPC requests."""

    def __init__(self, chain: SyntheticChain):
        self.chain = chain
        self.asked: Counter[str] = Counter()
        self._facts = {
            "eth_blockNumber": hex(chain.head),
            "eth_chainId": "0x1",
            "eth_syncing": False,
            "net_version": "1",
            "web3_clientVersion": "synthetic/1",
        }
        self._handlers: dict[str, Callable[[list[Any]], bytes]] = {
            "eth_getBlockByNumber": self._block,
            "eth_getBlockReceipts": self._receipts,
            "eth_getTransactionReceipt": self._receipt,
            "eth_getLogs": self._logs,
        }

    def answer_bytes(self, body: bytes) -> bytes:
        """The answer to one request or to a batch of them."""
        request = msgspec.json.decode(body)
        self.asked["requests"] += 1
        if isinstance(request, list):
            return b"[" + b",".join([self._reply(one) for one in request]) + b"]"
        return self._reply(request)

    def _reply(self, request: dict[str, Any]) -> bytes:
        method, id_ = request["method"], msgspec.json.encode(request.get("id"))
        if method == "bench_traffic":
            outcome = b'"result":' + msgspec.json.encode(self.asked - Counter(requests=1))
            self.asked = Counter()
        else:
            self.asked[method] += 1
            outcome = self._outcome(method, request.get("params") or [])
        return b"".join((b'{"jsonrpc":"2.0","id":', id_, b",", outcome, b"}"))

    def _outcome(self, method: str, params: list[Any]) -> bytes:
        if method in self._facts:
            return b'"result":' + msgspec.json.encode(self._facts[method])
        handler = self._handlers.get(method)
        if handler is None:
            return _error(NO_METHOD, f"the method {method} does not exist/is not available")
        try:
            return b'"result":' + handler(params)
        except (LookupError, TypeError, ValueError, AttributeError):
            return _error(INVALID_PARAMS, f"cannot read the params of {method}")

    def _number(self, at: str) -> int:
        if at in NEWEST:
            return self.chain.head
        return self.chain.finalized if at == "finalized" else int(at, 16)

    def _place(self, at: str) -> Head | None:
        """The place of a block that has contents."""
        number = self._number(at)
        return self.chain.at(number) if self.chain.first <= number <= self.chain.head else None

    def _block(self, params: list[Any]) -> bytes:
        place = self._place(params[0])
        if place:
            return self.chain.answers(place.number).block(place, len(params) > 1 and params[1] is True)
        number = self._number(params[0])
        if number > self.chain.head:
            return b"null"
        head = self.chain.distant(number)
        named = {"number": hex(number), "hash": head.hash, "parentHash": head.parent, "timestamp": hex(head.timestamp)}
        return msgspec.json.encode(named | {"transactions": []})

    def _receipts(self, params: list[Any]) -> bytes:
        place = self._place(params[0])
        return self.chain.answers(place.number).receipts(place) if place else b"null"

    def _receipt(self, params: list[Any]) -> bytes:
        number, at = self.chain.receipts_at.get(params[0], (0, 0))
        return self.chain.answers(number).receipt(self.chain.at(number), at) if number else b"null"

    def _logs(self, params: list[Any]) -> bytes:
        span = range(self._number(params[0]["fromBlock"]), self._number(params[0]["toBlock"]) + 1)
        found = (self.chain.answers(number).logs(self.chain.at(number)) for number in span)
        return b"[" + b",".join(part for part in found if part) + b"]"


class CorruptedChain(ReplayedChain):
    """The same with one block, the second of the day, that is not what the chain holds. corruption: its name."""

    def __init__(self, chain: SyntheticChain, corruption: str):
        super().__init__(chain)
        place, held = chain.at(chain.first + 1), chain.answers(chain.first + 1)
        self._victim = place.number
        self._sent, self._hashes = msgspec.json.decode(held.block(place, full=True)), set(held.of.hashes)
        self._its_receipts = msgspec.json.decode(held.receipts(place))
        CORRUPTIONS[corruption](self._sent, self._its_receipts)

    def _block(self, params: list[Any]) -> bytes:
        if self._number(params[0]) != self._victim:
            return super()._block(params)
        if len(params) > 1 and params[1] is True:
            return msgspec.json.encode(self._sent)
        hashes = [transaction["hash"] for transaction in self._sent["transactions"]]
        return msgspec.json.encode(self._sent | {"transactions": hashes})

    def _receipts(self, params: list[Any]) -> bytes:
        if self._number(params[0]) != self._victim:
            return super()._receipts(params)
        return msgspec.json.encode(self._its_receipts)

    def _receipt(self, params: list[Any]) -> bytes:
        if params[0] not in self._hashes:
            return super()._receipt(params)
        own = (receipt for receipt in self._its_receipts if receipt["transactionHash"] == params[0])
        return msgspec.json.encode(next(own, None))

    def _logs(self, params: list[Any]) -> bytes:
        parts = []
        for number in range(self._number(params[0]["fromBlock"]), self._number(params[0]["toBlock"]) + 1):
            if number == self._victim:
                parts += [msgspec.json.encode(log) for receipt in self._its_receipts for log in receipt["logs"]]
            else:
                parts.append(self.chain.answers(number).logs(self.chain.at(number)))
        return b"[" + b",".join(part for part in parts if part) + b"]"


def _error(code: int, message: str) -> bytes:
    return b'"error":' + msgspec.json.encode({"code": code, "message": message})


class _Connection(asyncio.Protocol):
    """HTTP/1.1, kept alive, no more of it than JSON-RPC clients send."""

    def __init__(self, chain: ReplayedChain, latency: float):
        self._chain, self._latency = chain, latency
        self._received = b""
        self._wanted: int | None = None
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.set_write_buffer_limits(high=1 << 26)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while True:
            if self._wanted is None:
                head, found, rest = self._received.partition(b"\r\n\r\n")
                if not found:
                    return
                self._wanted, self._received = _content_length(head), rest
                if b"100-continue" in head.lower():
                    self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            if len(self._received) < self._wanted:
                return
            body, self._received = self._received[: self._wanted], self._received[self._wanted :]
            self._wanted = None
            if self._latency:
                asyncio.get_running_loop().call_later(self._latency, self._answer, body)
            else:
                self._answer(body)

    def _answer(self, body: bytes) -> None:
        answer = self._chain.answer_bytes(body)
        top = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n"
        if not self._transport.is_closing():
            self._transport.writelines([top.encode(), answer])


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


async def _serve(chain: ReplayedChain, latency: float) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(ending, ended.set)
    server = await loop.create_server(lambda: _Connection(chain, latency), "127.0.0.1", 0, backlog=256)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await ended.wait()
    server.close()


@contextmanager
def replaying(
    blocks: int, distinct: int = DISTINCT, latency_ms: int = 0, seed: int = 1, *, corruption: str | None = None
) -> Iterator[str]:
    """The address of a node that replays a chain in a process of its own, ended afterwards.

    corruption: of one of its blocks, by name.
    """
    options = {"blocks": blocks, "distinct": distinct, "latency-ms": latency_ms, "seed": seed}
    command = [
        sys.executable,
        "-m",
        "benchmarks.replay_node",
        *(f"--{name}={value}" for name, value in options.items()),
        *([f"--corruption={corruption}"] if corruption else []),
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            address = process.stdout.readline().strip() if process.stdout else ""
            if not address:
                raise RuntimeError("the replay node did not start; it says why above")
            yield address
        finally:
            process.terminate()


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replay_node", description="Replay a synthetic day.")
    parser.add_argument("--blocks", type=int, default=300, help="blocks of the day")
    parser.add_argument("--distinct", type=int, default=DISTINCT, help="distinct contents, repeated over the day")
    parser.add_argument("--latency-ms", type=int, default=0, help="waited before each answer")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corruption", choices=CORRUPTIONS, help="what is wrong with one of the blocks")
    arguments = parser.parse_args()
    chain = SyntheticChain(arguments.blocks, arguments.distinct, arguments.seed)
    replayed = CorruptedChain(chain, arguments.corruption) if arguments.corruption else ReplayedChain(chain)
    asyncio.run(_serve(replayed, arguments.latency_ms / 1000))


if __name__ == "__main__":
    main()
