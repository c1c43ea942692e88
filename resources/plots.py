"""A small picture of figures by day, as the UI opens it from an asset's metadata."""

import io
from base64 import b64encode
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from math import nan
from typing import Any

import dagster as dg

from core.plain import plain
from core.windows import ONE_DAY, DayWindow

# As much as one looks back for a jump or a gap.
DAYS = 90
MOST_PANELS = 4
LONGEST_NAME = 80
# In inches: the picture; a digit of the value axis; what lies above and below a panel.
WIDTH, DIGIT, TITLE, DATES = 5.6, 0.064, 0.2, 0.22


def plot_by_day(series: Mapping[str, Mapping[date, int | float | Decimal]]) -> dg.MarkdownMetadataValue:
    """A PNG with a panel for each of the first four series, by name, of the newest 90 days; with a value axis.

    A day without a value is a gap. Each series has its own scale.
    """
    # Matplotlib takes half a second to load: only a step that draws pays for it.
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.ticker import StrMethodFormatter  # noqa: PLC0415

    shown = {name: values for name, values in series.items() if values}
    shown = {name: shown[name] for name in list(shown)[:MOST_PANELS]}
    figure = Figure(figsize=(WIDTH, 0.3 + 1.3 * max(1, len(shown))), dpi=80)
    FigureCanvasAgg(figure)
    longest = 0
    for at, (name, values) in enumerate(shown.items(), 1):
        last = max(values)
        days = list(DayWindow(max(min(values), last - (DAYS - 1) * ONE_DAY), last))
        axes = figure.add_subplot(len(shown), 1, at)
        axes.plot([float(values.get(day, nan)) for day in days], marker=".", linewidth=1, color="#4f6bd8")
        axes.set_title(plain(name, LONGEST_NAME), fontsize=8, loc="left", parse_math=False)
        axes.grid(axis="y", linewidth=0.3)
        axes.tick_params(labelsize=7)
        axes.yaxis.set_major_formatter(formatter := StrMethodFormatter("{x:,.12g}"))
        longest = max(longest, *map(len, formatter.format_ticks(list(axes.get_yticks()))))
        # First and last day alone: 90 labels would lie over each other.
        axes.set_xticks(ends := sorted({0, len(days) - 1}), [str(days[at]) for at in ends])
    _leave_room(figure, len(shown), longest)
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    names = ", ".join(plain(name, LONGEST_NAME) for name in shown) or "no days"
    return dg.MetadataValue.md(f"![{names}](data:image/png;base64,{b64encode(file.getvalue()).decode()})")


def _leave_room(figure: Any, panels: int, longest: int) -> None:
    """Margins for titles, dates and the longest value. Matplotlib takes as long to find them as to draw."""
    height = float(figure.get_figheight())
    panel = height / max(1, panels) - TITLE - DATES
    figure.subplots_adjust(
        left=(0.18 + DIGIT * longest) / WIDTH,
        right=1 - 0.3 / WIDTH,
        top=1 - TITLE / height,
        bottom=DATES / height,
        hspace=(TITLE + DATES) / panel,
    )
