"""What an asset of any room may return to PostgreSQL and may ask of it."""

from datetime import date
from decimal import Decimal

import dagster as dg
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from core.merging import Batch, Merge
from core.tables import Column, ColumnType, Table
from resources.io_managers.postgres import PostgresIOManager
from tests.standins.runs import QUIET, failures

DAILY = dg.DailyPartitionsDefinition("2024-01-01", timezone="UTC")
DAY = date(2024, 1, 2)

REPLACED = Table(
    system="someroom",
    name="amounts",
    grain="one row per day and name",
    description="Replaced by the day.",
    columns=(
        Column("day", ColumnType.DATE, "Day.", nullable=False),
        Column("name", ColumnType.TEXT, "Name.", nullable=False),
        Column("amount", ColumnType.NUMERIC, "Amount."),
    ),
    key=("day", "name"),
    sort_key="name",
    day_column="day",
)
MERGED = Table(
    system="someroom",
    name="things",
    grain="one row per thing",
    description="Merged by key.",
    columns=(
        Column("id", ColumnType.TEXT, "Id.", nullable=False),
        Column("value", ColumnType.NUMERIC, "Value."),
    ),
    key=("id",),
    sort_key="id",
    merge=Merge(),
)
ROWS = [{"day": DAY, "name": "a", "amount": Decimal("1.5")}, {"day": DAY, "name": "b", "amount": None}]


def run(*assets, expect_success=True, **more):
    result = dg.materialize(
        assets, resources={"postgres": PostgresIOManager()}, run_config=QUIET, raise_on_error=False, **more
    )
    assert result.success == expect_success, failures(result)
    return result


@pytest.mark.parametrize(
    "frame",
    [
        lambda rows: pa.Table.from_pylist(rows, schema=REPLACED.arrow_schema),
        lambda rows: pd.DataFrame(rows, columns=REPLACED.arrow_schema.names),
        lambda rows: pl.DataFrame(rows, schema={"day": pl.Date, "name": pl.String, "amount": pl.Decimal(38, 4)}),
    ],
    ids=["pyarrow", "pandas", "polars"],
)
def test_a_frame_replaces_its_day_also_with_nothing(database, frame):
    rows = list(ROWS)

    def day_of_amounts():
        return frame(rows)

    amounts = dg.asset(key=["raw", "someroom", "amounts"], io_manager_key="postgres", partitions_def=DAILY)(
        day_of_amounts
    )
    for _ in range(2):
        result = run(amounts, partition_key=str(DAY))
        assert database.records("SELECT * FROM someroom.amounts ORDER BY name") == ROWS
    (materialization,) = result.asset_materializations_for_node("raw__someroom__amounts")
    assert materialization.metadata["rows"].value == 2
    assert materialization.metadata["dagster/uri"].value == database.uri("someroom.amounts")
    rows.clear()
    if frame(ROWS).__class__ is not pd.DataFrame:  # an empty pandas column has no type to go by
        run(amounts, partition_key=str(DAY))
        assert database.records("SELECT * FROM someroom.amounts") == []


def test_an_input_comes_as_the_frame_asked_for_or_as_an_address(database):
    seen = {}

    @dg.asset(key=["raw", "someroom", "amounts"], io_manager_key="postgres", partitions_def=DAILY)
    def amounts() -> pa.Table:
        return pa.Table.from_pylist(ROWS, schema=REPLACED.arrow_schema)

    key = {"amounts": dg.AssetIn(key=["raw", "someroom", "amounts"], input_manager_key="postgres")}

    @dg.asset(ins=key, partitions_def=DAILY)
    def as_frame(amounts: pl.DataFrame) -> None:
        seen["frame"] = amounts

    @dg.asset(ins=key, partitions_def=DAILY)
    def as_address(amounts) -> None:
        seen["address"] = amounts

    run(amounts, as_frame, as_address, partition_key=str(DAY))
    assert seen["frame"]["name"].to_list() == ["a", "b"]
    assert seen["address"] == "someroom.amounts"


def test_a_batch_is_merged_and_its_counts_are_shown(database):
    @dg.asset(key=["raw", "someroom", "things"], io_manager_key="postgres")
    def things() -> Batch:
        return Batch([{"id": "x", "value": 1}], "https://example.com/things", rejected={"no id": 2}, requests=1)

    run(things)
    result = run(things)
    (materialization,) = result.asset_materializations_for_node("raw__someroom__things")
    shown = {name: materialization.metadata[name].value for name in ("inserted", "unchanged", "rejected: no id")}
    assert shown == {"inserted": 0, "unchanged": 1, "rejected: no id": 2}
    log = database.records("SELECT asset, rows_in, detail FROM raw.ingest_log")
    assert log == [{"asset": "raw/someroom/things", "rows_in": 3, "detail": "no id: 2"}] * 2


def test_rows_of_a_declared_table_only(database):
    @dg.asset(key=["raw", "someroom", "things"], io_manager_key="postgres")
    def things() -> Batch:
        return Batch([{"id": "x", "value": 1}, {"id": "x", "value": 2}], "https://example.com/things")

    result = run(things, expect_success=False)
    assert "several rows with the same id" in failures(result)[0]
    (entry,) = database.records("SELECT outcome, detail FROM raw.ingest_log")
    assert entry["outcome"] == "failed"
    assert "several rows" in entry["detail"]
