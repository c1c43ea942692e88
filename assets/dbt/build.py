"""Running dbt for a window of days, and what the UI shows of each model afterwards."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtCliRuntimeError

from assets.dbt.lineage import column_lineage
from assets.dbt.manifest import MANIFEST
from assets.dbt.translator import RoomTranslator
from core.windows import ONE_DAY, DayWindow
from resources.clients.postgres.database import Postgres
from resources.clients.warehouse import Warehouse
from resources.dbt import Dbt
from resources.descriptions import receipt
from resources.plots import DAYS, plot_by_day

# What dbt builds on: a room's warehouse, or the PostgreSQL of rooms that live there.
Engine = Warehouse | Postgres


def build_arguments(window: DayWindow | None, full_refresh: bool = False) -> list[str]:
    """``dbt build`` for a window of days; all days without one.

    The window is no variable, which dbt would parse the project anew for, but its own option for incremental models.
    Manifest and results are not written as files: that takes a second, and Dagster has read them from dbt's log.
    """
    days = ["--event-time-start", str(window.first), "--event-time-end", str(window.last + ONE_DAY)] if window else []
    return ["build", "--no-write-json", *days, *(["--full-refresh"] if full_refresh else [])]


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
    label = f"headwater dbt run={context.run.run_id}{f' days={window.first}..{window.last}' if window else ''}"
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
            node = MANIFEST["nodes"][event.metadata["unique_id"].value]
            from_parents = column_lineage(node, MANIFEST, translator, command.target_path, engine.engine)
            _describe(context, engine, node, window, from_parents)
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
    context: dg.AssetExecutionContext,
    warehouse: Engine,
    node: Mapping[str, Any],
    window: DayWindow | None,
    from_parents: dg.TableColumnLineage | None,
) -> None:
    """Attach columns, rows and address of a model to each day's materialization, and a plot to the last one's.

    node: the model in dbt's manifest.
    """
    model, address = node["name"], f"{node['schema']}.{node['name']}"
    columns = [
        dg.TableColumn(name, type_, description=node["columns"].get(name, {}).get("description"))
        for name, type_ in warehouse.columns(address).items()
    ]
    about: dict[str, Any] = {"dagster/table_name": address, "dagster/column_schema": dg.TableSchema(columns=columns)}
    if from_parents:
        about["dagster/column_lineage"] = from_parents
    (key,) = (key for key in context.selected_asset_keys if key.path[-1] == model)
    if window is None:
        (total,) = warehouse.query(f"SELECT count(*) AS row_count FROM {address}").to_pylist()
        context.add_asset_metadata({"rows": total["row_count"], "dagster/uri": warehouse.uri(address), **about}, key)
        return
    counted = warehouse.query(
        f"SELECT day, count(*) AS row_count FROM {address} WHERE {_between(window.first, window.last)} GROUP BY day"
    ).to_pylist()
    rows = {entry["day"]: entry["row_count"] for entry in counted}
    for day in window:
        plot = _plot(warehouse, node, address, day) if day == window.last else {}
        context.add_asset_metadata(receipt(rows.get(day, 0), warehouse.uri(address), about | plot), key, str(day))


def _between(first: date, last: date) -> str:
    return f"day BETWEEN DATE '{first}' AND DATE '{last}'"


def _plot(warehouse: Engine, node: Mapping[str, Any], address: str, last: date) -> dict[str, dg.MetadataValue]:
    """The picture that the model's ``meta: plot:`` asks for, of the days up to this one.

    Its ``title`` names what its ``value`` shows, an expression of the model's columns; ``by`` is the column that each
    has a panel of its own for.
    """
    wanted = node["config"].get("meta", {}).get("plot")
    if wanted is None:
        return {}
    by = wanted.get("by", "NULL")
    found = warehouse.query(
        f"SELECT day, {by} AS series, {wanted['value']} AS shown FROM {address} "
        f"WHERE {_between(last - (DAYS - 1) * ONE_DAY, last)} ORDER BY 1, 2"
    ).to_pylist()
    series = defaultdict[str, dict[date, Any]](dict)
    for row in found:
        if row["shown"] is not None:
            title = wanted["title"] if row["series"] is None else f"{row['series']}: {wanted['title']}"
            series[title][row["day"]] = row["shown"]
    return {"plot": plot_by_day(series)}
