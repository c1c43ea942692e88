"""Ethereum's stages for a range of days, one after the other: each builds on the one before."""

from collections.abc import Iterator

from assets.conventions import EXPORTS
from core.settings.lake import Lake
from core.settings.stage import Stage
from core.windows import DayWindow
from jobs.plan import Plan, Rows, Step, parts
from resources.io_managers.selected import WarehouseIOManager

# As in a backfill from the UI.
EXPORT_DAYS = EXPORTS.max_partitions_per_run or 1
SUMMARY = """
    SELECT day, blocks_cnt AS blocks, empty_blocks_cnt AS empty, transactions_cnt AS transactions,
        failed_transactions_cnt AS failed, unique_senders AS senders, value_transferred_eth AS "ether moved",
        base_fee_p50_gwei AS "base fee gwei", burnt_wei AS "burnt wei"
    FROM ethereum.daily_chain_metrics WHERE day BETWEEN DATE '{window.first}' AND DATE '{window.last}' ORDER BY day
"""


def _route() -> str:
    warehouse = WarehouseIOManager().warehouse().uri("ethereum")
    return f"node -> {Lake.read().root(Stage.read())} -> {warehouse} -> daily metrics"


def _steps(window: DayWindow) -> list[Step]:
    return [
        *(_step("Exporting", "ethereum_export_job", part) for part in parts(window, EXPORT_DAYS)),
        _step("Loading", "ethereum_load_job", window),
        _step("Aggregating", "ethereum_aggregates_job", window),
    ]


def _step(verb: str, job: str, window: DayWindow) -> Step:
    return Step(f"{verb} {window}", job, str(window.first), str(window.last))


def _summaries(window: DayWindow) -> Iterator[tuple[str, Rows]]:
    rows = WarehouseIOManager().warehouse().query(SUMMARY.format(window=window)).to_pylist()
    yield "ethereum.daily_chain_metrics", rows


def _closing() -> str:
    return "Open the graph with `make dev`; the tables with any client of the warehouse, schema ethereum."


PLAN = Plan("Ethereum", _route, _steps, _summaries, _closing, ("ethereum", "lake", "warehouse"))
