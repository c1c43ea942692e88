"""A table from its source to the store: counted, read at one moment, judged, and published if it may be loaded."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from assets.databridge.config import AirtableConfig, DatabridgeConfig, Incremental, KnackConfig
from assets.databridge.incremental import Part, Read, Reading
from assets.databridge.tables import BridgeTable
from core.clock import Clock
from core.errors import LoadRejected
from resources.clients.databridge.airtable.geocoding import GeocodedSource
from resources.clients.databridge.connections import DATABASES, Connections
from resources.clients.databridge.csv_source import CsvSource
from resources.clients.databridge.geometry import WrongGeometry
from resources.clients.databridge.merging import WrongKey
from resources.clients.databridge.records import RecordWriter, utc_text
from resources.clients.databridge.schema import TableSchema, missing_columns, settle_drift
from resources.clients.databridge.source import Source
from resources.clients.databridge.staging import GeometrySummary, Manifest, Staging, digest_of
from resources.clients.lake.object_store import ObjectStore

# What has to hold before anything is published, in the order in which it is judged.
VERDICTS = {
    "schema": "The source has the columns that the schema names, by the table's schema_drift.",
    "geometry": "Every geometry can be read and is of the column's type.",
    "srid": "The column of geometries names its reference system (SRID), and every geometry has it.",
    "not_empty": "There is at least one row.",
    "rows": "As many rows were written as the source counted before and after.",
    "shrink": "The table did not shrink by more than max_shrink_percent since the run before.",
    "bounds": "Every geometry lies within bounding_box, where one is set.",
}
# Of an incremental table besides.
KEY_VERDICT = {"key": "No two rows have the same incremental.key, and none lacks a part of it."}


@dataclass(frozen=True)
class Run:
    """What a step of a run works with. name: of letters and digits, no other run's. scratch: for files on their way."""

    name: str
    connections: Connections
    store: ObjectStore
    scratch: Path
    clock: Clock


@dataclass(frozen=True)
class Verdict:
    """What was found of one thing that has to hold."""

    name: str
    passed: bool
    said: str


@dataclass
class Extracted:
    """A run's verdicts, and its manifest when all of them are good and it was published."""

    verdicts: list[Verdict] = field(default_factory=list)
    manifest: Manifest | None = None
    schema: TableSchema | None = None

    @property
    def failed(self) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if not verdict.passed]


def source_of(table: BridgeTable, connections: Connections, last: TableSchema | None) -> Source:
    """Where a table's rows come from. last: its schema until now, which names a column of WKT."""
    config = table.config
    if isinstance(config, KnackConfig):
        return connections.knack(config.knack_conn_id, config.knack_object_id, config.time_zone)
    if isinstance(config, AirtableConfig):
        source = connections.airtable(config.airtable_conn_id, config.airtable_table)
        if not config.geocode:
            return source
        plan = config.geocode
        geocoder = connections.geocoder(config.ais_conn_id)
        return GeocodedSource(source, geocoder, plan.query_fields, plan.ais_fields, plan.remove_fields)
    if not isinstance(config, DatabridgeConfig):
        raise TypeError(f"{table.path}: {type(config).__name__}")
    own = table.postgres_schema if config.source_conn_id in DATABASES else f"gis_{table.department}"
    geometry = last.geometry if last else None
    return connections.database(config.source_conn_id, config.source_schema or own, table.table, geometry)


def extract(table: BridgeTable, run: Run, file: Path | None = None, *, full: bool = False) -> Extracted:
    """Read the table and publish it, unless a verdict is bad: then what was staged before stays.

    file: of CSV by others, instead of the table's own source. full: read all rows of an incremental table.

    Raises:
        SourceMoved: when the source changed while it was read; and the errors of source and store.
    """
    staging, done, config = Staging(run.store, table.keys), Extracted(), table.config
    last, before = staging.schema(), staging.newest()
    source = CsvSource(file, last) if file else source_of(table, run.connections, last)
    started, plan = run.clock.now(), None if file else incremental_of(table)
    path = run.scratch / f"{run.name}.csv"
    try:
        now = source.schema()
        schema, notes = settle_drift(table.name, last, now, config.schema_drift)
        if missing := missing_columns(config.indexes, schema):
            raise LoadRejected(f"Table {table.name}: indexes names {missing[0]}, which is no column.")
        part = Part.of(plan, source, now, schema) if plan else None
        done.verdicts.append(Verdict("schema", True, "; ".join(notes) or f"{len(schema.columns)} columns, as before."))
        read = Reading(source, schema, path, started, part).read(staging, before, full=full)
    except (WrongGeometry, WrongKey) as wrong:
        done.verdicts.append(Verdict(wrong.check, False, str(wrong)))
        return done
    except LoadRejected as rejected:
        done.verdicts.append(Verdict("schema", False, str(rejected)))
        return done
    done.verdicts += judged(table, read, before.rows if before else None)
    if not done.failed:
        done.manifest = _manifest(table, run, path, read, before, source=str(source), notes=[*notes, *read.notes])
        done.schema = schema
        staging.publish(done.manifest, schema, path, run.clock.now())
    return done


def incremental_of(table: BridgeTable) -> Incremental | None:
    """How a table is read in part; None when it is always read whole."""
    return table.config.incremental if isinstance(table.config, DatabridgeConfig) else None


def verdicts_of(table: BridgeTable) -> dict[str, str]:
    """What has to hold of a table before it is published."""
    return VERDICTS | (KEY_VERDICT if incremental_of(table) else {})


def run_name(run: str) -> str:
    """A run's name as part of a key."""
    return hashlib.sha256(run.encode()).hexdigest()[:20]


def judged(table: BridgeTable, read: Read, previous: int | None) -> list[Verdict]:
    """What is to be said of the rows that were written. previous: how many the run before staged."""
    writer, counted, plan = read.writer, read.counted, incremental_of(table)
    rows, most = writer.rows, table.config.max_shrink_percent
    facts, box = writer.geometry, table.config.bounding_box
    shrunk = 100 * (previous - rows) / previous if previous and rows < previous else 0.0
    bounds, column = facts.bounds, writer.schema.geometry
    srid = column.srid if column else None
    within = not box or not bounds or (
        box[0] <= bounds[0] and box[1] <= bounds[1] and bounds[2] <= box[2] and bounds[3] <= box[3]
    )  # fmt: skip
    types = ", ".join(f"{count:,} {kind}" for kind, count in sorted(facts.types.items()))
    flattened = f"; {facts.flattened:,} lost their third dimension" if facts.flattened else ""
    return [
        Verdict("geometry", True, f"{types or 'no geometry'}; {facts.empty:,} empty{flattened}."),
        Verdict("srid", True, f"{'no geometry' if srid is None else f'SRID {srid}'} in all."),
        Verdict("not_empty", rows > 0, f"{rows:,} rows."),
        Verdict("rows", True, f"{rows:,} rows; the source counted {'nothing' if counted is None else f'{counted:,}'}."),
        Verdict(
            "shrink", shrunk <= most, f"{rows:,} rows after {previous or 0:,}: {shrunk:.1f} % less, allowed {most:g}."
        ),
        Verdict("bounds", within, f"{bounds or 'no geometry'} within {box or 'no box'}."),
        *([Verdict("key", True, f"Each row has its own {', '.join(plan.key)}.")] if plan and read.reached else []),
    ]


def _manifest(
    table: BridgeTable, run: Run, path: Path, read: Read, before: Manifest | None, *, source: str, notes: list[str]
) -> Manifest:
    (size, digest), writer = digest_of(path), read.writer
    return Manifest(
        run=run.name,
        key=table.keys.run(run.name),
        rows=writer.rows,
        bytes=size,
        sha256=digest,
        columns=writer.schema.names,
        extracted_at=utc_text(read.started),
        source=source,
        source_rows=read.counted,
        previous_rows=before.rows if before else None,
        nuls=writer.nuls,
        notes=notes,
        geometry=_summary(writer.schema, writer),
        reached=read.reached,
    )


def _summary(schema: TableSchema, writer: RecordWriter) -> GeometrySummary | None:
    column, facts = schema.geometry, writer.geometry
    if column is None:
        return None
    return GeometrySummary(
        column.name, column.srid or 0, dict(facts.types), facts.empty, facts.flattened, facts.vertices, facts.bounds
    )
