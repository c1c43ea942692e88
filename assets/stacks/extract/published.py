"""Rows of the room's own tables that public objects are made of, always up to a day."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from assets.stacks.extract.balances import require_days
from assets.stacks.extract.days import FIRST_DAY
from assets.stacks.tables import (
    ADDRESS_ACTIVITY,
    BALANCE_TOTALS,
    BLOCK_RANGE,
    DAILY_ADDRESSES,
    DAILY_TX_COUNT,
    HOURLY_PRICE,
    MEMPOOL_COUNT,
    NFT_DAILY,
    SPOT_STATS,
    TIP_SEEN,
    WHALE_BALANCES,
)
from core.errors import DayMissing
from core.tables import Table
from core.windows import ONE_DAY
from resources.clients.postgres.database import Postgres


def tx_counts(database: Postgres, last: date, *, legacy: bool) -> dict[date, int]:
    """Transactions of every day from the first."""
    return _every_day(database, DAILY_TX_COUNT, "tx_count_legacy" if legacy else "tx_count", last)


def active_addresses(database: Postgres, last: date, *, legacy: bool) -> dict[date, int]:
    """Principals in events of every day from the first."""
    return _every_day(database, DAILY_ADDRESSES, "active_legacy" if legacy else "active", last)


def known_addresses(database: Postgres, last: date, *, legacy: bool) -> dict[date, int]:
    """Principals in events until the end of every day from the first: never fewer than the day before."""
    require_days(database, last)
    found = database.records(_FIRST_SEEN, {"last": last, "legacy": legacy})
    new = {row["day"]: row["addresses"] for row in found}
    total, known, day = 0, {}, FIRST_DAY
    while day <= last:
        total += new.get(day, 0)
        known[day] = total
        day += ONE_DAY
    return known


_FIRST_SEEN = f"""
    SELECT day, count(*) AS addresses FROM (
        SELECT min(day) AS day FROM {ADDRESS_ACTIVITY.address}
        WHERE day <= %(last)s AND (canonical OR %(legacy)s) GROUP BY address
    ) AS first_seen GROUP BY day
"""


def large_balances(database: Postgres, day: date) -> tuple[list[int], int]:
    """The day's balances of 10,000 STX or more, µSTX, and how many are more than nothing.

    Raises:
        DayMissing: when the day's balances were not computed.
    """
    totals = _records(database, BALANCE_TOTALS, "nonzero_bals", "day = %(day)s", {"day": day})
    if not totals:
        raise _missing(BALANCE_TOTALS, day)
    found = _records(database, WHALE_BALANCES, "balance_ustx", "day = %(day)s", {"day": day})
    return [int(row["balance_ustx"]) for row in found], totals[0]["nonzero_bals"]


def newest_balances(database: Postgres, last: date) -> tuple[list[int], int] | None:
    """The same of the newest day up to ``last`` that has any."""
    found = _records(database, BALANCE_TOTALS, "max(day) AS day", "day <= %(day)s", {"day": last})
    return large_balances(database, found[0]["day"]) if found[0]["day"] else None


def nonzero_balances(database: Postgres, first: date, last: date) -> dict[date, int]:
    """How many balances were more than nothing, by day; days that were not computed are left out."""
    condition, days = "day BETWEEN %(first)s AND %(last)s", {"first": first, "last": last}
    found = _records(database, BALANCE_TOTALS, "day, nonzero_bals", condition, days)
    return {row["day"]: row["nonzero_bals"] for row in found}


def newest_loaded(database: Postgres, last: date) -> date:
    """The newest day up to ``last`` that was read off the node: what has no row on it is known to be nothing.

    Raises:
        DayMissing: when none was.
    """
    found = _records(database, BLOCK_RANGE, "max(day) AS day", "day <= %(day)s", {"day": last})
    if found[0]["day"] is None:
        raise _missing(BLOCK_RANGE, last)
    return found[0]["day"]


def nfts_by_day(database: Postgres, last: date) -> dict[date, int]:
    """NFTs in existence at the end of every day from the first that had any, to the newest up to ``last`` that is
    loaded.

    Raises:
        DayMissing: when a day before was not loaded: its mints and burns would be missing from all days after it.
    """
    last = newest_loaded(database, last)
    require_days(database, last)
    found = _records(
        database, NFT_DAILY, "day, sum(minted - burned) AS more", "day <= %(day)s GROUP BY 1 ORDER BY 1", {"day": last}
    )
    existing: dict[date, int] = {}
    total, changes = 0, {row["day"]: int(row["more"]) for row in found}
    day = min(changes, default=last)
    while day <= last:
        total += changes.get(day, 0)
        existing[day] = total
        day += ONE_DAY
    return existing


def mints(database: Postgres, day: date) -> dict[str, int]:
    """Mints of a day, by asset; none before the first day.

    Raises:
        DayMissing: when the day was not loaded.
    """
    if day >= FIRST_DAY and newest_loaded(database, day) != day:
        raise _missing(BLOCK_RANGE, day)
    found = _records(database, NFT_DAILY, "asset, minted", "day = %(day)s AND minted > 0", {"day": day})
    return {row["asset"]: row["minted"] for row in found}


def prices(database: Postgres, symbol: str, since: int) -> dict[int, float]:
    """Prices, USD, by their moment, Unix seconds, from ``since`` on."""
    condition = "symbol = %(symbol)s AND unix_timestamp >= %(since)s"
    found = _records(database, HOURLY_PRICE, "unix_timestamp, price_usd", condition, {"symbol": symbol, "since": since})
    return {row["unix_timestamp"]: float(row["price_usd"]) for row in found}


def mempool(database: Postgres) -> dict[int, int]:
    """Waiting transactions by the moment they were counted, Unix seconds."""
    found = _records(database, MEMPOOL_COUNT, "observed_at, transactions")
    return {int(row["observed_at"].timestamp()): row["transactions"] for row in found}


def spot_snapshots(database: Postgres) -> list[tuple[datetime, str]]:
    """The first snapshot of each UTC day: when, and its JSON."""
    database.migrate(SPOT_STATS)
    found = database.records(
        "SELECT DISTINCT ON ((observed_at AT TIME ZONE 'UTC')::date) observed_at, payload "
        f"FROM {SPOT_STATS.address} ORDER BY (observed_at AT TIME ZONE 'UTC')::date, observed_at"
    )
    return [(row["observed_at"], row["payload"]) for row in found]


def _every_day(database: Postgres, table: Table, column: str, last: date) -> dict[date, int]:
    found = _records(database, table, f"day, {column} AS value", "day <= %(last)s", {"last": last})
    values = {row["day"]: row["value"] for row in found}
    day = FIRST_DAY
    while day <= last:
        if day not in values:
            raise _missing(table, day)
        day += ONE_DAY
    return values


def _records(
    database: Postgres, table: Table, columns: str, condition: str = "true", parameters: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    database.migrate(table)
    return database.records(f"SELECT {columns} FROM {table.address} WHERE {condition}", parameters or {})


def _missing(table: Table, day: date) -> DayMissing:
    return DayMissing(
        f"Stacks: {table.address} lacks {day}. Materialize {'/'.join(table.warehouse_key)} of that day, then run again."
    )


def no_earlier_than(now: datetime) -> date:
    """The oldest day that what is so now still tells of: yesterday, which has just ended."""
    return now.astimezone(UTC).date() - ONE_DAY


def newest_spot(database: Postgres) -> str:
    """The newest spot figures, JSON.

    Raises:
        DayMissing: when there are none.
    """
    found = _records(database, SPOT_STATS, "payload", "true ORDER BY observed_at DESC LIMIT 1")
    if not found:
        raise DayMissing(
            f"Stacks: {SPOT_STATS.address} is empty. Materialize {'/'.join(SPOT_STATS.raw_key)}, then run again."
        )
    return found[0]["payload"]


def totals(database: Postgres, first: date, last: date) -> list[dict[str, Any]]:
    """The totals of some days, as far as they were computed."""
    condition = "day BETWEEN %(first)s AND %(last)s ORDER BY day"
    return _records(database, BALANCE_TOTALS, "*", condition, {"first": first, "last": last})


def newest_ranges(database: Postgres, days: int) -> list[dict[str, Any]]:
    """The newest days' last heights and blocks."""
    return _records(
        database, BLOCK_RANGE, "day, last_height, last_block", "true ORDER BY day DESC LIMIT %(days)s", {"days": days}
    )


def ranges(database: Postgres, first: date, last: date) -> list[dict[str, Any]]:
    """The same of some days, as far as they were loaded."""
    condition = "day BETWEEN %(first)s AND %(last)s"
    return _records(database, BLOCK_RANGE, "day, last_height, last_block", condition, {"first": first, "last": last})


def newest_tips(database: Postgres, count: int) -> list[dict[str, Any]]:
    """The newest looks at the node's database, newest first."""
    condition = "true ORDER BY observed_at DESC LIMIT %(count)s"
    return _records(database, TIP_SEEN, "observed_at, height, burn_block_time", condition, {"count": count})


def recent_days(database: Postgres, last: date, days: int) -> dict[str, dict[date, int]]:
    """Canonical transactions and active addresses of the newest days up to one, as far as they are there."""
    shown = {"Transactions": (DAILY_TX_COUNT, "tx_count"), "Active addresses": (DAILY_ADDRESSES, "active")}
    condition, window = "day > %(first)s AND day <= %(last)s", {"first": last - days * ONE_DAY, "last": last}
    return {
        name: {
            row["day"]: row["value"] for row in _records(database, table, f"day, {column} AS value", condition, window)
        }
        for name, (table, column) in shown.items()
    }
