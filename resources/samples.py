"""The one place where the local stage's sandbox is chosen: for a source that nothing was set for, and never elsewhere.

The sandbox is imported with the definitions: later, the working directory need not be on Python's path any more.
"""

from datetime import datetime
from functools import cache
from typing import NamedTuple

from core.clock import Clock
from core.settings.stage import Stage
from sandbox.ethereum.node import SandboxNode
from sandbox.exchanges.server import ExchangeServer
from sandbox.exchanges.world import sample_world
from sandbox.markets.sample import NOW, sample
from sandbox.markets.server import MarketServer

SAMPLE = "sample"


class MarketRoots(NamedTuple):
    """Where the sample of the markets is served: two APIs' roots, and the pattern of a dump's address."""

    coingecko: str
    blockchair: str
    dumps: str


class SampleClock(Clock):
    """The sample's own time, which has stood still since it was made."""

    def now(self) -> datetime:
        return NOW


def sample_for(given: object, stage: Stage) -> bool:
    """Whether the sandbox serves a source: in the local stage, when nothing is given that leads elsewhere."""
    return given is None and stage.stage == "local"


@cache
def sample_chain() -> str:
    """The address of the embedded sample chain, served from this process, once."""
    node = SandboxNode()
    node.start()
    return node.uri


@cache
def sample_markets() -> MarketRoots:
    """Where the embedded sample of the markets is, served from this process, once."""
    server = MarketServer(sample()).start()
    return MarketRoots(server.coingecko_root, server.blockchair_root, server.dumps_pattern)


@cache
def sample_exchange() -> str:
    """Where the embedded sample of the exchanges is, served from this process, once."""
    return ExchangeServer(sample_world()).start().root
