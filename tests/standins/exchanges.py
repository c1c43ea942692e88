"""Recorded answers and series of real exchanges, which lie beside the project and not in it."""

import csv
import gzip
import json
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from resources.clients.exchanges.bars import DAY_MS, bar_of_row

FOLDER = Path(__file__).parents[2].parent / "shared/data/exchanges"


@pytest.fixture
def unthrottled(monkeypatch):
    """ccxt pauses for no stand-in, where its pauses are not what is tried."""
    monkeypatch.setattr("ccxt.Exchange.throttle", lambda exchange, cost=None: None)


def recorded(name):
    """The JSON of a recorded file. Skips the test where there are none."""
    return json.loads(_there(name).read_text())


def series(name):
    """A recorded series' bars and what is expected of them, by day."""
    with gzip.open(_there(f"{name}.csv.gz"), "rt") as file:
        rows = [
            [int(row[0]), *row[1:6], *([int(row[6]), row[7], row[8]] if len(row) > 6 else [])]
            for row in list(csv.reader(file))[1:]
        ]
    days = defaultdict(list)
    for row in rows:
        days[row[0] // DAY_MS * DAY_MS].append(bar_of_row(row, name))
    expected = recorded(f"{name}.expected.json")
    return {str(datetime.fromtimestamp(at / 1000, UTC).date()): (at, bars) for at, bars in days.items()}, expected


def _there(name):
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"no recorded {name} beside the project")
    return path
