"""The rows that were written of the days before, as Dagster recorded them: a plot beside each new day."""

from collections.abc import Mapping
from datetime import date

import dagster as dg

from core.windows import ONE_DAY, parse_day
from resources.plots import DAYS, plot_by_day
from resources.records import newest_records

# In an asset's metadata: whether its materializations carry the plot.
PLOTTED = "plot_rows"


def rows_by_day(context: dg.OutputContext, name: str, written: Mapping[str, int]) -> dg.MarkdownMetadataValue:
    """The plot of 90 days up to the newest of those written now. written: rows by partition key, a day.

    A day counts as Dagster's newest record of it says.
    """
    counts: dict[date, int] = {}
    last = parse_day(max(written))
    keys = [str(last - distance * ONE_DAY) for distance in range(DAYS)]
    for partition, record in newest_records(context.step_context.instance, context.asset_key, keys).items():
        rows = record.asset_materialization.metadata.get("rows") if record.asset_materialization else None
        if rows is not None:
            counts[parse_day(partition)] = int(str(rows.value))
    return plot_by_day({f"{name}, rows per day": counts | {parse_day(day): rows for day, rows in written.items()}})
