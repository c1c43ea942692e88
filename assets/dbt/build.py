"""Running dbt for a window of days, and what the UI shows of each model afterwards."""

import json
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtCliRuntimeError, DbtCliResource

from assets.dbt.plot import bars
from core.tables import Table
from core.windows import ONE_DAY, DayWindow
from resources.clients.duckdb_warehouse import DuckDbWarehouse
from resources.descriptions import receipt

# Models with a plot in their metadata: title and the column drawn, by day.
PLOTS = {"daily_chain_metrics": ("Transactions per day", "transactions_cnt")}
PLOTTED_DAYS = 30


def build_arguments(warehouse: DuckDbWarehouse, window: DayWindow | None, full_refresh: bool) -> list[str]:
    """``dbt build`` for a window of days; all days without one."""
    variables = {"warehouse_path": warehouse.path}
    if window:
        variables |= {"start_date": str(window.first), "end_date": str(window.last)}
    refresh = ["--full-refresh"] if full_refresh else []
    return ["build", *refresh, "--target", warehouse.engine, "--vars", json.dumps(variables)]


def build(
    context: dg.AssetExecutionContext,
    dbt: DbtCliResource,
    warehouse: DuckDbWarehouse,
    sources: Sequence[Table],
    window: DayWindow,
) -> Iterator[Any]:
    """Build and test the selected models for the window; events come once dbt has let go of the warehouse.

    sources: tables that the models read; a table nothing was loaded into yet is created empty.

    Raises:
        dagster.Failure: quoting dbt, after the events of what did succeed.
    """
    events: list[Any] = []
    failure = None
    for table in sources:
        warehouse.migrate(table)
    with warehouse.exclusive():
        invocation = dbt.cli(build_arguments(warehouse, window, full_refresh=False), context=context)
        try:
            events.extend(invocation.stream())
        except DagsterDbtCliRuntimeError as error:
            failure = error
    for event in events:
        if isinstance(event, dg.Output):
            _describe(context, warehouse, str(event.metadata["unique_id"].value), window)
        yield event
    if failure:
        raise dg.Failure(description=f"dbt build for {window}: {failure.description}", allow_retries=False) from failure


def _describe(context: dg.AssetExecutionContext, warehouse: DuckDbWarehouse, unique_id: str, window: DayWindow) -> None:
    """Attach rows and address of a model to each day's materialization, and to some a plot up to the day."""
    model = unique_id.rsplit(".", maxsplit=1)[-1]
    address = f"ethereum.{model}"
    (key,) = (key for key in context.selected_asset_keys if key.path[-1] == model)
    counted = warehouse.query(
        f"SELECT day, count(*) AS rows FROM {address} WHERE day BETWEEN ? AND ? GROUP BY day",
        [window.first, window.last],
    ).to_pylist()
    rows = {entry["day"]: entry["rows"] for entry in counted}
    plots = _plots(warehouse, model, address, window)
    for day in window:
        about = receipt(rows.get(day, 0), warehouse.uri(address), {"dagster/table_name": address})
        plot = {"plot": dg.MetadataValue.md(plots[day])} if day in plots else {}
        context.add_asset_metadata(about | plot, key, str(day))


def _plots(warehouse: DuckDbWarehouse, model: str, address: str, window: DayWindow) -> dict[date, str]:
    if model not in PLOTS:
        return {}
    title, column = PLOTS[model]
    first = window.first - (PLOTTED_DAYS - 1) * ONE_DAY
    found = warehouse.query(
        f"SELECT day, {column} AS value FROM {address} WHERE day BETWEEN ? AND ? ORDER BY day", [first, window.last]
    ).to_pylist()
    plots = {}
    for day in window:
        shown = [row for row in found if day - PLOTTED_DAYS * ONE_DAY < row["day"] <= day]
        plots[day] = bars(title, [str(row["day"]) for row in shown], [row["value"] for row in shown])
    return plots
