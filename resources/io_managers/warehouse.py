"""What every warehouse does as an IO manager: replaces a window of days, and reads one back."""

import time
from typing import Any

import dagster as dg
import pyarrow.compute as pc

from core.frames import FRAME_TYPES, from_arrow, to_arrow
from core.settings import warehouse as warehouse_settings
from core.tables import Table
from core.warehouse_sql import Roles
from core.windows import DayWindow, windows
from resources.clients.lake.lake import LakeObject
from resources.clients.warehouse import Account, Warehouse
from resources.descriptions import receipt, report
from resources.io_managers.addresses import days_of, table_of
from resources.retries import failures_explained


class WarehouseReadsAndWrites:
    """What the warehouse's IO managers have in common; each says which warehouse it is.

    An asset returns a ``LakeObject`` (its days are loaded), or a frame with the rows of its partitions. An input
    annotated with a frame type comes as that, any other as the table's address, ``schema.table``.
    """

    def warehouse(self) -> Warehouse:
        raise NotImplementedError

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        started, table = time.monotonic(), table_of(context)
        with failures_explained():
            warehouse = self.warehouse().labelled(_label(context))
            rows, account = _replaced(warehouse, table, context, obj)
        written = {"dagster/table_name": table.address, "seconds": round(time.monotonic() - started, 3)}
        for day, count in rows.items():
            about = written | dict(account.get(day, {}))
            report(context, day, receipt(count, warehouse.uri(table.address), about))

    def load_input(self, context: dg.InputContext) -> Any:
        table, wanted = table_of(context), context.dagster_type.typing_type
        if wanted not in FRAME_TYPES:
            return table.address
        with failures_explained():
            (window,) = windows(days_of(context))
            return from_arrow(self.warehouse().read(table, window), wanted)


def _label(context: dg.OutputContext) -> str:
    """What a query of the load says of itself in the engine's own record: run, asset and partitions."""
    days = days_of(context)
    return f"headwater run={context.run_id} asset={context.asset_key.to_user_string()} days={days[0]}..{days[-1]}"


def _replaced(warehouse: Warehouse, table: Table, context: dg.OutputContext, obj: Any) -> tuple[dict, Account]:
    if isinstance(obj, LakeObject):
        return {day.day: day.manifest.rows for day in obj.days}, warehouse.replace(table, obj)
    days, frame = days_of(context), to_arrow(table, obj)
    account = warehouse.replace_with(table, DayWindow(days[0], days[-1]), frame)
    return {day: pc.sum(pc.equal(frame.column("block_date"), day)).as_py() or 0 for day in days}, account


def roles(given: warehouse_settings.Warehouse) -> Roles:
    """Who is granted what when tables are made."""
    return Roles(
        loader=given.loader_role,
        dbt=given.dbt_role,
        reader=given.reader_role,
    )
