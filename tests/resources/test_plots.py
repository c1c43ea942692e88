"""The picture beside a day: what it shows, read from what Matplotlib was told, and that it is a small PNG."""

import re
from base64 import b64decode
from datetime import date
from decimal import Decimal
from math import isnan

import pytest
from matplotlib.figure import Figure

from core.windows import ONE_DAY
from resources.plots import DAYS, MOST_PANELS, plot_by_day
from tests.conftest import SAMPLE_DAYS
from tests.standins.runs import Graph

LAST = date(2024, 3, 31)


@pytest.fixture
def drawn(monkeypatch):
    """The panels of the picture that was saved last."""
    panels = []
    save = Figure.savefig

    def savefig(figure, *arguments, **words):
        panels[:] = figure.axes
        return save(figure, *arguments, **words)

    monkeypatch.setattr(Figure, "savefig", savefig)
    return panels


def test_ninety_days_with_gaps_and_an_axis_of_values(drawn):
    values = {LAST - distance * ONE_DAY: 10**6 + distance for distance in range(100) if distance != 30}
    markdown = plot_by_day({"transactions": values}).value
    (panel,) = drawn
    (line,) = panel.lines
    shown = list(line.get_ydata())
    assert len(shown) == DAYS
    assert [at for at, value in enumerate(shown) if isnan(value)] == [DAYS - 1 - 30]
    assert shown[-1] == 10**6
    assert [label.get_text() for label in panel.get_xticklabels()] == ["2024-01-02", "2024-03-31"]
    assert panel.yaxis.get_major_formatter()(1_234_567.0) == "1,234,567"
    name, data = re.fullmatch(r"!\[(.*)]\(data:image/png;base64,(.*)\)", markdown).groups()
    assert name == "transactions"
    png = b64decode(data)
    assert png.startswith(b"\x89PNG")
    assert len(png) < 20_000


def test_each_series_has_its_panel_and_what_is_empty_has_none(drawn):
    series = {f"coin {at}": {LAST: Decimal("42000.5")} for at in range(6)} | {"nothing": {}}
    markdown = plot_by_day({"nothing": {}} | series).value
    assert len(drawn) == MOST_PANELS
    assert "nothing" not in markdown
    assert "no days" in plot_by_day({"nothing": {}}).value


def test_the_rows_of_the_days_before_are_in_the_plot_of_the_last_day(drawn, tmp_path, node_uri):
    graph = Graph(tmp_path, node_uri)
    graph.run('key:"lake/ethereum/blocks"', SAMPLE_DAYS[0])
    result = graph.run('key:"lake/ethereum/blocks"', *SAMPLE_DAYS[1:])
    plots = {
        event.partition: event.materialization.metadata.get("plot")
        for event in result.get_asset_materialization_events()
        if event.asset_key.path[-1] == "blocks"
    }
    assert [day for day, plot in plots.items() if plot] == [str(SAMPLE_DAYS[-1])]
    assert [list(panel.lines[0].get_ydata()) for panel in drawn] == [[35, 37, 37]]
