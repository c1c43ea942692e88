"""The room's asset checks beside dbt's tests: is what the sources send fresh, and of every coin."""

from datetime import timedelta

import dagster as dg

from assets.markets.extract import LOOKBACK_DAYS
from assets.markets.tables import BLOCKS, MARKET_DAILY, TX_DAILY_AGGREGATE
from assets.markets.tracked import coins, lives
from core.clock import Clock
from core.tables import Table
from resources.io_managers.postgres import PostgresIOManager
from resources.retries import failures_explained

# The same as in dbt's _sources.yml.
LATE, TOO_LATE = timedelta(hours=26), timedelta(hours=50)


def _fresh(table: Table) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=table.raw_key,
        name="fresh",
        description="Something new was received in the last 26 hours (a warning), or at least 50 (an error).",
    )
    def check(postgres: dg.ResourceParam[PostgresIOManager]) -> dg.AssetCheckResult:
        with failures_explained():
            database = postgres.postgres()
            database.migrate(table)
            newest = database.records(f"SELECT max(last_seen_at) AS newest FROM {table.address}")[0]["newest"]
        age = Clock().now() - newest if newest else None
        return dg.AssetCheckResult(
            passed=age is not None and age <= LATE,
            severity=dg.AssetCheckSeverity.WARN if age and age <= TOO_LATE else dg.AssetCheckSeverity.ERROR,
            description=f"The newest content is {age.total_seconds() / 3600:.1f} hours old." if age else "No rows.",
            metadata={"newest": str(newest)},
        )

    return check


@dg.asset_check(
    asset=MARKET_DAILY.raw_key,
    name="every_coin_has_its_closes",
    description="The newest days that the models build anew have a close and a capitalisation of every coin followed.",
)
def every_coin_has_its_closes(postgres: dg.ResourceParam[PostgresIOManager]) -> dg.AssetCheckResult:
    with failures_explained():
        database = postgres.postgres()
        database.migrate(MARKET_DAILY)
        found = database.records(
            f"SELECT coin_id, price_date, market_cap IS NOT NULL AS is_whole FROM {MARKET_DAILY.address} "
            f"WHERE price IS NOT NULL AND price_date >= (SELECT max(price_date) FROM {MARKET_DAILY.address}) - %s",
            [LOOKBACK_DAYS],
        )
    whole = {(row["coin_id"], row["price_date"]) for row in found if row["is_whole"]}
    days = sorted({row["price_date"] for row in found})
    missing = [f"{coin} on {day}" for day in days for coin in coins() if lives(coin, day) and (coin, day) not in whole]
    return dg.AssetCheckResult(
        passed=not missing,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Unknown: {', '.join(missing)}." if missing else f"{len(days)} days are known of every coin.",
    )


CHECKS = (*(_fresh(table) for table in (MARKET_DAILY, BLOCKS, TX_DAILY_AGGREGATE)), every_coin_has_its_closes)
