"""The room's dbt models in PostgreSQL, in parts: a source that fails keeps no other part from being built."""

import logging
from datetime import timedelta
from typing import Any

import dagster as dg
from dagster_dbt import dbt_assets

from assets.conventions import RANGES
from assets.dbt.build import build
from assets.dbt.manifest import MANIFEST
from assets.dbt.translator import RoomTranslator
from assets.markets.extract import LOOKBACK_DAYS
from assets.markets.partitions import DAILY
from assets.markets.tables import TABLES
from core.windows import ONE_DAY, DayWindow, parse_day
from resources.clients.postgres.database import Postgres
from resources.dbt import PROJECT, Dbt
from resources.io_managers.postgres import PostgresIOManager
from resources.retries import failures_explained

LOG = logging.getLogger("headwater.markets")

# Prices and chains are fetched at 01:00 UTC, and the models follow at once; three hours later they count as late.
FRESHNESS = dg.FreshnessPolicy.cron(deadline_cron="0 4 * * *", lower_bound_delta=timedelta(hours=3))
TRANSLATOR = RoomTranslator("markets", "postgres", FRESHNESS)


def _models(part: str, description: str, **more: Any) -> dg.AssetsDefinition:
    """One part of the models."""

    @dbt_assets(
        manifest=MANIFEST,
        select=f"tag:markets_{part}",
        name=f"markets_{part}",
        dagster_dbt_translator=TRANSLATOR,
        project=PROJECT,
        pool="markets_dbt",
        **more,
    )
    def models(context: dg.AssetExecutionContext, dbt: Dbt, postgres: dg.ResourceParam[PostgresIOManager]):
        days = [parse_day(key) for key in context.partition_keys] if "partitions_def" in more else []
        window = DayWindow(days[0], days[-1]) if days else None
        with failures_explained():
            client = postgres.postgres()
            client.migrate(*TABLES)  # models also read tables that nothing was loaded into yet
            yield from build(context, dbt, client, TRANSLATOR, window)
            if part == "prices" and window:
                for jump in jumps(client, window):
                    LOG.warning("%s", jump)

    models.__doc__ = description
    return models


def jumps(client: Postgres, window: DayWindow) -> list[str]:
    """A sentence for each jump of a price that no market makes and nobody has explained, of the days built."""
    # The jump of the day before the window's first may show only now, when it is undone.
    found = client.records(
        "SELECT * FROM markets.int_price_jumps WHERE factor IS NULL AND day BETWEEN %s AND %s ORDER BY day, coin_id",
        [window.first - LOOKBACK_DAYS * ONE_DAY, window.last + ONE_DAY],
    )
    return [
        f"The price of {row['coin_id']} on {row['day']} is {row['price_usd']:f} after {row['previous_price_usd']:f}, "
        "which no market makes: its return is unknown. Enter the factor that makes prices before it comparable, or 1 "
        "if the price did jump, in dbt_project/seeds/marts/markets/price_breaks.csv, then build these days again."
        for row in found
    ]


BY_DAY: dict[str, Any] = {"partitions_def": DAILY, "backfill_policy": RANGES}
markets_dimensions = _models("dimensions", "The coins followed, and the calendar.")
markets_prices = _models("prices", "What follows from prices alone.", **BY_DAY)
markets_chains = _models("chains", "What follows from the chains alone.", **BY_DAY)
markets_network = _models("network", "What takes both.", **BY_DAY)
MODELS = (markets_dimensions, markets_prices, markets_chains, markets_network)
