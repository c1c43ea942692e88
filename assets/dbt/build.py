"""Running dbt for a window of days, and what the UI shows of each model afterwards."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtCliRuntimeError

from assets.dbt.manifest import MANIFEST
from assets.dbt.plot import bars
from assets.dbt.translator import RoomTranslator
from core.windows import ONE_DAY, DayWindow
from resources.clients.postgres.database import Postgres
from resources.clients.warehouse import Warehouse
from resources.dbt import Dbt
from resources.descriptions import receipt

# Models with a plot in their metadata: title and the column drawn, by day.
PLOTS = {"daily_chain_metrics": ("Transactions per day", "transactions_cnt")}
PLOTTED_DAYS = 30


# What dbt builds on: a room's warehouse, or the PostgreSQL of rooms that live there.
Engine = Warehouse | Postgres


def build_arguments(window: DayWindow | None, full_refresh: bool = False) -> list[str]:
    """``dbt build`` for a window of days; all days without one.

    The window is no variable, which dbt would parse the project anew for, but its own option for incremental models.
    """
    days = ["--event-time-start", str(window.first), "--event-time-end", str(window.last + ONE_DAY)] if window else []
    return ["build", *days, *(["--full-refresh"] if full_refresh else [])]


def profile_settings(engine: Engine, label: str) -> dict[str, str]:
    """What dbt's profile reads from the environment, passwords among it. label: what statements say of themselves."""
    return engine.dbt_environment() | {"DBT_LABEL": label}


def build(
    context: dg.AssetExecutionContext, dbt: Dbt, engine: Engine, translator: RoomTranslator, window: DayWindow | None
) -> Iterator[Any]:
    """Build and test the selected models for the window; events come once dbt has let go of the warehouse.

    window: None for models without days.

    Raises:
        dagster.Failure: quoting dbt, after the events of what did succeed.
    """
    events: list[Any] = []
    failure = None
    label = f"headwater dbt run={context.run_id}{f' days={window.first}..{window.last}' if window else ''}"
    with (
        engine.exclusive(),
        dbt.started(
            context,
            build_arguments(window),
            engine=engine.engine,
            settings=profile_settings(engine, label),
            manifest=MANIFEST,
            translator=translator,
        ) as command,
    ):
        try:
            events.extend(command.stream())
        except DagsterDbtCliRuntimeError as error:
            failure = error
    for event in events:
        if isinstance(event, dg.Output):
            _describe(context, engine, MANIFEST["nodes"][event.metadata["unique_id"].value], window)
        yield event
    if failure:
        days = f" for {window}" if window else ""
        raise dg.Failure(description=f"dbt build{days}: {failure.description}", allow_retries=False) from failure


def rebuild(context: dg.OpExecutionContext, dbt: Dbt, engine: Engine, translator: RoomTranslator) -> None:
    """Build every model of the translator's room anew, from all days there are."""
    with (
        engine.exclusive(),
        dbt.started(
            context,
            build_arguments(None, full_refresh=True),
            engine=engine.engine,
            settings=profile_settings(engine, f"headwater dbt run={context.run_id}"),
            manifest=MANIFEST,
            translator=translator,
            select=[f"tag:{translator.room}"],
        ) as command,
    ):
        command.wait()


def _describe(
    context: dg.AssetExecutionContext, warehouse: Engine, node: Mapping[str, Any], window: DayWindow | None
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
    if window is None:
        (total,) = warehouse.query(f"SELECT count(*) AS row_count FROM {address}").to_pylist()
        context.add_asset_metadata({"rows": total["row_count"], "dagster/uri": warehouse.uri(address), **about}, key)
        return
    counted = warehouse.query(
        f"SELECT day, count(*) AS row_count FROM {address} WHERE {_between(window.first, window.last)} GROUP BY day"
    ).to_pylist()
    rows = {entry["day"]: entry["row_count"] for entry in counted}
    plots = _plots(warehouse, model, address, window)
    for day in window:
        plot = {"plot": dg.MetadataValue.md(plots[day])} if day in plots else {}
        context.add_asset_metadata(receipt(rows.get(day, 0), warehouse.uri(address), about | plot), key, str(day))


def _between(first: date, last: date) -> str:
    return f"day BETWEEN DATE '{first}' AND DATE '{last}'"


def _plots(warehouse: Engine, model: str, address: str, window: DayWindow) -> dict[date, str]:
    if model not in PLOTS:
        return {}
    title, column = PLOTS[model]
    first = window.first - (PLOTTED_DAYS - 1) * ONE_DAY
    found = warehouse.query(
        f"SELECT day, {column} AS value FROM {address} WHERE {_between(first, window.last)} ORDER BY day"
    ).to_pylist()
    plots = {}
    for day in window:
        shown = [row for row in found if day - PLOTTED_DAYS * ONE_DAY < row["day"] <= day]
        plots[day] = bars(title, [str(row["day"]) for row in shown], [row["value"] for row in shown])
    return plots
