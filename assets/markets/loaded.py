"""What the raw tables hold already, as far as fetching more depends on it."""

from collections.abc import Iterable, Sequence
from datetime import date

from assets.markets.tables import BLOCKS, COIN_LIST, TX_DAILY_AGGREGATE
from core.windows import ONE_DAY
from resources.clients.postgres.database import Postgres

_SUMS = ("tx_count", "fee", "fee_usd", "transferred", "transferred_usd")


def listed_coins(database: Postgres) -> set[str]:
    """The ids of the coins that the newest list held."""
    database.migrate(COIN_LIST)
    found = database.records(f"SELECT coin_id FROM {COIN_LIST.address} WHERE NOT is_orphan")
    return {row["coin_id"] for row in found}


def reach(database: Postgres, chain: str, day: date) -> dict[date, tuple[int, int]]:
    """The lowest and highest height of a day and of those beside, as far as they were loaded."""
    database.migrate(BLOCKS)
    found = database.records(
        f"SELECT block_date, min(height) AS lowest, max(height) AS highest FROM {BLOCKS.address} "
        "WHERE chain = %s AND block_date = ANY(%s) AND NOT is_orphan GROUP BY block_date",
        [chain, [day - ONE_DAY, day, day + ONE_DAY]],
    )
    return {row["block_date"]: (row["lowest"], row["highest"]) for row in found}


def block_hashes(database: Postgres, chain: str, heights: Iterable[int]) -> dict[int, str]:
    """Hashes of the current blocks at these heights, as far as they were loaded."""
    database.migrate(BLOCKS)
    found = database.records(
        f"SELECT height, block_hash FROM {BLOCKS.address} WHERE chain = %s AND height = ANY(%s) AND NOT is_orphan",
        [chain, sorted(heights)],
    )
    return {row["height"]: row["block_hash"] for row in found}


def unsettled_sums(database: Postgres, chain: str, days: Sequence[date]) -> list[date]:
    """Those of the days whose sums are there, but were asked too early to be final, or are not all known."""
    database.migrate(TX_DAILY_AGGREGATE)
    unknown = " OR ".join(f"{name} IS NULL" for name in _SUMS)
    found = database.records(
        f"SELECT day FROM {TX_DAILY_AGGREGATE.address} WHERE chain = %s AND day = ANY(%s) "
        f"AND (NOT is_final OR {unknown}) ORDER BY day DESC",
        [chain, list(days)],
    )
    return [row["day"] for row in found]
