"""What follows from the tables of days: balances at the end of a day, large ones, and how many are not nothing."""

from datetime import date

from assets.stacks.extract.days import FIRST_DAY
from assets.stacks.tables import (
    ADDRESS_ACTIVITY,
    BALANCE_CHECKPOINT,
    BALANCE_TOTALS,
    BLOCK_RANGE,
    DAILY_ADDRESSES,
    STX_BALANCE_DELTA,
    WHALE_BALANCES,
)
from core.errors import DayMissing
from core.windows import ONE_DAY, start_of
from resources.clients.postgres.database import Postgres
from resources.clients.stacks.days import Kept, Reading, compute_day

# 10,000 STX.
WHALE_USTX = 10_000 * 10**6


def compute_following(database: Postgres, day: date, *, legacy: bool, everyone: bool) -> dict[str, int]:
    """Replace the day in the tables that follow from all days up to it. Rows by table name.

    legacy: the universe is that of the old counting. everyone: it also holds who never was in an event, but paid a fee,
    earned a reward, or is of a genesis outside every day.

    Raises:
        DayMissing: when a day before was not loaded, or was loaded from another state of the chain.
    """
    require_days(database, day)
    parameters = {"timestamp": start_of(day), "whale": WHALE_USTX, "legacy": legacy, "everyone": everyone}
    ends_a_month = (day + ONE_DAY).day == 1
    kept = Kept(Reading(BALANCE_CHECKPOINT, _CHECKPOINT), _SINCE, written=ends_a_month)
    return compute_day(database, day, _HELD, READINGS, parameters, kept=kept)


def require_days(database: Postgres, last: date) -> None:
    """See that every day from the first to ``last`` is loaded, each beginning where the one before ended.

    Raises:
        DayMissing: naming the first day that is not.
    """
    database.migrate(BLOCK_RANGE)
    found = database.records(_BROKEN, {"first": FIRST_DAY, "last": last})
    if found:
        raise DayMissing(
            f"Stacks {last}: {BLOCK_RANGE.address} lacks {found[0]['day']}, or holds it from another state of the "
            f"chain than the day before. Materialize {'/'.join(BLOCK_RANGE.warehouse_key)} of that day and those "
            "after it, then run again."
        )


_BROKEN = f"""
    SELECT expected.day::date AS day
    FROM generate_series(%(first)s::date, %(last)s::date, interval '1 day') AS expected (day)
    LEFT JOIN {BLOCK_RANGE.address} here ON here.day = expected.day::date
    LEFT JOIN {BLOCK_RANGE.address} before ON before.day = expected.day::date - 1
    WHERE here.day IS NULL OR here.height_before
        <> CASE WHEN expected.day::date = %(first)s THEN -1 ELSE before.last_height END
    ORDER BY 1 LIMIT 1
"""

# From the newest checkpoint before the day on; from the first day where there is none. Its day is asked for first, so
# that PostgreSQL knows how few days are left to read.
_SINCE = f"SELECT coalesce(max(day), '0001-01-01') AS since FROM {BALANCE_CHECKPOINT.address} WHERE day < %(day)s"

_HELD = f"""
    CREATE TEMPORARY TABLE held ON COMMIT DROP AS
    SELECT address, sum(balance) AS balance, bool_or(seen) AS seen, bool_or(seen_legacy) AS seen_legacy,
        %(everyone)s OR bool_or(CASE WHEN %(legacy)s THEN seen_legacy ELSE seen END) AS counted
    FROM (
        SELECT address, balance_ustx AS balance, seen, seen_legacy FROM {BALANCE_CHECKPOINT.address}
        WHERE day = %(since)s
        UNION ALL
        SELECT address, delta_ustx, false, false FROM {STX_BALANCE_DELTA.address}
        WHERE day > %(since)s AND day <= %(day)s
        UNION ALL
        SELECT address, 0, canonical, true FROM {ADDRESS_ACTIVITY.address}
        WHERE day > %(since)s AND day <= %(day)s
    ) AS known
    GROUP BY address
"""

_CHECKPOINT = "SELECT %(day)s::date, address, balance, seen, seen_legacy FROM held"

READINGS = (
    Reading(
        DAILY_ADDRESSES,
        f"SELECT %(day)s::date, count(*) FILTER (WHERE canonical), count(*) FROM {ADDRESS_ACTIVITY.address} "
        "WHERE day = %(day)s",
    ),
    Reading(
        WHALE_BALANCES,
        "SELECT %(day)s::date, %(timestamp)s, address, (balance / 1000000)::double precision, balance FROM held "
        "WHERE counted AND balance >= %(whale)s",
    ),
    Reading(
        BALANCE_TOTALS,
        f"""
        SELECT %(day)s::date, count(*) FILTER (WHERE counted AND balance > 0),
            count(*) FILTER (WHERE counted AND balance >= %(whale)s), count(*) FILTER (WHERE balance < 0),
            coalesce(sum(balance), 0),
            (SELECT coalesce(sum(minted_ustx - burned_ustx + coinbase_ustx - fees_ustx + fee_rewards_ustx), 0)
                FROM {BLOCK_RANGE.address} WHERE day <= %(day)s)
        FROM held
        """,
    ),
)
