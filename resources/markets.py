"""CoinGecko and Blockchair as resources: plans from the settings, the sample of this repository without any."""

from datetime import timedelta
from decimal import Decimal

import dagster as dg

from core.clock import Clock
from core.settings import blockchair, coingecko
from core.settings.base import revealed
from resources.clients.markets.blockchair import Blockchair
from resources.clients.markets.blockchair_dumps import BlockchairDumps
from resources.clients.markets.chain_source import ChainSource
from resources.clients.markets.coingecko import CoinGecko
from resources.clients.markets.units import UnitLedger
from resources.clients.postgres.database import Postgres
from resources.configured import ReadsSettings
from resources.in_force import origins
from resources.samples import SAMPLE, SampleClock, sample_for, sample_markets


class CoinGeckoResource(ReadsSettings, dg.ConfigurableResource):
    """The prices behind ``COINGECKO_PLAN``; each field stands in for the setting of its name."""

    plan: str | None = None
    url: str | None = None
    calls_per_minute: float | None = None

    def client(self) -> CoinGecko:
        given, plan = self._settings(), self.plan_in_force()
        if plan == SAMPLE:
            return CoinGecko("keyless", None, self.clock(), root=sample_markets().coingecko)
        return CoinGecko(plan, revealed(given.api_key), self.clock(), root=given.url, per_minute=given.calls_per_minute)

    def plan_in_force(self) -> str:
        """The plan set; the sample only in the local stage.

        Raises:
            SettingError: when none is set elsewhere.
        """
        given = self._settings()
        return SAMPLE if sample_for(given.plan, self.of_stage()) else str(given.require("plan")[0])

    def in_force(self) -> dict[str, str]:
        """Which CoinGecko is asked, without its key."""
        return {"CoinGecko": _shown(self.plan_in_force(), self._settings().url)}

    def clock(self) -> Clock:
        """The time to go by: the sample's own has stood still since it was made."""
        return SampleClock() if self.plan_in_force() == SAMPLE else Clock()

    def _settings(self) -> coingecko.CoinGecko:
        return self.settings(coingecko.CoinGecko, plan=self.plan, url=self.url, calls_per_minute=self.calls_per_minute)


class BlockchairResource(ReadsSettings, dg.ConfigurableResource):
    """The chains behind ``BLOCKCHAIR_PLAN``; each field stands in for the setting of its name."""

    plan: str | None = None
    url: str | None = None
    calls_per_minute: float | None = None
    units_per_day: int | None = None
    transactions: int | None = None
    source_of_blocks: str | None = None

    def client(self, database: Postgres) -> Blockchair:
        """The client, charging its requests to the database's counter."""
        given, plan, clock = self._settings(), self.plan_in_force(), self.clock()
        if plan == SAMPLE:
            # The sample's day never ends, so nothing would ever reset a limit.
            ledger = UnitLedger(database, "Blockchair sample", None, clock)
            return Blockchair(ledger, clock, root=sample_markets().blockchair)
        key = given.require("api_key")[0].get_secret_value() if plan == "key" else None
        return Blockchair(
            UnitLedger(database, "Blockchair", Decimal(given.units_per_day), clock),
            clock,
            root=given.url,
            key=key,
            per_minute=given.calls_per_minute,
        )

    def source(self, database: Postgres) -> ChainSource:
        """Where blocks and single transactions come from: the API, or the dumps."""
        given = self._settings()
        if given.source == "api":
            return self.client(database)
        if self.plan_in_force() == SAMPLE:
            return BlockchairDumps(self.clock(), sample_markets().dumps)
        return BlockchairDumps(self.clock(), given.dumps_url, revealed(given.dumps_key))

    def most_transactions(self) -> int:
        return self._settings().transactions

    def finality(self) -> timedelta:
        """How long after its end a day's sums count as final."""
        return timedelta(hours=self._settings().finality_hours)

    def plan_in_force(self) -> str:
        """The plan set; the sample only in the local stage.

        Raises:
            SettingError: when none is set elsewhere.
        """
        given = self._settings()
        return SAMPLE if sample_for(given.plan, self.of_stage()) else str(given.require("plan")[0])

    def in_force(self) -> dict[str, str]:
        """Which Blockchair is asked, without its key, and where blocks come from."""
        given = self._settings()
        return {"Blockchair": f"{_shown(self.plan_in_force(), given.url)}; blocks from {given.source}"}

    def clock(self) -> Clock:
        """The time to go by: the sample's own has stood still since it was made."""
        return SampleClock() if self.plan_in_force() == SAMPLE else Clock()

    def _settings(self) -> blockchair.Blockchair:
        return self.settings(
            blockchair.Blockchair,
            plan=self.plan,
            url=self.url,
            calls_per_minute=self.calls_per_minute,
            units_per_day=self.units_per_day,
            transactions=self.transactions,
            source=self.source_of_blocks,
        )


def _shown(plan: str, url: str | None) -> str:
    if plan == SAMPLE:
        return "sandbox: the embedded sample"
    return f"plan {plan}{f' at {origins(url)}' if url else ''}"
