"""DuckDB as an IO manager: replaces a window of days, and reads one back."""

import os
import time
from typing import Any

import dagster as dg
import pyarrow.compute as pc

from core.settings import warehouse_file_from
from core.windows import DayWindow, windows
from resources.clients.duckdb_warehouse import DuckDbWarehouse
from resources.clients.frames import FRAME_TYPES, from_arrow, to_arrow
from resources.clients.lake import LakeObject
from resources.descriptions import receipt, report
from resources.io_managers.addresses import days_of, table_of
from resources.retries import failures_explained


class _WarehouseReadsAndWrites:
    """What the DuckDB IO managers have in common; each says which warehouse it is."""

    def warehouse(self) -> DuckDbWarehouse:
        raise NotImplementedError

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        started, table = time.monotonic(), table_of(context)
        with failures_explained():
            warehouse = self.warehouse()
            if isinstance(obj, LakeObject):
                warehouse.replace(table, obj)
                rows = {day.day: day.manifest.rows for day in obj.days}
            else:
                days, frame = days_of(context), to_arrow(table, obj)
                warehouse.replace_with(table, DayWindow(days[0], days[-1]), frame)
                rows = {day: pc.sum(pc.equal(frame.column("block_date"), day)).as_py() or 0 for day in days}
        written = {"dagster/table_name": table.address, "seconds": round(time.monotonic() - started, 3)}
        for day, count in rows.items():
            report(context, day, receipt(count, warehouse.uri(table.address), written))

    def load_input(self, context: dg.InputContext) -> Any:
        table, wanted = table_of(context), context.dagster_type.typing_type
        if wanted not in FRAME_TYPES:
            return table.address
        with failures_explained():
            (window,) = windows(days_of(context))
            return from_arrow(self.warehouse().read(table, window), wanted)


class DuckDbIOManager(_WarehouseReadsAndWrites, dg.ConfigurableIOManager):
    """Tables in ``$HEADWATER_HOME/warehouse.duckdb``.

    An asset returns a ``LakeObject`` (its days are loaded), or a frame with the rows of its partitions. An input
    annotated with a frame type comes as that, any other as the table's address, ``schema.table``.
    """

    path: str | None = None

    def warehouse(self) -> DuckDbWarehouse:
        """The plain client."""
        return DuckDbWarehouse(self.path or str(warehouse_file_from(os.environ)))


class InMemoryWarehouseIOManager(_WarehouseReadsAndWrites, dg.IOManager):
    """The same in this process, for pytest: what one ``materialize`` loaded, the next one reads."""

    def __init__(self) -> None:
        self._warehouse = DuckDbWarehouse(":memory:")

    def warehouse(self) -> DuckDbWarehouse:
        """The plain client."""
        return self._warehouse
