"""The lake as an IO manager: publishes spooled days, and hands days on in the form an asset asks for."""

import time
from typing import Any

import dagster as dg

from core.frames import FRAME_TYPES, from_arrow, spooled
from core.manifest import Manifest
from core.settings import lake as lake_settings
from core.spool import SpooledTable
from resources.clients.lake.lake import Lake
from resources.clients.lake.object_store import MemoryObjectStore
from resources.clients.lake.store_of_uri import store_for
from resources.configured import ReadsSettings
from resources.descriptions import link, receipt, report
from resources.io_managers.addresses import partitions_of, table_of
from resources.io_managers.rows import PLOTTED, rows_by_day
from resources.retries import failures_explained


class _LakeReadsAndWrites:
    """What the lake's IO managers have in common; each says which lake it is."""

    def lake(self) -> Lake:
        raise NotImplementedError

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        table = table_of(context)
        with failures_explained():
            keys = {address: key for key, address in partitions_of(context).items()}
            tables = obj if isinstance(obj, SpooledTable) else spooled(table, obj, list(keys))
            if strangers := [str(day.partition) for day in tables.days if day.partition not in keys]:
                raise ValueError(f"{table.address}: {strangers[:3]} were spooled, the run is of {[*keys.values()][:3]}")
            lake = self.lake()
            counted: dict[str, int] = {}
            for day in tables.days:
                started = time.monotonic()
                manifest = lake.publish(table, tables, day, context.run_id)
                written = {"bytes": manifest.size, "seconds": round(time.monotonic() - started, 3), **day.telling.shown}
                about = receipt(manifest.rows, lake.uri(table, day.partition), written | _files(lake, manifest))
                counted[keys[day.partition]] = manifest.rows
                if day is tables.days[-1] and (context.definition_metadata or {}).get(PLOTTED):
                    about["plot"] = rows_by_day(context, table.name, counted)
                report(context, keys[day.partition], about)

    def load_input(self, context: dg.InputContext) -> Any:
        with failures_explained():
            found = self.lake().open(table_of(context), list(partitions_of(context).values()))
            wanted = context.dagster_type.typing_type
            return from_arrow(found.table(), wanted) if wanted in FRAME_TYPES else found


def _files(lake: Lake, manifest: Manifest) -> dict[str, Any]:
    if len(manifest.files) != 1:
        return {"files": len(manifest.files)}
    return {"file": link(lake.store.uri(manifest.files[0].key))}


class LakeIOManager(ReadsSettings, _LakeReadsAndWrites, dg.ConfigurableIOManager):
    """Partitions of tables under ``LAKE_URI``, laid out as ``LAKE_FORMAT`` says.

    An asset returns a ``SpooledTable``, or a pyarrow, pandas or polars frame with the rows of its partitions.
    An input annotated with one of these frame types comes as that, any other as a ``LakeObject``.
    """

    uri: str | None = None
    format: str | None = None
    kms_key: str | None = None

    def lake(self) -> Lake:
        """The plain client."""
        given = self._settings()
        return Lake(store_for(given.root(self.of_stage()), given.kms_key), given.format)

    def in_force(self) -> dict[str, str]:
        """Where the lake is, and in which format."""
        given = self._settings()
        return {"Lake": f"{given.root(self.of_stage())}, {given.format}"}

    def _settings(self) -> lake_settings.Lake:
        return self.settings(lake_settings.Lake)


class InMemoryLakeIOManager(_LakeReadsAndWrites, dg.IOManager):
    """The same in this process, for pytest: what one ``materialize`` wrote, the next one reads."""

    def __init__(self, format: str = "parquet") -> None:
        self._lake = Lake(MemoryObjectStore(), format)

    def lake(self) -> Lake:
        """The plain client."""
        return self._lake
