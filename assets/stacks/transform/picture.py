"""A small picture of the last 90 days, for an asset's metadata."""

import io
from base64 import b64encode
from collections.abc import Mapping
from datetime import date

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

DAYS = 90


def picture(series: Mapping[str, Mapping[date, int]]) -> str:
    """Markdown holding a PNG: a panel for each series by name, with a value axis, of the newest 90 days."""
    figure = Figure(figsize=(6, 1.6 * len(series)), dpi=70, layout="constrained")
    FigureCanvasAgg(figure)
    for at, (name, values) in enumerate(series.items(), 1):
        days = sorted(values)[-DAYS:]
        axes = figure.add_subplot(len(series), 1, at)
        axes.bar([day.isoformat() for day in days], [values[day] for day in days], color="#5b7fde")
        axes.set_title(name, fontsize=9, loc="left")
        axes.tick_params(labelsize=7)
        # First and last day alone: 90 labels would lie over each other.
        axes.set_xticks([0, len(days) - 1] if len(days) > 1 else range(len(days)))
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return f"![{', '.join(series)}](data:image/png;base64,{b64encode(out.getvalue()).decode()})"
