"""docs/scaling.md says what its own inputs give, and its inputs are what the repository measured."""

import json
import re
from pathlib import Path

import pytest

from assets.conventions import EXPORTS
from benchmarks.scaling import DOCUMENT, computed, exporting, inputs, work

ROOT = Path(__file__).parents[2]
TEXT = DOCUMENT.read_text()
GIVEN = inputs(TEXT)


def test_the_document_says_what_its_inputs_give():
    assert computed(TEXT) == TEXT, "run `python -m benchmarks.scaling`"


def test_a_changed_input_changes_what_follows():
    slower = TEXT.replace(f"| `seconds_of_day` | {GIVEN['seconds_of_day']:g} |", "| `seconds_of_day` | 178 |")
    assert slower != TEXT
    assert computed(slower) != slower
    assert inputs(computed(slower))["seconds_of_day"] == 178


def test_the_arithmetic_on_round_figures():
    given = GIVEN | {
        "blocks": 1e6, "transactions": 1e8, "transactions_per_block": 100, "blocks_of_day": 1000, "days": 70,
        "seconds_of_day": 3.6, "requests_of_day": 200, "seconds_to_start_a_run": 0, "json_bytes_per_block": 1e6,
        "lake_bytes_per_block": 1e6, "days_per_export_run": 7, "node_megabytes_per_second": 1e9,
    }  # fmt: skip
    said = dict(work(given))
    assert said["requests to the node"] == "0.2 million"
    assert said["answers of the node"] == "1.0 TB"
    assert said["export runs"] == "10"
    hours = {row[0]: row[1:] for row in exporting(given)}
    assert hours["hours of export"] == ["1.0", "0.1", "0.0"]
    assert hours["blocks a second from the node"] == ["278", "2,778", "27,778"]


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("requests_of_day", r"\| Headwater \| full .*\| ([\d,]+) +\| not measured"),
        ("transactions_rows_per_second", r"\| transactions \| [\d,]+ +\| ([\d,]+)"),
        ("receipts_rows_per_second", r"\| receipts +\| [\d,]+ +\| ([\d,]+)"),
        ("logs_rows_per_second", r"\| logs +\| [\d,]+ +\| ([\d,]+)"),
        ("cpu_seconds_per_1000_blocks", r"\| Headwater \| full +\| 0 ms +\| ([\d.]+) .*\| not measured"),
    ],
)
def test_measured_inputs_are_those_of_the_results(name, pattern):
    (found,) = re.findall(pattern, (ROOT / "benchmarks/results.md").read_text())
    assert GIVEN[name] == float(found.replace(",", ""))


def test_the_seconds_of_a_day_are_those_of_its_millions_of_transactions():
    results = (ROOT / "benchmarks/results.md").read_text()
    (seconds,) = re.findall(r"transactions of a day, all proved +\| 45 s +\| 30 s +\| ([\d,]+) s", results)
    (transactions,) = re.findall(r"\| transactions \| ([\d,]+)", results)
    assert round(GIVEN["seconds_of_day"] / int(transactions.replace(",", "")) * 1e6) == int(seconds)


def test_a_task_and_a_run_are_what_is_deployed():
    task = json.loads((ROOT / "deploy/ecs/run.json").read_text())
    assert GIVEN["days_per_export_run"] == EXPORTS.max_partitions_per_run
    assert (int(task["cpu"]) / 1024, int(task["memory"]) / 1024) == (GIVEN["vcpus"], GIVEN["gigabytes"])
