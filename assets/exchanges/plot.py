"""The closes that the picture of a job's day shows."""

from datetime import date
from decimal import Decimal

import pyarrow as pa

from assets.exchanges.download import Exchange
from assets.exchanges.names import JobName
from assets.exchanges.tables import OHLCV_1D
from core.partitions import PartitionAddress
from core.windows import ONE_DAY
from resources.clients.lake.lake import Lake


def recent_closes(
    exchange: Exchange, job: JobName, day: date, rows: pa.Table, *, days: int, most_pairs: int
) -> dict[str, dict[date, Decimal]]:
    """Closes by day of the pairs most traded on this one: this one's of the rows, those before of the lake, without a
    gap."""
    traded = sorted(rows.to_pylist(), key=lambda row: row["close"] * row["volume"], reverse=True)
    found = {row["currency_pair"]: {day: row["close"]} for row in traded[:most_pairs]}
    pairs, lake = list(found), Lake(exchange.objects.store)
    for distance in range(1, days):
        at = PartitionAddress.of(day - distance * ONE_DAY, {"job": job.key})
        if lake.manifest(OHLCV_1D, at) is None:
            break  # what lies behind a day without any is of another time
        earlier = lake.open(OHLCV_1D, [at]).table().select(["currency_pair", "close"]).to_pydict()
        closes = dict(zip(earlier["currency_pair"], earlier["close"], strict=True))
        for pair in pairs:
            if pair in closes:
                found[pair][at.day] = closes[pair]
    return {f"{pair.replace('_', '/')}, close": found[pair] for pair in pairs}
