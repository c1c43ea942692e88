"""The assets of a configured table: what is staged, and one for each place that it is loaded to."""

import inspect
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import dagster as dg

from assets.conventions import OWNERS, group_of, tags_of
from assets.databridge.extract import Extracted, Run, extract, incremental_of, run_name, verdicts_of
from assets.databridge.load import Live, load
from assets.databridge.tables import ROOM, BridgeTable
from assets.databridge.telling import CARTO_CHECKS, LIVE_CHECKS, live_facts, live_findings, staged_facts
from core.clock import Clock
from core.errors import SourceMoved
from core.plain import plain
from core.scratch import ScratchDirectory
from resources.clients.databridge.replacing import Unproved
from resources.clients.databridge.schema import TableSchema
from resources.clients.lake.object_store import ObjectStore
from resources.databridge import RETRIES, DatabridgeResource
from resources.plots import DAYS, plot_by_day
from resources.retries import failures_explained

Step = Literal["staged", "carto", "postgres"]
GRAIN = "one row per row of the source; each run replaces the table"
# Characters of what failed that a check shows; the rest is in the run's log.
SHOWN = 1000
# Of each step's function.
_PARAMETERS = {"context": dg.AssetExecutionContext, "databridge": DatabridgeResource}
SIGNATURE = inspect.Signature(
    [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=of)
        for name, of in _PARAMETERS.items()
    ]
)
# A run of an incremental table may be told so.
FULL = {"full": dg.Field(bool, default_value=False, description="Read all rows, not only those that changed.")}
PROGRAM = ["python", "-m", "commands.databridge", "step"]


def assets_of(table: BridgeTable) -> list[dg.AssetsDefinition]:
    """The assets of one table."""
    return [_staged(table) if step == "staged" else _live(table, step) for step in steps_of(table)]


def steps_of(table: BridgeTable) -> list[Step]:
    """The steps of a table, in their order."""
    steps: list[Step] = ["staged"]
    steps += ["carto"] if table.config.upload_to_carto else []
    steps += ["postgres"] if table.config.upload_to_postgres else []
    return steps


def key_of(table: BridgeTable, step: Step) -> dg.AssetKey:
    """The asset of a step."""
    return dg.AssetKey({"staged": table.staged_key, "carto": table.carto_key, "postgres": table.postgres_key}[step])


def _one_signature(step: Any) -> Any:
    """The step, its signature worked out once: Dagster asks for it a dozen times, of each of thousands."""
    step.__signature__ = SIGNATURE
    return step


def _staged(table: BridgeTable) -> dg.AssetsDefinition:
    specs = [
        dg.AssetCheckSpec(name, asset=key_of(table, "staged"), description=said, blocking=True)
        for name, said in verdicts_of(table).items()
    ]
    source = {"databridge": "the city's database", "knack": "Knack", "airtable": "Airtable"}[table.kind]

    @dg.asset(
        **_described(table, "staged", f"{table.table} of {table.department}, read from {source} and staged as CSV."),
        check_specs=specs,
        config_schema=FULL if incremental_of(table) else None,
        # One run of a table at a time.
        pool=f"{ROOM}_{table.dag}".replace("-", "_"),
    )
    @_one_signature
    def staged(context: dg.AssetExecutionContext, databridge: DatabridgeResource) -> Iterator[Any]:
        if databridge.on_batch():
            yield from _on_batch(context, databridge, table, "staged", full=_full(context))
            return
        with failures_explained(databridge.of_stage().stage, RETRIES), ScratchDirectory(ROOM) as scratch:
            try:
                done = extract(table, _run(context, databridge, scratch), full=_full(context))
            except SourceMoved as moved:
                yield dg.AssetCheckResult(
                    passed=False, asset_key=context.asset_key, check_name="rows", description=plain(moved, SHOWN)
                )
                raise
        yield from told(context.instance, context.asset_key, done, databridge.store())

    return staged


def _live(table: BridgeTable, step: Literal["carto", "postgres"]) -> dg.AssetsDefinition:
    account = table.config.carto_conn_id if step == "carto" else table.config.postgres_conn_id
    names = {name: said for name, said in LIVE_CHECKS.items() if step == "carto" or name not in CARTO_CHECKS}
    specs = [dg.AssetCheckSpec(name, asset=key_of(table, step), description=said) for name, said in names.items()]

    @dg.asset(
        **_described(table, step, f"{table.table} of {table.department}, live in {account}."),
        deps=[key_of(table, "staged")],
        check_specs=specs,
        # Carto limits requests by account: one load at a time.
        pool=f"{step}_{account}".replace("-", "_"),
    )
    @_one_signature
    def live(context: dg.AssetExecutionContext, databridge: DatabridgeResource) -> Iterator[Any]:
        if databridge.on_batch():
            yield from _on_batch(context, databridge, table, step)
            return
        with failures_explained(databridge.of_stage().stage, RETRIES), ScratchDirectory(ROOM) as scratch:
            try:
                done = load(table, step, _run(context, databridge, scratch))
            except Unproved as unproved:
                yield dg.AssetCheckResult(
                    passed=False,
                    asset_key=context.asset_key,
                    check_name=unproved.check,
                    description=plain(unproved, SHOWN),
                )
                raise
        yield from told_live(context.instance, context.asset_key, done, list(names))

    return live


def _described(table: BridgeTable, step: Step, description: str) -> dict[str, Any]:
    layer = "lake" if step == "staged" else step
    hours = table.config.fresh_within_hours
    policy = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=hours)) if hours and step != "staged" else None
    return {
        "key": key_of(table, step),
        "description": f"{description} Configured by {table.path}. Grain: {GRAIN}.",
        "group_name": group_of(ROOM, layer),
        "tags": tags_of(ROOM, layer),
        "kinds": {"python", "csv" if step == "staged" else "postgres"},
        "owners": OWNERS,
        "metadata": {"config": table.path, "schedule (UTC)": table.config.schedule_interval or "by hand"},
        "freshness_policy": policy,
    }


def _full(context: dg.AssetExecutionContext) -> bool:
    """Whether the run asked for all rows; a table that is always read whole takes no such configuration."""
    given = context.op_execution_context.op_config
    return bool(given and given["full"])


def _run(context: dg.AssetExecutionContext, databridge: DatabridgeResource, scratch: str) -> Run:
    name = run_name(f"{context.run.run_id}:{context.retry_number}")
    return Run(name, databridge.connections(), databridge.store(), Path(scratch), Clock())


def told(instance: dg.DagsterInstance, key: dg.AssetKey, done: Extracted, store: ObjectStore) -> Iterator[Any]:
    """The verdicts as check results, then what was staged, or a failure that no retry mends.

    Raises:
        dagster.Failure: naming the checks that failed.
    """
    for verdict in done.verdicts:
        yield dg.AssetCheckResult(
            passed=verdict.passed, asset_key=key, check_name=verdict.name, description=verdict.said
        )
    if done.manifest is None:
        failed = "; ".join(f"{verdict.name}: {verdict.said}" for verdict in done.failed)
        raise dg.Failure(f"Nothing was staged, and what is live stays. {failed}", allow_retries=False)
    facts = {**staged_facts(done.manifest, store), "dagster/column_schema": columns_of(done.schema)}
    yield dg.MaterializeResult(asset_key=key, metadata={**facts, **plotted(instance, key, done.manifest.rows)})


def columns_of(schema: TableSchema | None) -> dg.TableSchema:
    """The columns as the UI shows them."""
    columns = schema.columns if schema else ()
    return dg.TableSchema([dg.TableColumn(column.name, column.sql_type("carto")) for column in columns])


def told_live(instance: dg.DagsterInstance, key: dg.AssetKey, done: Live, checks: list[str]) -> Iterator[Any]:
    """What is live, and the check results of it: a load that lacked something would have failed."""
    yield dg.MaterializeResult(asset_key=key, metadata={**live_facts(done), **plotted(instance, key, done.loaded.rows)})
    said = live_findings(done)
    for name in checks:
        yield dg.AssetCheckResult(
            passed=name != "privacy" or not done.notes,
            severity=dg.AssetCheckSeverity.WARN if name == "privacy" else dg.AssetCheckSeverity.ERROR,
            asset_key=key,
            check_name=name,
            description=said[name],
        )


def plotted(instance: dg.DagsterInstance, key: dg.AssetKey, rows: int) -> dict[str, dg.MetadataValue]:
    """A picture of the table's rows by day, the last run of each, this one included."""
    by_day: dict[date, int] = {}
    for record in reversed(instance.fetch_materializations(key, limit=DAYS).records):
        made, found = record.asset_materialization, datetime.fromtimestamp(record.timestamp, UTC)
        counted = made.metadata.get("rows") if made else None
        if counted and isinstance(counted.value, int):
            by_day[found.date()] = counted.value
    return {"plot": plot_by_day({"rows": {**by_day, Clock().now().date(): rows}})}


def request_of(
    databridge: DatabridgeResource, table: BridgeTable, step: Step, run: str, *, full: bool = False
) -> dict[str, Any]:
    """A step as it is submitted to Batch."""
    command = [*PROGRAM, table.name, step, run, *(["--full"] if full else [])]
    return databridge.submission(table.job(step), table.definition(step), command)


def _on_batch(
    context: dg.AssetExecutionContext,
    databridge: DatabridgeResource,
    table: BridgeTable,
    step: Step,
    *,
    full: bool = False,
) -> Iterator[Any]:
    """The step as a job; what it reports through Pipes comes back as the step's own.

    A job that ends well and reports no table has judged what it found: its failed checks say what is wrong.
    """
    run = run_name(f"{context.run.run_id}:{context.retry_number}")
    request = request_of(databridge, table, step, run, full=full)
    done = databridge.batch().run(context=context, submit_job_params=request)
    sys.stdout.flush()
    results = done.get_results(implicit_materializations=False)
    for result in results:
        yield _with_plot(context.instance, result)
    if not any(isinstance(result, dg.MaterializeResult) for result in results):
        failed = [result for result in results if isinstance(result, dg.AssetCheckResult) and not result.passed]
        said = "; ".join(f"{result.check_name}: {result.metadata['found'].value}" for result in failed)
        raise dg.Failure(f"What is live stays. {said or 'The job reported nothing.'}", allow_retries=False)


def _with_plot(instance: dg.DagsterInstance, result: Any) -> Any:
    if not isinstance(result, dg.MaterializeResult) or result.asset_key is None:
        return result
    metadata: dict[str, Any] = dict(result.metadata or {})
    return result._replace(metadata={**metadata, **plotted(instance, result.asset_key, metadata["rows"].value)})
