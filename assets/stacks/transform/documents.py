"""Tables as the CSV objects that consumers know: comma, header, every text in quotes, the index first."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from assets.stacks.transform.balances import stx
from assets.stacks.transform.indicators import COLUMNS, FLAT, WINDOW, Day, Values, indicators

MOVEMENT_COLUMNS = (
    "tx_id",
    "block_height",
    "amount",
    "sender",
    "recipient",
    "burn_block_time",
    "tx_type",
    "explorer_url",
)
KINDS = {1: "transfer", 2: "mint"}
SERIES = ("unix_timestamp_x", "vol_usd", "time_string", "unix_timestamp_y", "mktcap_usd", "unix_timestamp", "price_usd")
# Values before these places are those of a window that is not full, 0 in the old files.
FULL_FROM = {"rsi": WINDOW, "rvi": 2 * WINDOW - 1}


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A CSV: texts quoted, numbers not, None empty."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(columns)
    # An empty text would be quoted: pandas wrote nothing at all.
    writer.writerows([_Nothing() if value is None else value for value in row] for row in rows)
    return out.getvalue()


class _Nothing(float):
    """Stands for no value where a number is expected."""

    def __new__(cls) -> "_Nothing":
        return super().__new__(cls, "nan")

    def __repr__(self) -> str:
        return ""

    __str__ = __repr__


def movements_csv(rows: Sequence[Mapping[str, Any]], explorer: str) -> str:
    """Large transfers. explorer: what an address of a transaction begins with."""
    return csv_text(
        MOVEMENT_COLUMNS,
        (
            [
                row["tx_id"],
                row["block_height"],
                stx(row["amount"]),
                row["sender"],
                row["recipient"],
                row["burn_block_time"],
                KINDS.get(row["kind"], "burn"),
                f"{explorer}{row['tx_id']}",
            ]
            for row in rows
        ),
    )


def indicators_csv(days: Sequence[Day]) -> str:
    """The series and its indicators: 0 before a window is full, nothing where a full one is flat."""
    found = indicators(days)
    return csv_text(
        ("", *SERIES, *COLUMNS),
        (
            [at, day.at, day.volume, _moment(day.at), day.at, day.cap, day.at, day.price]
            + [_shown(name, found[name], at) for name in COLUMNS]
            for at, day in enumerate(days)
        ),
    )


def _shown(name: str, values: Values, at: int) -> float | None:
    value = values[at]
    flat = value is None and name in FLAT and at >= FULL_FROM[name]
    return value if flat or value is not None else 0.0


def indicator_series(days: Sequence[Day], name: str) -> dict[str, float]:
    """One indicator by moment; points without a value, or of 0, are left out."""
    return {str(day.at): value for day, value in zip(days, indicators(days)[name], strict=True) if value}


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
