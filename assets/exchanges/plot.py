"""A small picture of daily closes, for an asset's metadata."""

import io
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

import pyarrow as pa

from assets.exchanges.download import Exchange
from assets.exchanges.names import JobName
from assets.exchanges.tables import OHLCV_1D
from core.partitions import PartitionAddress
from core.windows import ONE_DAY
from resources.clients.lake.lake import Lake

# As much as one looks back for a jump.
DAYS = 90
MOST_PAIRS = 4


def recent_closes(exchange: Exchange, job: JobName, day: date, rows: pa.Table) -> dict[str, list[tuple[date, Decimal]]]:
    """Closes of the first pairs by day: this one's of the rows, those before of the lake, without a gap."""
    found = {
        pair: [(day, close)]
        for pair, close in zip(*rows.select(["currency_pair", "close"]).to_pydict().values(), strict=True)
    }
    pairs, lake = list(found)[:MOST_PAIRS], Lake(exchange.objects.store)
    for distance in range(1, DAYS):
        at = PartitionAddress.of(day - distance * ONE_DAY, {"job": job.key})
        if lake.manifest(OHLCV_1D, at) is None:
            break  # what lies behind a day without any is of another time
        earlier = lake.open(OHLCV_1D, [at]).table().select(["currency_pair", "close"]).to_pydict()
        closes = dict(zip(earlier["currency_pair"], earlier["close"], strict=True))
        for pair in pairs:
            if pair in closes:
                found[pair].append((at.day, closes[pair]))
    return {pair: found[pair] for pair in pairs}


def closes_plot(closes: Mapping[str, Sequence[tuple[date, Decimal]]]) -> str:
    """Markdown with a picture of the closes by day, each pair in its own panel and unit."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - takes a second, and only here

    pairs = list(closes)[:MOST_PAIRS]
    figure = Figure(figsize=(4.8, 1.3 * max(1, len(pairs))), dpi=80, layout="constrained")
    panels = figure.subplots(max(1, len(pairs)), 1, squeeze=False)[:, 0]
    for panel, pair in zip(panels, pairs, strict=False):
        points = sorted(closes[pair])[-DAYS:]
        panel.plot([day for day, _ in points], [float(close) for _, close in points], marker=".", linewidth=1)
        panel.set_title(f"{pair.replace('_', '/')}, close", fontsize=7, loc="left")
        panel.tick_params(labelsize=6)
        panel.set_xticks([points[0][0], points[-1][0]] if len(points) > 1 else [points[0][0]])
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return f"![daily closes](data:image/png;base64,{b64encode(file.getvalue()).decode()})"
