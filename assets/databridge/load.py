"""A staged run to a live table, and back to the table before."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from assets.databridge.extract import Run
from assets.databridge.tables import BridgeTable
from core.errors import HeadwaterError
from resources.clients.databridge.carto.sql_api import SqlApi
from resources.clients.databridge.catalog import Sql
from resources.clients.databridge.connections import Connections
from resources.clients.databridge.postgres_sql import PostgresSql
from resources.clients.databridge.replacing import Loaded, Replacement, Unproved, Wanted
from resources.clients.databridge.rolling_back import roll_back
from resources.clients.databridge.schema import TableSchema, quoted
from resources.clients.databridge.staging import Manifest, Staging

Step = Literal["carto", "postgres"]
CARTO_SCHEMA, PUBLIC_ROLE = "public", "publicuser"


@dataclass
class Live:
    """A load that was done. privacy: of the dataset; None where there is none. notes: what went less than well."""

    manifest: Manifest
    loaded: Loaded
    address: str
    privacy: str | None = None
    notes: tuple[str, ...] = ()


def load(table: BridgeTable, step: Step, run: Run) -> Live:
    """Load the newest staged run.

    Raises:
        LoadRejected: when it may not go live; and the errors of store and target.
    """
    staging = Staging(run.store, table.keys)
    manifest = staging.require()
    schema = staging.schema_of(manifest)
    path = staging.fetch(manifest, run.scratch)
    with target(table, step, run.connections) as (sql, user):
        wanted = wanted_of(table, step, manifest, schema, user)
        if step == "postgres":
            sql.run(schema_statement(wanted))
        replacement = Replacement(sql, wanted, run.name, run.clock.now())
        loaded = replacement.load(path, lambda was: refuse_shrunk(table, was, manifest))
        live = Live(manifest, loaded, f"{sql}: {wanted.schema}.{wanted.table}")
        if isinstance(sql, SqlApi):
            live.privacy, live.notes = shared(sql, table)
    return live


def schema_statement(wanted: Wanted) -> str:
    """What a load to PostgreSQL begins with."""
    return f"CREATE SCHEMA IF NOT EXISTS {quoted(wanted.schema)}"


def privacy_of(table: BridgeTable) -> str:
    """How the dataset is shared."""
    return "PUBLIC" if PUBLIC_ROLE in table.config.carto_users else "PRIVATE"


def refuse_shrunk(table: BridgeTable, was: int | None, manifest: Manifest) -> None:
    """Keep the live table if what is to replace it is too small; the live one is what a mistake would cost.

    Raises:
        Unproved: then.
    """
    most = table.config.max_shrink_percent
    if was and manifest.rows < was * (1 - most / 100):
        raise Unproved(
            "shrink",
            f"Table {table.name}: {manifest.rows:,} rows would replace {was:,}, which is more than {most:g} % less. If "
            "that is right, raise max_shrink_percent in the table's file for one run.",
        )


def wanted_of(table: BridgeTable, step: Step, manifest: Manifest, schema: TableSchema, user: str | None) -> Wanted:
    """What the live table shall be. user: Carto's."""
    return Wanted(
        schema=CARTO_SCHEMA if step == "carto" else table.postgres_schema,
        table=table.table.lower(),
        columns=schema,
        data=manifest.sha256,
        rows=manifest.rows,
        extracted_at=manifest.extracted_at,
        indexes=table.config.indexes,
        users=table.config.carto_users if step == "carto" else (),
        cartodbfy=user,
    )


@contextmanager
def target(table: BridgeTable, step: Step, connections: Connections) -> Iterator[tuple[Sql, str | None]]:
    """Where a table is loaded to, with Carto's user."""
    if step == "carto":
        api = connections.carto(table.config.carto_conn_id)
        yield api, api.account.user
        return
    postgres: PostgresSql = connections.postgres(table.config.postgres_conn_id)
    try:
        yield postgres, None
    finally:
        postgres.close()


def shared(api: SqlApi, table: BridgeTable) -> tuple[str | None, tuple[str, ...]]:
    """The dataset's privacy, set by who may read the table. A failure of it is told, and undoes no load."""
    wanted, name = privacy_of(table), table.table.lower()
    try:
        if api.privacy(name) != wanted:
            api.set_privacy(name, wanted)
        found = api.privacy(name)
    except HeadwaterError as error:
        return None, (f"the privacy is not known to be {wanted}: {error}",)
    return found, () if found == wanted else (f"the privacy is {found}, not {wanted}",)


def rolled_back(table: BridgeTable, step: Step, connections: Connections) -> int:
    """Make the table before live again; its rows."""
    with target(table, step, connections) as (sql, _):
        schema = CARTO_SCHEMA if step == "carto" else table.postgres_schema
        return roll_back(sql, schema, table.table.lower())
