"""From the sources' answers to rows: types, days, and what is left out. Nothing unknown becomes a zero."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from assets.markets.fields import is_transaction, sorts_of
from core.errors import InvalidAnswer
from core.merging import Row
from core.plain import one_line
from core.tables import Column, ColumnType, Table
from core.windows import ONE_DAY, day_of

LOG = logging.getLogger("headwater.markets")

MIDNIGHT = 86_400_000
# Daily series are sampled rather than cut: their points lie some seconds to either side of the midnight.
NEAR_MIDNIGHT = 300_000
# The most digits of a number: 2^256 has 78.
MOST_DIGITS = 100
# Names of coins have some hundred characters.
LONGEST_TEXT = 10_000
LARGEST_BIGINT = 2**63 - 1
# No coin is older than 2009: a smaller stamp, of 1973 as milliseconds, is of seconds. None is of year 10000.
FIRST_MILLISECOND, LAST_MILLISECOND = 100_000_000_000, 253_402_214_400_000
# Columns of what left its owner, as against what was paid for it.
MOVED = "transferred"
OFF_MIDNIGHT, NOT_ASKED, NO_PRICE = "not at a midnight", "of a day not asked for", "not above zero"


def typed(table: Table, answer: Mapping[str, Any], known: Row) -> dict[str, Any]:
    """A row of the table: each column from its field of the answer, or from what is known.

    Raises:
        InvalidAnswer: naming the field that the column cannot take.
    """
    row = {
        column.name: _value(table, column, answer.get(column.source)) for column in table.columns if column.source
    } | dict(known)
    for column in table.columns:
        if not column.nullable and row.get(column.name) is None:
            raise InvalidAnswer(
                f"{table.address}: the source sent no {column.source or column.name} for "
                f"{one_line(dict(known) or answer, 200)}. Run again; if it stays so, update the client."
            )
    return row


def _value(table: Table, column: Column, value: Any) -> Any:
    if value is None:
        return None
    try:
        return _CONVERSIONS[column.type](value)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise InvalidAnswer(
            f"{table.address}.{column.name}: the source sent {one_line(value, 80)!r} in {column.source}, which is no "
            f"{column.type.value}. Update the client or the column."
        ) from error


def _number(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        raise TypeError(type(value).__name__)
    if isinstance(value, str) and len(value) > MOST_DIGITS:
        raise ValueError("too many digits")
    number = Decimal(value)
    if not number.is_finite() or abs(number.adjusted()) > MOST_DIGITS:
        raise ValueError("neither finite nor of a sensible size")
    return number


def _whole(value: Any) -> int:
    number = _number(value)
    if number != number.to_integral_value() or abs(number) > LARGEST_BIGINT:
        raise ValueError("not whole, or larger than a column of 64 bits holds")
    return int(number)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(type(value).__name__)
    if len(value) > LONGEST_TEXT:
        raise ValueError("longer than any honest text")
    return value.replace("\x00", "")


def _truth(value: Any) -> bool:
    # Blockchair's dumps write 1 and 0.
    if not isinstance(value, (bool, int, str)) or value not in (True, False, "1", "0"):
        raise ValueError("neither true nor false")
    return value in (True, "1")


def moment(value: Any) -> datetime:
    """A time as the sources write it, ``2024-01-02 03:04:05`` or ISO 8601; without a zone it is UTC."""
    found = datetime.fromisoformat(_text(value))
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


_CONVERSIONS: Mapping[ColumnType, Any] = {
    ColumnType.BIGINT: _whole,
    ColumnType.NUMERIC: _number,
    ColumnType.TEXT: _text,
    ColumnType.BOOLEAN: _truth,
    ColumnType.TIMESTAMP: moment,
}


def closes(
    coin: str, currency: str, chart: Mapping[str, list[Any]], days: Sequence[date]
) -> tuple[dict[date, Row], Counter[str]]:
    """The closes of the days from a chart's points, and how many points were left out, by reason.

    chart: series of [Unix milliseconds, value]. The point of a midnight is the close of the day that it ends.

    Raises:
        InvalidAnswer: when a point is none.
    """
    prices, left_out = _by_midnight(coin, "prices", chart["prices"])
    volumes, _ = _by_midnight(coin, "total_volumes", chart["total_volumes"])
    caps, _ = _by_midnight(coin, "market_caps", chart["market_caps"])
    wanted, rejected = set(days), Counter({OFF_MIDNIGHT: left_out} if left_out else {})
    rows: dict[date, Row] = {}
    for midnight, (stamp, price) in prices.items():
        day = day_of(midnight // 1000) - ONE_DAY
        if day not in wanted:
            rejected[NOT_ASKED] += 1
        elif price is not None and price <= 0:
            rejected[NO_PRICE] += 1
        else:
            rows[day] = {
                "coin_id": coin,
                "vs_currency": currency,
                "price_date": day,
                "price": price,
                "volume": above_zero(volumes.get(midnight, (0, None))[1], f"{coin} on {day}: volume", price),
                "market_cap": above_zero(caps.get(midnight, (0, None))[1], f"{coin} on {day}: capitalisation", price),
                "observed_at": datetime.fromtimestamp(stamp / 1000, tz=UTC),
            }
    return rows, rejected


def above_zero(value: Decimal | None, what: str, price: Decimal | None = None) -> Decimal | None:
    """The value, unless it is a zero that stands for unknown: no coin with a price is worth nothing, or untraded."""
    if value is None or value > 0:
        return value
    LOG.warning("%s is %s beside a price of %s; it counts as unknown", what, value, price)
    return None


def _by_midnight(coin: str, series: str, points: Sequence[Any]) -> tuple[dict[int, tuple[int, Decimal | None]], int]:
    """Midnight to the stamp and value of its nearest point, in milliseconds, and how many points are no midnight's."""
    found: dict[int, tuple[int, Decimal | None]] = {}
    left_out = 0
    for point in points:
        stamp, value = _point(coin, series, point)
        midnight = (stamp + MIDNIGHT // 2) // MIDNIGHT * MIDNIGHT
        if abs(stamp - midnight) > NEAR_MIDNIGHT:
            left_out += 1
            continue
        left_out += midnight in found
        if midnight not in found or abs(stamp - midnight) < abs(found[midnight][0] - midnight):
            found[midnight] = stamp, value
    return found, left_out


def _point(coin: str, series: str, point: Any) -> tuple[int, Decimal | None]:
    """Unix milliseconds and value of a chart's point; stamps that can only be seconds are taken as such."""
    try:
        stamp, value = point
        moment_ = _number(stamp)
        if moment_ < FIRST_MILLISECOND:
            moment_ *= 1000
        if not 0 <= moment_ < LAST_MILLISECOND:
            raise ValueError("no time")
        return int(moment_), _known(value)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise InvalidAnswer(
            f"CoinGecko: {one_line(point, 80)!r} in {series} of {coin} is no point of a time in milliseconds and a "
            "number. Nothing was written; run again, and if it stays so, update the client."
        ) from error


def chain_row(table: Table, chain: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """A block or a transaction, with the UTC day of its time."""
    row = typed(table, answer, {"chain": chain, "block_date": _day(table, answer)})
    if row.get("block_id") == -1:  # still waiting for a block
        row["block_id"] = None
    return row


def _day(table: Table, answer: Mapping[str, Any]) -> date:
    column = next(column for column in table.columns if column.source == "time")
    if (found := _value(table, column, answer.get("time"))) is None:
        raise InvalidAnswer(f"{table.address}: the source sent no time for {one_line(answer, 200)}. Update the client.")
    return found.date()


def in_block(known: Mapping[int, str], transaction: Row) -> Row:
    """The transaction with the hash of its block. known: height to hash."""
    return {**transaction, "block_hash": known.get(transaction["block_id"])}


def sums_row(
    chain: str, day: date, sums: Sequence[Mapping[str, Any]], fields: Mapping[str, str], *, is_final: bool
) -> dict[str, Any]:
    """A day's sums. sums: one row, or one for each sort of transactions. fields: column to the source's field.

    Rewards among the transactions are none. Failed ones count and paid their fee, but moved nothing.

    Raises:
        InvalidAnswer: when a sum is no number, or a row does not tell its sort.
    """
    row: dict[str, Any] = {"chain": chain, "day": day, "is_final": is_final}
    try:
        real = [found for found in sums if is_transaction(found)]
        moved = [found for found in real if not (sorts_of(chain) and _has_failed(found))]
        row["tx_count"] = _total(real, "count()", _whole)
        for column, field in fields.items():
            row[column] = _total(moved if column.startswith(MOVED) else real, f"sum({field})", _number)
        return row
    except (ValueError, TypeError, ArithmeticError) as error:
        raise InvalidAnswer(
            f"Blockchair: the sums of {chain} for {day} are {one_line(list(map(dict, sums)), 200)}, which are no "
            "numbers or do not tell their sort. Run again; if it stays so, update the client."
        ) from error


def _has_failed(sums: Mapping[str, Any]) -> bool:
    if not isinstance(sums.get("type"), str):
        raise ValueError("no type")
    return _truth(sums.get("failed"))


def _total(rows: Sequence[Mapping[str, Any]], name: str, convert: Callable[[Any], Any]) -> Any:
    """The sum over the rows; unknown when one of them is."""
    values = [row.get(name) for row in rows]
    return None if None in values else sum(map(convert, values), start=0)


def _known(value: Any) -> Decimal | None:
    return None if value is None else _number(value)
