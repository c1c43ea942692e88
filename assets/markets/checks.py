"""The room's asset checks beside dbt's tests: is what the sources send fresh."""

from datetime import timedelta

import dagster as dg

from assets.markets.tables import BLOCKS, MARKET_DAILY, TX_DAILY_AGGREGATE
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


CHECKS = tuple(_fresh(table) for table in (MARKET_DAILY, BLOCKS, TX_DAILY_AGGREGATE))
