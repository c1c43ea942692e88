"""What a run of a table would do, as text, without doing it."""

from typing import Literal

from assets.databridge.extract import source_of
from assets.databridge.load import privacy_of, schema_statement, target, wanted_of
from assets.databridge.tables import BridgeTable
from core.clock import Clock
from core.errors import LoadRejected
from resources.clients.databridge.connections import Connections
from resources.clients.databridge.replacing import Replacement, Wanted
from resources.clients.databridge.schema import TableSchema, differences, settle_drift
from resources.clients.databridge.staging import Manifest, Staging
from resources.clients.lake.object_store import ObjectStore


def planned(table: BridgeTable, connections: Connections, store: ObjectStore, clock: Clock) -> str:
    """Configuration, source, columns, changes, objects, and the SQL of each load. Writes nothing."""
    staging, config = Staging(store, table.keys), table.config
    last = staging.schema()
    source = source_of(table, connections, last)
    now, rows = source.schema(), source.count()
    schema, stops = _settled(table, last, now)
    lines = [f"{table.name} ({table.path})"]
    lines += [f"  config: {key}: {value!r}" for key, value in sorted(config.model_dump().items())]
    lines += [f"  source: {source}, {'unknown' if rows is None else f'{rows:,}'} rows"]
    lines += [f"  column: {column.name} {column.type}" for column in schema.columns]
    strict = config.schema_drift == "evolve"
    changes = differences(last, now, strict=strict) if last else ["no schema yet; this one is kept"]
    lines += [f"  change ({config.schema_drift}): {change}" for change in changes]
    lines += [f"  a run would stop: {stop}" for stop in stops]
    lines += [f"  object: {key}" for key in (table.keys.run("<run>"), table.keys.schema, table.keys.csv)]
    manifest = Manifest("<run>", "<key>", rows or 0, 0, "<sha256>", schema.names, "<moment>", str(source))
    steps: list[Literal["carto", "postgres"]] = ["carto", "postgres"]
    for step, wanted_here in zip(steps, (config.upload_to_carto, config.upload_to_postgres), strict=True):
        if wanted_here:
            with target(table, step, connections) as (_, user):
                wanted = wanted_of(table, step, manifest, schema, user)
            before = [schema_statement(wanted)] if step == "postgres" else []
            lines += [f"  {step} SQL: {line}" for line in (*before, *_statements(wanted, clock))]
            lines += [f"  carto dataset: {privacy_of(table)}"] if step == "carto" else []
    return "\n".join(lines) + "\n"


def _settled(table: BridgeTable, last: TableSchema | None, now: TableSchema) -> tuple[TableSchema, list[str]]:
    try:
        return settle_drift(table.name, last, now, table.config.schema_drift)[0], []
    except LoadRejected as rejected:
        return now, [str(rejected)]


def _statements(wanted: Wanted, clock: Clock) -> list[str]:
    """The statements of a load; what another run would name otherwise stands in angle brackets."""
    replacement = Replacement(_Nothing(), wanted, "plan", clock.now())
    text = ";\n".join(replacement.statements()).replace(replacement.temporary, "<temporary>")
    return text.replace(replacement.token, "<token>").split(";\n")


class _Nothing:
    """A target that is not there: a plan runs nothing."""

    def run(self, sql: str) -> list[dict[str, object]]:
        raise AssertionError(sql)

    def copy(self, sql: str, file: object) -> int:
        raise AssertionError(sql)
