"""CoinGecko and Blockchair as resources: plans from the settings, the sample of this repository without any."""

import os
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache

import dagster as dg

from core import settings
from core.clock import Clock
from resources.clients.markets.blockchair import Blockchair
from resources.clients.markets.blockchair_dumps import BlockchairDumps
from resources.clients.markets.chain_source import ChainSource
from resources.clients.markets.coingecko import CoinGecko
from resources.clients.markets.units import UnitLedger
from resources.clients.postgres.database import Postgres

SAMPLE = "sample"


class CoinGeckoResource(dg.ConfigurableResource):
    """The prices behind ``COINGECKO_PLAN``."""

    def client(self) -> CoinGecko:
        environ, plan = os.environ, plan_of(settings.COINGECKO_PLAN)
        if plan == SAMPLE:
            return CoinGecko("keyless", None, self.clock(), root=_sample_roots()[0])
        return CoinGecko(
            plan,
            settings.COINGECKO_API_KEY.read(environ),
            self.clock(),
            root=settings.COINGECKO_URL.read(environ),
            per_minute=settings.COINGECKO_CALLS_PER_MINUTE.number(environ, least=0.01),
        )

    def clock(self) -> Clock:
        """The time to go by: the sample's own has stood still since it was made."""
        return _SampleClock() if plan_of(settings.COINGECKO_PLAN) == SAMPLE else Clock()


class BlockchairResource(dg.ConfigurableResource):
    """The chains behind ``BLOCKCHAIR_PLAN``."""

    def client(self, database: Postgres) -> Blockchair:
        """The client, charging its requests to the database's counter."""
        environ, plan, clock = os.environ, plan_of(settings.BLOCKCHAIR_PLAN), self.clock()
        if plan == SAMPLE:
            # The sample's day never ends, so nothing would ever reset a limit.
            ledger = UnitLedger(database, "Blockchair sample", None, clock)
            return Blockchair(ledger, clock, root=_sample_roots()[1])
        key = settings.BLOCKCHAIR_API_KEY.require(environ) if plan == "key" else None
        per_day = Decimal(settings.BLOCKCHAIR_UNITS_PER_DAY.integer(environ))
        return Blockchair(
            UnitLedger(database, "Blockchair", per_day, clock),
            clock,
            root=settings.BLOCKCHAIR_URL.read(environ),
            key=key,
            per_minute=settings.BLOCKCHAIR_CALLS_PER_MINUTE.number(environ, least=0.01),
        )

    def source(self, database: Postgres) -> ChainSource:
        """Where blocks and single transactions come from: the API, or the dumps."""
        environ = os.environ
        if settings.BLOCKCHAIR_SOURCE.read(environ) == "api":
            return self.client(database)
        if plan_of(settings.BLOCKCHAIR_PLAN) == SAMPLE:
            return BlockchairDumps(self.clock(), _sample_roots()[2])
        key = settings.BLOCKCHAIR_DUMPS_KEY.read(environ)
        return BlockchairDumps(self.clock(), settings.BLOCKCHAIR_DUMPS_URL.read(environ), key)

    def most_transactions(self) -> int:
        return settings.BLOCKCHAIR_TRANSACTIONS.integer(os.environ, least=0)

    def finality(self) -> timedelta:
        """How long after its end a day's sums count as final."""
        return timedelta(hours=settings.MARKETS_FINALITY_HOURS.number(os.environ) or 0)

    def clock(self) -> Clock:
        """The time to go by: the sample's own has stood still since it was made."""
        return _SampleClock() if plan_of(settings.BLOCKCHAIR_PLAN) == SAMPLE else Clock()


def plan_of(setting: settings.Setting) -> str:
    """The plan set; the sample only in the local stage.

    Raises:
        SettingError: when none is set elsewhere.
    """
    if settings.stage_from(os.environ) == "local":
        return setting.read(os.environ) or SAMPLE
    return setting.require(os.environ)


class _SampleClock(Clock):
    def now(self) -> datetime:
        from sandbox.markets.sample import NOW  # noqa: PLC0415 - as below

        return NOW


@cache
def _sample_roots() -> tuple[str, str, str]:
    """Serves the sample from this process, once: CoinGecko's root, Blockchair's, and the address of its dumps."""
    from sandbox.markets.sample import sample  # noqa: PLC0415 - not loaded for the real APIs
    from sandbox.markets.server import MarketServer  # noqa: PLC0415

    server = MarketServer(sample()).start()
    return server.coingecko_root, server.blockchair_root, server.dumps_pattern
