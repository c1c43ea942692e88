"""What every warehouse does as an IO manager: replaces a window of days, and reads one back."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import LoadRejected, PermanentError
from core.frames import FRAME_TYPES, from_arrow, to_arrow
from core.settings import warehouse as warehouse_settings
from core.sql.grants import Roles
from core.sql.replacing import Part
from core.tables import Table
from core.windows import DayWindow, windows
from resources.clients.lake.reading import LakeObject
from resources.clients.warehouse import LoadReport, Warehouse
from resources.descriptions import receipt, report
from resources.io_managers.addresses import partitions_of, table_of
from resources.retries import failures_explained


class WarehouseReadsAndWrites:
    """What the warehouse's IO managers have in common; each says which warehouse it is.

    An asset returns a ``LakeObject`` (its partitions are loaded), or a frame with the rows of its partitions.
    Partitions are days, or days of parts of the table: then each other dimension is the name of a column.

    An input annotated with a frame type comes as that, any other as the table's address, ``schema.table``. An asset
    that is no declared table, as a mart of dbt, is read by its address, with the columns that the warehouse lists:
    see ``_address_of`` and ``_day_column_of``.
    """

    def warehouse(self) -> Warehouse:
        raise NotImplementedError

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        started, table = time.monotonic(), table_of(context)
        rows: dict[str, int] = {}
        reports: dict[str, Mapping[str, int]] = {}
        with failures_explained():
            warehouse = self.warehouse().labelled(_label(context))
            parts = _parts(context)
            for part, source in _split(table, obj, [dict(part) for part in parts]):
                days = parts[tuple(sorted(part.items()))]
                counted, told = _replaced(warehouse, table, part, days, source)
                rows |= {days[day]: count for day, count in counted.items()}
                reports |= {days[day]: found for day, found in told.items()}
        written = {"dagster/table_name": table.address, "seconds": round(time.monotonic() - started, 3)}
        for key, count in rows.items():
            report(context, key, receipt(count, warehouse.uri(table.address), written | dict(reports.get(key, {}))))

    def load_input(self, context: dg.InputContext) -> Any:
        table, wanted = _declared_of(context), context.dagster_type.typing_type
        address = table.address if table else _address_of(context)
        if wanted not in FRAME_TYPES:
            return address
        with failures_explained():
            warehouse = self.warehouse()
            read = _mart_reader(context, warehouse, address) if table is None else _table_reader(warehouse, table)
            if not context.has_asset_partitions:
                return from_arrow(read(None, {}), wanted)
            found = [read(window, dict(part)) for part, days in _parts(context).items() for window in windows(days)]
            return from_arrow(pa.concat_tables(found), wanted)


Reader = Callable[[DayWindow | None, Part], pa.Table]


def _table_reader(warehouse: Warehouse, table: Table) -> Reader:
    return lambda window, part: warehouse.read(table, window, part=part)


def _mart_reader(context: dg.InputContext, warehouse: Warehouse, address: str) -> Reader:
    day_column = _day_column_of(context)
    return lambda window, part: warehouse.read_address(address, window, day_column, part=part)


def _declared_of(context: dg.InputContext) -> Table | None:
    try:
        return table_of(context)
    except (KeyError, ValueError):  # no declared table has such a key
        return None


def _address_of(context: dg.InputContext) -> str:
    """``schema.table`` of an asset that is no declared table: what its metadata ``dagster/table_name`` says, else the
    last two parts of its key.

    Raises:
        PermanentError: when neither names a table.
    """
    named = _metadata_of(context).get("dagster/table_name")
    address = str(getattr(named, "value", named) or ".".join(context.asset_key.path[-2:]))
    if address.count(".") < 1:
        raise PermanentError(
            f"{context.asset_key.to_user_string()} names no table of the warehouse: give the asset the metadata "
            "dagster/table_name, schema.table, or a key that ends in schema and table."
        )
    return ".".join(address.split(".")[-2:])


def _day_column_of(context: dg.InputContext) -> str:
    """The column of the asset's day: its metadata ``partition_expr``, as in Dagster's own IO managers; or ``day``."""
    named = _metadata_of(context).get("partition_expr")
    return str(getattr(named, "value", named) or "day")


def _metadata_of(context: dg.InputContext) -> Mapping[str, Any]:
    upstream = context.upstream_output
    return (upstream.definition_metadata if upstream else None) or {}


def _parts(context: dg.InputContext | dg.OutputContext) -> dict[tuple[tuple[str, str], ...], dict[date, str]]:
    """The step's partitions: for each part of the table, its days with Dagster's key of each."""
    found = defaultdict[tuple[tuple[str, str], ...], dict[date, str]](dict)
    for key, address in partitions_of(context).items():
        found[address.others][address.day] = key
    return dict(found)


def _label(context: dg.OutputContext) -> str:
    """What a query of the load says of itself in the engine's own record: run, asset and partitions."""
    days = sorted({day for days in _parts(context).values() for day in days})
    return f"headwater run={context.run_id} asset={context.asset_key.to_user_string()} days={days[0]}..{days[-1]}"


def _replaced(
    warehouse: Warehouse, table: Table, part: Part, days: Mapping[date, str], source: LakeObject | pa.Table
) -> tuple[Mapping[date, int], LoadReport]:
    """Rows of each day of one part, and what else there is to tell of them."""
    if isinstance(source, LakeObject):
        return {day.day: day.manifest.rows for day in source.days}, warehouse.replace(table, source)
    told = warehouse.replace_with(table, DayWindow(min(days), max(days)), source, part)
    return {day: pc.sum(pc.equal(source.column(table.day_column), day)).as_py() or 0 for day in days}, told


def _split(table: Table, obj: Any, parts: list[Part]) -> Iterator[tuple[Part, LakeObject | pa.Table]]:
    """What an asset returned, for each part of the table.

    Raises:
        LoadRejected: when rows belong to none of the parts.
    """
    if isinstance(obj, LakeObject):
        for part in parts:
            yield part, replace(obj, days=tuple(day for day in obj.days if day.partition.dimensions == part))
        return
    rows = to_arrow(table, obj)
    if len(parts) == 1:  # the warehouse itself refuses rows of others
        yield parts[0], rows
        return
    frames = [(part, _of_part(rows, part)) for part in parts]
    if (held := sum(frame.num_rows for _, frame in frames)) != rows.num_rows:
        raise LoadRejected(
            f"{table.address}: {rows.num_rows - held:,} rows belong to none of the partitions asked for. The table is "
            "unchanged; return the rows of the partitions only."
        )
    yield from frames


def _of_part(rows: pa.Table, part: Part) -> pa.Table:
    for name, value in part.items():
        rows = rows.filter(pc.equal(rows.column(name), value))
    return rows


def roles(given: warehouse_settings.Warehouse) -> Roles:
    """Who is granted what when tables are made."""
    return Roles(
        loader=given.loader_role,
        dbt=given.dbt_role,
        reader=given.reader_role,
    )
