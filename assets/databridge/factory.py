"""The assets of a configured table: what is staged, and one for each place that it is loaded to."""

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import dagster as dg

from assets.conventions import OWNERS, group_of, tags_of
from assets.databridge.extract import VERDICTS, Extracted, Run, extract, run_name
from assets.databridge.load import Live, load
from assets.databridge.tables import ROOM, BridgeTable
from core.clock import Clock
from core.scratch import ScratchDirectory
from resources.clients.databridge.schema import TableSchema
from resources.clients.lake.object_store import ObjectStore
from resources.databridge import DatabridgeResource
from resources.retries import failures_explained

Step = Literal["staged", "carto", "postgres"]
GRAIN = "one row per row of the source; each run replaces the table"
LIVE_CHECKS = {
    "rows": "The live table has the rows of the staged run.",
    "indexes": "The live table has the indexes that its file names.",
    "grants": "Who its file names may read the live table.",
    "privacy": "The dataset is public exactly when publicuser may read it.",
}
PROGRAM = ["python", "-m", "commands.databridge", "step"]


def assets_of(table: BridgeTable) -> list[dg.AssetsDefinition]:
    """The assets of one table."""
    loads: list[Literal["carto", "postgres"]] = []
    if table.config.upload_to_carto:
        loads.append("carto")
    if table.config.upload_to_postgres:
        loads.append("postgres")
    return [_staged(table), *(_live(table, step) for step in loads)]


def key_of(table: BridgeTable, step: Step) -> dg.AssetKey:
    """The asset of a step."""
    return dg.AssetKey({"staged": table.staged_key, "carto": table.carto_key, "postgres": table.postgres_key}[step])


def _staged(table: BridgeTable) -> dg.AssetsDefinition:
    specs = [
        dg.AssetCheckSpec(name, asset=key_of(table, "staged"), description=said, blocking=True)
        for name, said in VERDICTS.items()
    ]
    source = {"databridge": "the city's database", "knack": "Knack", "airtable": "Airtable"}[table.kind]

    @dg.asset(
        **_described(table, "staged", f"{table.table} of {table.department}, read from {source} and staged as CSV."),
        check_specs=specs,
    )
    def staged(context: dg.AssetExecutionContext, databridge: DatabridgeResource) -> Iterator[Any]:
        if databridge.on_batch():
            yield from _on_batch(context, databridge, table, "staged")
            return
        with failures_explained(databridge.of_stage().stage), ScratchDirectory(ROOM) as scratch:
            done = extract(table, _run(context, databridge, scratch))
        yield from told(context.asset_key, done, databridge.store())

    return staged


def _live(table: BridgeTable, step: Literal["carto", "postgres"]) -> dg.AssetsDefinition:
    account = table.config.carto_conn_id if step == "carto" else table.config.postgres_conn_id
    names = LIVE_CHECKS if step == "carto" else {name: LIVE_CHECKS[name] for name in ("rows", "indexes")}
    specs = [dg.AssetCheckSpec(name, asset=key_of(table, step), description=said) for name, said in names.items()]

    @dg.asset(
        **_described(table, step, f"{table.table} of {table.department}, live in {account}."),
        deps=[key_of(table, "staged")],
        check_specs=specs,
        # Carto limits requests by account: one load at a time.
        pool=f"{step}_{account}".replace("-", "_"),
    )
    def live(context: dg.AssetExecutionContext, databridge: DatabridgeResource) -> Iterator[Any]:
        if databridge.on_batch():
            yield from _on_batch(context, databridge, table, step)
            return
        with failures_explained(databridge.of_stage().stage), ScratchDirectory(ROOM) as scratch:
            done = load(table, step, _run(context, databridge, scratch))
        yield from told_live(context.asset_key, done, list(names))

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


def _run(context: dg.AssetExecutionContext, databridge: DatabridgeResource, scratch: str) -> Run:
    name = run_name(f"{context.run.run_id}:{context.retry_number}")
    return Run(name, databridge.connections(), databridge.store(), Path(scratch), Clock())


def told(key: dg.AssetKey, done: Extracted, store: ObjectStore) -> Iterator[Any]:
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
    manifest = done.manifest
    metadata: dict[str, Any] = {
        "rows": manifest.rows,
        "dagster/row_count": manifest.rows,
        "bytes": manifest.bytes,
        "sha256": manifest.sha256,
        "object": manifest.key,
        "source": manifest.source,
        "characters of zero left out": manifest.nuls,
        "notes": "; ".join(manifest.notes) or "none",
        "dagster/uri": store.uri(manifest.key),
        "dagster/column_schema": columns_of(done.schema),
    }
    yield dg.MaterializeResult(asset_key=key, metadata=metadata)


def columns_of(schema: TableSchema | None) -> dg.TableSchema:
    """The columns as the UI shows them."""
    columns = schema.columns if schema else ()
    return dg.TableSchema([dg.TableColumn(column.name, column.sql_type("carto")) for column in columns])


def told_live(key: dg.AssetKey, done: Live, checks: list[str]) -> Iterator[Any]:
    """What is live, and the check results of it: a load that lacked something would have failed."""
    loaded = done.loaded
    was = "nothing" if loaded.was_rows is None else f"{loaded.was_rows:,} rows"
    yield dg.MaterializeResult(
        asset_key=key,
        metadata={
            "rows": loaded.rows,
            "dagster/row_count": loaded.rows,
            "table": done.address,
            "outcome": "unchanged: it held this data" if loaded.unchanged else f"replaced {was}",
            "staged run": done.manifest.run,
            "extracted at": done.manifest.extracted_at,
            "views": ", ".join(loaded.views) or "none",
        },
    )
    said = {
        "rows": f"{loaded.rows:,} rows, as staged.",
        "indexes": "; ".join(loaded.indexes) or "none",
        "grants": "As the file names them.",
        "privacy": "; ".join(done.notes) or f"{done.privacy}.",
    }
    for name in checks:
        yield dg.AssetCheckResult(
            passed=name != "privacy" or not done.notes,
            severity=dg.AssetCheckSeverity.WARN if name == "privacy" else dg.AssetCheckSeverity.ERROR,
            asset_key=key,
            check_name=name,
            description=said[name],
        )


def _on_batch(
    context: dg.AssetExecutionContext, databridge: DatabridgeResource, table: BridgeTable, step: Step
) -> Iterator[Any]:
    """The step as a job; what it reports through Pipes comes back as the step's own."""
    command = [*PROGRAM, table.name, step, run_name(f"{context.run.run_id}:{context.retry_number}")]
    request = databridge.submission(table.job(step), table.definition(step), command)
    done = databridge.batch().run(context=context, submit_job_params=request)
    sys.stdout.flush()
    yield from done.get_results()
