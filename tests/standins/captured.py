"""Real answers and ethereum-etl's expected files, kept beside the project; tests that need them skip without them."""

import csv
import gzip
import json
from pathlib import Path

import pytest

DATA = Path(__file__).parents[3] / "shared" / "data"

needs_captured_data = pytest.mark.skipif(not DATA.is_dir(), reason="the captured data is not beside the project")


def results(case: str, pattern: str) -> list:
    """The ``result`` of every captured response of a case, in the order of their names."""
    return [json.loads(path.read_text())["result"] for path in sorted((DATA / "ethereum-etl" / case).glob(pattern))]


def expected_text(case: str, name: str) -> str:
    with (DATA / "ethereum-etl" / case / name).open(newline="", encoding="utf-8") as file:
        return file.read()


def expected_json(case: str, name: str) -> list[dict]:
    return [json.loads(line) for line in expected_text(case, name).splitlines()]


def mainnet(method: str, number: int):
    with gzip.open(DATA / "mainnet" / f"{method}_{number}.json.gz") as file:
        return json.load(file)


def execution_api(method: str, name: str):
    """Request and response objects of a conformance case."""
    lines = (DATA / "execution-apis" / method / f"{name}.io").read_text().splitlines()
    return tuple(json.loads(next(line[3:] for line in lines if line.startswith(mark))) for mark in (">> ", "<< "))


def csv_lines(text: str, columns: list[str] | None = None) -> list[str]:
    """Sorted lines of a csv text, of some columns only, re-written the way ethereum-etl writes."""
    import io

    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    names = columns or (list(rows[0]) if rows else [])
    for row in rows:
        writer.writerow([row[name] for name in names])
    return sorted(out.getvalue().splitlines())


def header(text: str) -> list[str]:
    return next(csv.reader([text.splitlines()[0]])) if text else []
