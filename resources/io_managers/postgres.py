"""PostgreSQL as an IO manager: merges what sources deliver, replaces a window of days, and reads one back."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

import dagster as dg
import pyarrow.compute as pc

from core.clock import Clock
from core.errors import HeadwaterError
from core.frames import FRAME_TYPES, from_arrow, to_arrow
from core.ingest import INGEST_LOG
from core.merging import Batch, Deliveries, Merged
from core.settings import postgres as postgres_settings
from core.tables import Table
from core.windows import DayWindow, windows
from resources.clients.postgres.database import Postgres
from resources.configured import ReadsSettings
from resources.descriptions import receipt, report
from resources.io_managers.addresses import days_of, table_of
from resources.postgres import postgres_address, postgres_in_force
from resources.retries import failures_explained


class PostgresIOManager(ReadsSettings, dg.ConfigurableIOManager):
    """Tables of the PostgreSQL behind ``POSTGRES_HOST``, locally of the embedded one when that is not set.

    An asset returns a ``Batch`` or ``Deliveries`` for a table with a merge rule, or a frame with the rows of its
    partitions, which replaces these days. An input annotated with a frame type comes as that, any other as the
    table's address, ``schema.table``. Nothing here is of one room.
    """

    host: str | None = None
    port: int | None = None
    database: str | None = None

    def postgres(self) -> Postgres:
        """The plain client."""
        return Postgres(postgres_address(self._settings(), self.of_stage()))

    def in_force(self) -> dict[str, str]:
        """Where the database is; no password."""
        return {"PostgreSQL": postgres_in_force(self._settings(), self.of_stage())}

    def _settings(self) -> postgres_settings.Postgres:
        return self.settings(postgres_settings.Postgres, host=self.host, port=self.port, database=self.database)

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        table = table_of(context)
        if isinstance(obj, (Batch, Deliveries)):
            self._merge(context, table, obj if isinstance(obj, Deliveries) else Deliveries(iter([(None, obj)])))
            return
        started = time.monotonic()
        with failures_explained():
            database, days = self.postgres(), days_of(context)
            frame = to_arrow(table, obj)
            database.replace_with(table, DayWindow(days[0], days[-1]), frame)
        written = {"dagster/table_name": table.address, "seconds": round(time.monotonic() - started, 3)}
        for day in days:
            rows = pc.sum(pc.equal(frame.column(table.day_column), day)).as_py() or 0
            report(context, day, receipt(rows, database.uri(table.address), written))

    def _merge(self, context: dg.OutputContext, table: Table, deliveries: Deliveries) -> None:
        total, asset = Merged(), context.asset_key.to_user_string()
        with failures_explained():
            database = self.postgres()
            with failures_logged(database, asset, context.run_id):
                for partition, batch in deliveries.batches:
                    started, now = time.monotonic(), Clock().now()
                    with database.transaction() as session:
                        merged = database.merge_within(session, table, batch, context.run_id, now)
                        entry = _log_entry(context.run_id, asset, partition, now) | _counts(batch, merged)
                        database.append_within(session, INGEST_LOG, entry)
                    total += merged
                    written = {"dagster/table_name": table.address, "seconds": round(time.monotonic() - started, 3)}
                    about = receipt(len(batch.rows), database.uri(table.address), _shown(batch, merged) | written)
                    _report(context, partition, about)
        context.log.info(
            f"{table.address}: {total.seen} rows seen, {total.inserted} inserted, {total.updated} updated, "
            f"{total.unchanged} unchanged, {total.rejected} rejected; {total.orphaned} orphaned"
        )

    def load_input(self, context: dg.InputContext) -> Any:
        table, wanted = table_of(context), context.dagster_type.typing_type
        if wanted not in FRAME_TYPES:
            return table.address
        with failures_explained():
            window = windows(days_of(context))[0] if context.has_asset_partitions else None
            return from_arrow(self.postgres().read(table, window), wanted)


@contextmanager
def failures_logged(database: Postgres, asset: str, run_id: str, partition: str | None = None) -> Iterator[None]:
    """Writes a failure on purpose into the ingest log, and passes it on."""
    try:
        yield
    except HeadwaterError as error:
        now = Clock().now()
        entry = _log_entry(run_id, asset, partition, now) | {"outcome": "failed", "detail": str(error)}
        # A database that is down, too, must not hide what failed first.
        with suppress(HeadwaterError), database.transaction() as session:
            database.append_within(session, INGEST_LOG, entry)
        raise


def _report(context: dg.OutputContext, partition: str | None, metadata: dict[str, Any]) -> None:
    if partition is None:
        context.add_output_metadata({key: value for key, value in metadata.items() if "partition" not in key})
    else:
        context.step_context.add_asset_metadata(metadata, context.asset_key, partition)


def _shown(batch: Batch, merged: Merged) -> dict[str, Any]:
    counts = {
        "inserted": merged.inserted,
        "updated": merged.updated,
        "unchanged": merged.unchanged,
        "rejected": merged.rejected,
        "orphaned": merged.orphaned,
        "requests": batch.requests,
        "units": float(batch.units),
        "source": batch.source,
    }
    return counts | {f"rejected: {reason}": count for reason, count in batch.rejected.items()}


def _log_entry(run_id: str, asset: str, partition: str | None, now: datetime) -> dict[str, Any]:
    return {"run_id": run_id, "asset": asset, "partition": partition or "", "logged_at": now}


def _counts(batch: Batch, merged: Merged) -> dict[str, Any]:
    return {
        "outcome": "merged",
        "endpoint": batch.source,
        "requests": batch.requests,
        "units": batch.units,
        "rows_in": merged.seen,
        "rows_inserted": merged.inserted,
        "rows_updated": merged.updated,
        "rows_unchanged": merged.unchanged,
        "rows_rejected": merged.rejected,
        "rows_orphaned": merged.orphaned,
        "detail": "; ".join(f"{reason}: {count}" for reason, count in batch.rejected.items()) or None,
    }
