"""From the sources' answers to rows: types, days, and what is left out. Nothing unknown becomes a zero."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from core.errors import InvalidAnswer
from core.merging import Row
from core.tables import Column, ColumnType, Table
from core.windows import ONE_DAY, day_of, end_of

MIDNIGHT = 86_400_000
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
                f"{table.address}: the source sent no {column.source or column.name} for {dict(known) or answer}. "
                "Run again; if it stays so, update the client."
            )
    return row


def _value(table: Table, column: Column, value: Any) -> Any:
    if value is None:
        return None
    try:
        return _CONVERSIONS[column.type](value)
    except (ValueError, TypeError, InvalidOperation, ArithmeticError) as error:
        raise InvalidAnswer(
            f"{table.address}.{column.name}: the source sent {str(value)[:80]!r} in {column.source}, which is no "
            f"{column.type.value}. Update the client or the column."
        ) from error


def _number(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        raise TypeError(type(value).__name__)
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError("not finite")
    return number


def _whole(value: Any) -> int:
    number = _number(value)
    if number != number.to_integral_value():
        raise ValueError("not whole")
    return int(number)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(type(value).__name__)
    return value.replace("\x00", "")


def _truth(value: Any) -> bool:
    if value not in (True, False, "1", "0"):  # Blockchair's dumps write 1 and 0
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
    """
    figures = {name: {point[0]: point[1] for point in chart[name]} for name in chart if isinstance(chart[name], list)}
    wanted, rejected = set(days), Counter[str]()
    rows: dict[date, Row] = {}
    for stamp, price in figures["prices"].items():
        day = day_of(int(stamp) // 1000) - ONE_DAY
        if int(stamp) % MIDNIGHT:
            rejected[OFF_MIDNIGHT] += 1
        elif day not in wanted:
            rejected[NOT_ASKED] += 1
        elif price is not None and _number(price) <= 0:
            rejected[NO_PRICE] += 1
        else:
            rows[day] = {
                "coin_id": coin,
                "vs_currency": currency,
                "price_date": day,
                "price": _known(price),
                "volume": _known(figures["total_volumes"].get(stamp)),
                "market_cap": _known(figures["market_caps"].get(stamp)),
                "observed_at": datetime.fromtimestamp(end_of(day), tz=UTC),
            }
    return rows, rejected


def chain_row(table: Table, chain: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """A block or a transaction, with the UTC day of its time."""
    row = typed(table, answer, {"chain": chain, "block_date": moment(answer["time"]).date()})
    if row.get("block_id") == -1:  # still waiting for a block
        row["block_id"] = None
    return row


def in_block(known: Mapping[int, str], transaction: Row) -> Row:
    """The transaction with the hash of its block. known: height to hash."""
    return {**transaction, "block_hash": known.get(transaction["block_id"])}


def sums_row(
    chain: str, day: date, sums: Mapping[str, Any], fields: Mapping[str, str], *, is_final: bool
) -> dict[str, Any]:
    """A day's sums. fields: column to the source's field."""
    count = sums.get("count()")
    row: dict[str, Any] = {"chain": chain, "day": day, "is_final": is_final}
    row["tx_count"] = None if count is None else _whole(count)
    return row | {column: _known(sums.get(f"sum({field})")) for column, field in fields.items()}


def _known(value: Any) -> Decimal | None:
    return None if value is None else _number(value)
