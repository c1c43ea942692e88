"""A small bar chart as an inline picture, for an asset's metadata."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT, MARGIN, TITLE = 480, 140, 8, 22


def bars(title: str, labels: Sequence[str], values: Sequence[float]) -> str:
    """Markdown holding an SVG with one bar per value, the first and last labelled."""
    top = max([*values, 0]) or 1
    step = (WIDTH - 2 * MARGIN) / max(len(values), 1)
    floor = HEIGHT - TITLE
    shapes = []
    for at, (label, value) in enumerate(zip(labels, values, strict=True)):
        height = (floor - TITLE - MARGIN) * value / top
        shapes.append(
            f'<rect x="{MARGIN + at * step + step * 0.1:.1f}" y="{floor - height:.1f}" width="{step * 0.8:.1f}" '
            f'height="{height:.1f}" fill="#5b7fde"><title>{escape(label)}: {value:,.0f}</title></rect>'
        )
    texts = [(MARGIN, 15, "start", f"{title}, at most {top:,.0f}")]
    if labels:
        texts += [(MARGIN, HEIGHT - 6, "start", labels[0])]
    if len(labels) > 1:
        texts += [(WIDTH - MARGIN, HEIGHT - 6, "end", labels[-1])]
    words = [
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-family="sans-serif" font-size="12" fill="#666">'
        f"{escape(text)}</text>"
        for x, y, anchor, text in texts
    ]
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f"{''.join(shapes)}{''.join(words)}</svg>"
    )
    return f"![{escape(title)}](data:image/svg+xml;base64,{b64encode(svg.encode()).decode()})"
