"""dbt's models as assets, one set per room, each on its room's partitions."""

import json
from datetime import timedelta
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets

from assets.dbt.build import build
from assets.dbt.translator import RoomTranslator
from assets.ethereum.tables import TABLES as ETHEREUM_TABLES
from assets.markets.tables import TABLES as MARKETS_TABLES
from assets.partitions import ETHEREUM_DAILY, MARKETS_DAILY, RANGES
from core.windows import DayWindow, parse_day
from resources.dbt import PROJECT, prepared_manifest
from resources.io_managers.postgres import PostgresIOManager
from resources.io_managers.selected import WarehouseIOManager
from resources.retries import failures_explained

MANIFEST = json.loads(prepared_manifest().read_text())
# Due at 02:00 UTC; two hours later they count as late.
ETHEREUM_FRESHNESS = dg.FreshnessPolicy.cron(deadline_cron="0 4 * * *", lower_bound_delta=timedelta(hours=3))
TRANSLATOR = RoomTranslator(ETHEREUM_FRESHNESS)


@dbt_assets(
    manifest=MANIFEST,
    select="tag:ethereum",
    dagster_dbt_translator=TRANSLATOR,
    project=PROJECT,
    partitions_def=ETHEREUM_DAILY,
    backfill_policy=RANGES,
    pool="warehouse",
)
def ethereum_aggregates(
    context: dg.AssetExecutionContext, dbt: DbtCliResource, warehouse: dg.ResourceParam[WarehouseIOManager]
):
    """Daily metrics of the run's days, built and tested by dbt in one invocation."""
    days = [parse_day(key) for key in context.partition_keys]
    with failures_explained():
        client = warehouse.warehouse()
        client.migrate(*ETHEREUM_TABLES)  # models also read tables that nothing was loaded into, as without tracing
        yield from build(context, dbt, client, MANIFEST, DayWindow(days[0], days[-1]))


def _markets_models(part: str, description: str, **more: Any) -> dg.AssetsDefinition:
    """Models of the markets, one part of them: a source that fails keeps no other part from being built."""

    @dbt_assets(
        manifest=MANIFEST,
        select=f"tag:markets_{part}",
        name=f"markets_{part}",
        dagster_dbt_translator=TRANSLATOR,
        project=PROJECT,
        pool="markets_dbt",
        **more,
    )
    def models(context: dg.AssetExecutionContext, dbt: DbtCliResource, postgres: dg.ResourceParam[PostgresIOManager]):
        days = [parse_day(key) for key in context.partition_keys] if "partitions_def" in more else []
        window = DayWindow(days[0], days[-1]) if days else None
        with failures_explained():
            client = postgres.postgres()
            client.migrate(*MARKETS_TABLES)  # models also read tables that nothing was loaded into yet
            yield from build(context, dbt, client, MANIFEST, window)

    models.__doc__ = description
    return models


BY_DAY: dict[str, Any] = {"partitions_def": MARKETS_DAILY, "backfill_policy": RANGES}
markets_dimensions = _markets_models("dimensions", "The coins followed, and the calendar.")
markets_prices = _markets_models("prices", "What follows from prices alone.", **BY_DAY)
markets_chains = _markets_models("chains", "What follows from the chains alone.", **BY_DAY)
markets_network = _markets_models("network", "What takes both.", **BY_DAY)
MARKETS_MODELS = (markets_dimensions, markets_prices, markets_chains, markets_network)
