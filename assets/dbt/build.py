"""Running dbt for a window of days, and what the UI shows of each model afterwards."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtCliRuntimeError, DbtCliResource

from assets.dbt.plot import bars
from core.windows import DayWindow
from resources.clients.duckdb_warehouse import DuckDbWarehouse

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
    context: dg.AssetExecutionContext, dbt: DbtCliResource, warehouse: DuckDbWarehouse, window: DayWindow
) -> Iterator[Any]:
    """Build and test the selected models for the window; events come once dbt has let go of the warehouse.

    Raises:
        dagster.Failure: quoting dbt, after the events of what did succeed.
    """
    events, failure = [], None
    with warehouse.exclusive():
        invocation = dbt.cli(build_arguments(warehouse, window, full_refresh=False), context=context)
        try:
            events.extend(invocation.stream())
        except DagsterDbtCliRuntimeError as error:
            failure = error
    for event in events:
        if isinstance(event, dg.Output):
            about = _about(warehouse, event.metadata["unique_id"].value.split(".")[-1], window)
            yield event.with_metadata({**event.metadata, **about})
        else:
            yield event
    if failure:
        raise dg.Failure(description=f"dbt build for {window}: {failure.description}", allow_retries=False) from failure


def _about(warehouse: DuckDbWarehouse, model: str, window: DayWindow) -> Mapping[str, Any]:
    """Rows of the window, address and, for some, a plot."""
    address = f"ethereum.{model}"
    in_window = f"day BETWEEN DATE '{window.first}' AND DATE '{window.last}'"
    rows = warehouse.query(f"SELECT count(*) FROM {address} WHERE {in_window}")[0][0].as_py()
    about = {
        "dagster/partition_row_count": rows,
        "rows": rows,
        "dagster/table_name": address,
        "dagster/uri": f"duckdb://{warehouse.path}/{address}",
    }
    if model in PLOTS:
        title, column = PLOTS[model]
        days = warehouse.query(
            f"SELECT day, {column} AS value FROM {address} WHERE day <= DATE '{window.last}' "
            f"ORDER BY day DESC LIMIT {PLOTTED_DAYS}"
        ).to_pylist()[::-1]
        about["plot"] = dg.MetadataValue.md(bars(title, [str(d["day"]) for d in days], [d["value"] for d in days]))
    return about
