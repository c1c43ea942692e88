"""``python -m commands FROM TO``: the Ethereum stages for a range of days, one after the other, in this process.

What ``make run`` and ``make backfill`` call. The runs are recorded in DAGSTER_HOME like any other, and can be
looked at in the UI afterwards.
"""

import argparse
import sys

import dagster as dg

from commands.running import print_record, print_table, run
from core.errors import HeadwaterError
from core.settings.lake import Lake
from core.settings.stage import Stage
from core.windows import DayWindow, parse_day
from resources.io_managers.selected import WarehouseIOManager

# Days exported in one run, as in a backfill: EXPORTS in assets/conventions.py.
EXPORT_DAYS = 7
STAGES = (
    ("Exporting", "ethereum_export_job", EXPORT_DAYS),
    ("Loading", "ethereum_load_job", None),
    ("Aggregating", "ethereum_aggregates_job", None),
)
SUMMARY = """
    SELECT day, blocks_cnt AS blocks, empty_blocks_cnt AS empty, transactions_cnt AS transactions,
        failed_transactions_cnt AS failed, unique_senders AS senders, value_transferred_eth AS "ether moved",
        base_fee_p50_gwei AS "base fee gwei", burnt_wei AS "burnt wei"
    FROM ethereum.daily_chain_metrics WHERE day BETWEEN DATE '{window.first}' AND DATE '{window.last}' ORDER BY day
"""


def main() -> int:
    """Run the stages; the exit code says whether all days went through."""
    parser = argparse.ArgumentParser(prog="python -m commands", description="Materialize a range of Ethereum days.")
    parser.add_argument("first", type=parse_day, metavar="FROM", help="first UTC day, YYYY-MM-DD")
    parser.add_argument("last", type=parse_day, metavar="TO", help="last UTC day, included")
    arguments = parser.parse_args()
    try:
        window = DayWindow(arguments.first, arguments.last)
    except ValueError as error:
        parser.error(str(error))
    warehouse = WarehouseIOManager().warehouse().uri("ethereum")
    print(f"Ethereum, {window}: node -> {Lake.read().root(Stage.read())} -> {warehouse} -> daily metrics")
    with dg.DagsterInstance.get() as instance:
        for verb, job, most_days in STAGES:
            for part in _parts(window, most_days):
                if not run(instance, f"{verb} {part}", job, str(part.first), str(part.last)):
                    return 1
    _print_summary(window)
    return 0


def _parts(window: DayWindow, most_days: int | None) -> list[DayWindow]:
    days = list(window)
    step = most_days or len(days)
    return [DayWindow(part[0], part[-1]) for part in (days[at : at + step] for at in range(0, len(days), step))]


def _print_summary(window: DayWindow) -> None:
    rows = WarehouseIOManager().warehouse().query(SUMMARY.format(window=window)).to_pylist()
    print_table("ethereum.daily_chain_metrics", rows)
    print_record()
    print("Open the graph with `make dev`; the tables with any client of the warehouse, schema ethereum.")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except HeadwaterError as problem:
        sys.exit(f"{problem}")
