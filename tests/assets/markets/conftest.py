"""The markets on a database of the test's own and a world of its own, with time set by the test."""

import shlex
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from assets.markets.tracked import SEED, chains
from definitions import defs
from resources.clients.postgres.database import Postgres
from resources.dbt import PROJECT_DIR, Dbt, dbt_resource
from resources.markets import BlockchairResource, CoinGeckoResource
from resources.stages import resources_for
from sandbox.markets.server import MarketServer
from schedules.markets import ROOM
from tests.standins.markets import DAY, DayClock, chain, world
from tests.standins.runs import QUIET, failures

PRICES = "key:raw/markets/market_daily or key:raw/markets/global_daily"
CHAINS = "key:raw/markets/blocks or key:raw/markets/tx_daily_aggregate"


@dataclass
class Markets:
    """The room's graph against a server that speaks as both sources do."""

    database: Postgres
    server: MarketServer
    clock: DayClock
    instance: dg.DagsterInstance = field(default_factory=dg.DagsterInstance.ephemeral)

    def at(self, day, hour=1):
        """It is now so many hours after the end of the day, for clients and sources alike."""
        self.clock.moment = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1, hours=hour)
        self.server.world.now = self.clock.moment
        return self

    def run(self, select: str, *partitions: Any, expect_success=True) -> dg.ExecuteInProcessResult:
        """One run over a partition, or a range of them."""
        keys = [str(partition) for partition in partitions]
        tags = {"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]}
        result = dg.materialize(
            ROOM.assets,
            selection=select,
            resources=self.resources(),
            instance=self.instance,
            tags=tags if len(keys) > 1 else None,
            partition_key=partition_of(keys[0]) if len(keys) == 1 else None,
            run_config=QUIET,
            raise_on_error=False,
        )
        assert result.success == expect_success, failures(result)
        return result

    def build(self, models: dg.AssetsDefinition, *days: Any, expect_success=True) -> dg.ExecuteInProcessResult:
        """One part of the models, for a day, a range of days, or as a whole."""
        first, last = (str(days[0]), str(days[-1])) if days else ("", "")
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        result = dg.materialize(
            [models],
            resources=self.resources(),
            instance=self.instance,
            tags=tags if days else None,
            run_config=QUIET,
            raise_on_error=False,
        )
        assert result.success == expect_success, failures(result)
        return result

    def run_job(self, name: str, partition: str, expect_success=True) -> dg.ExecuteInProcessResult:
        """A job, as its schedule starts it."""
        job = defs.resolve_job_def(name)
        result = job.execute_in_process(
            partition_key=partition_of(partition),
            instance=self.instance,
            resources=self.resources(),
            run_config=QUIET,
            raise_on_error=False,
        )
        assert result.success == expect_success, failures(result)
        return result

    def fetch_chains(self, *days, expect_success=True):
        for name in chains():
            self.run(CHAINS, *(f"{name}|{day}" for day in days), expect_success=expect_success)

    def resources(self) -> dict[str, Any]:
        clock = self.clock

        class SetCoinGecko(CoinGeckoResource):
            def clock(self):
                return clock

        class SetBlockchair(BlockchairResource):
            def clock(self):
                return clock

        return resources_for("local") | {"coingecko": SetCoinGecko(), "blockchair": SetBlockchair()}

    def rows(self, statement: str, *parameters: Any) -> list[dict]:
        return self.database.records(statement, list(parameters))

    def table(self, address: str, but: tuple[str, ...] = ()) -> list[dict]:
        """Everything in a table, sorted, without some columns."""
        found = self.rows(f"SELECT * FROM {address}")
        kept = [{name: value for name, value in row.items() if name not in but} for row in found]
        return sorted(kept, key=lambda row: str(sorted(row.items(), key=str)))


def partition_of(key: str) -> str:
    name, bar, day = key.partition("|")
    return dg.MultiPartitionKey({"chain": name, "day": day}) if bar else key


def counts(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, int]]:
    """Asset and partition to what became of its rows."""
    names = ("inserted", "updated", "unchanged", "rejected", "orphaned")
    found = {}
    for event in result.get_asset_materialization_events():
        metadata = event.materialization.metadata
        if "inserted" in metadata:
            name = f"{event.asset_key.path[-1]} {event.partition or ''}".strip()
            found[name] = {count: metadata[count].value for count in names}
    return found


@pytest.fixture
def seed(markets, tmp_path, monkeypatch):
    """The seed's file in a copy of the project that the runs use."""
    project = tmp_path / "project"
    shutil.copytree(PROJECT_DIR, project, ignore=shutil.ignore_patterns("target", "logs"))
    # The assets name their project, so that the command itself has to go to the copy; what dbt remembers of parsing
    # the project is kept apart from what it remembers of parsing the copy.
    monkeypatch.setattr("resources.dbt.KEPT", tmp_path / "parsed")
    command = tmp_path / "dbt"
    command.write_text(
        f'#!/bin/sh\ncd "{project}" || exit\n'
        f'export DBT_PROJECT_DIR="{project}" DBT_PROFILES_DIR="{project}"\n'
        f'exec {shlex.join(dbt_resource().command)} "$@"\n'
    )
    command.chmod(0o755)
    resources, dbt = markets.resources, Dbt(command=[str(command)])
    markets.resources = lambda: resources() | {"dbt": dbt}
    return project / SEED.relative_to(PROJECT_DIR)


@pytest.fixture
def market_world():
    return world([chain("bitcoin", 150), chain("dogecoin", 60), chain("ethereum", 70)])


@pytest.fixture
def markets(database, market_world, monkeypatch, tmp_path):
    """Both sources on loopback, with the settings that lead there."""
    with MarketServer(market_world) as server:
        for name, value in {
            "HEADWATER_HOME": str(tmp_path / "home"),
            "COINGECKO_PLAN": "keyless",
            "COINGECKO_URL": server.coingecko_root,
            "BLOCKCHAIR_PLAN": "free",
            "BLOCKCHAIR_URL": server.blockchair_root,
        }.items():
            monkeypatch.setenv(name, value)
        yield Markets(database, server, DayClock()).at(DAY)
