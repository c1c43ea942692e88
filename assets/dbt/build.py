"""Running dbt for a window of days, and what the UI shows of each model afterwards."""

import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtCliRuntimeError, DbtCliResource

from assets.dbt.plot import bars
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
    manifest: Mapping[str, Any],
    window: DayWindow,
) -> Iterator[Any]:
    """Build and test the selected models for the window; events come once dbt has let go of the warehouse.

    manifest: dbt's account of the project.

    Raises:
        dagster.Failure: quoting dbt, after the events of what did succeed.
    """
    events: list[Any] = []
    failure = None
    with warehouse.exclusive():
        invocation = dbt.cli(build_arguments(warehouse, window, full_refresh=False), context=context)
        try:
            events.extend(invocation.stream())
        except DagsterDbtCliRuntimeError as error:
            failure = error
    for event in events:
        if isinstance(event, dg.Output):
            _describe(context, warehouse, manifest["nodes"][event.metadata["unique_id"].value], window)
        yield event
    if failure:
        raise dg.Failure(description=f"dbt build for {window}: {failure.description}", allow_retries=False) from failure


def _describe(
    context: dg.AssetExecutionContext, warehouse: DuckDbWarehouse, node: Mapping[str, Any], window: DayWindow
) -> None:
    """Attach columns, rows and address of a model to each day's materialization, and to some a plot up to the day.

    node: the model in dbt's manifest.
    """
    model, address = node["name"], f"{node['schema']}.{node['name']}"
    columns = [
        dg.TableColumn(name, type_, description=node["columns"].get(name, {}).get("description"))
        for name, type_ in warehouse.columns(address).items()
    ]
    about = {"dagster/table_name": address, "dagster/column_schema": dg.TableSchema(columns=columns)}
    (key,) = (key for key in context.selected_asset_keys if key.path[-1] == model)
    counted = warehouse.query(
        f"SELECT day, count(*) AS rows FROM {address} WHERE day BETWEEN ? AND ? GROUP BY day",
        [window.first, window.last],
    ).to_pylist()
    rows = {entry["day"]: entry["rows"] for entry in counted}
    plots = _plots(warehouse, model, address, window)
    for day in window:
        plot = {"plot": dg.MetadataValue.md(plots[day])} if day in plots else {}
        context.add_asset_metadata(receipt(rows.get(day, 0), warehouse.uri(address), about | plot), key, str(day))


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
