"""One contract for every warehouse: frames in, frames or the table's address out, chosen by a setting at run time."""

from datetime import date

import dagster as dg
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from assets.ethereum.partitions import DAILY
from core.errors import SettingError
from core.tables import Column, ColumnType, Table
from core.windows import DayWindow
from resources.io_managers.selected import ENGINES, WarehouseIOManager
from tests.standins.lakes import ITEMS, items
from tests.standins.runs import QUIET

DAYS = [date(2024, 1, day) for day in (2, 3, 4)]
RANGES = dg.BackfillPolicy.single_run()


@pytest.fixture(params=ENGINES)
def manager(request, monkeypatch, tmp_path):
    """The one IO manager, with the settings of each engine."""
    monkeypatch.setenv("WAREHOUSE", request.param)
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path))
    if request.param == "postgres":
        request.getfixturevalue("database")
    if request.param == "redshift":
        redshift, bucket = request.getfixturevalue("redshift"), request.getfixturevalue("s3_bucket")
        for name, value in {
            "LAKE_URI": f"s3://{bucket}/headwater",
            "REDSHIFT_HOST": redshift.host,
            "REDSHIFT_PORT": str(redshift.port),
            "REDSHIFT_DATABASE": redshift.database,
            "REDSHIFT_USER": redshift.user,
            "REDSHIFT_PASSWORD": redshift.password,
            "REDSHIFT_IAM_ROLE": redshift.iam_role,
        }.items():
            monkeypatch.setenv(name, value)
    return WarehouseIOManager()


def _materialize(manager, make, asked, *days):
    """Loads what ``make`` returns for the days, and hands it on as ``asked``; what arrived, and the run's result."""
    seen = []

    @dg.asset(key=ITEMS.warehouse_key, io_manager_key="warehouse", partitions_def=DAILY, backfill_policy=RANGES)
    def loaded(context: dg.AssetExecutionContext):
        return make([date.fromisoformat(key) for key in context.partition_keys])

    @dg.asset(
        ins={"rows": dg.AssetIn(ITEMS.warehouse_key, input_manager_key="warehouse")},
        partitions_def=DAILY,
        backfill_policy=RANGES,
    )
    def downstream(rows: asked) -> None:
        seen.append(rows)

    tags = {"dagster/asset_partition_range_start": str(days[0]), "dagster/asset_partition_range_end": str(days[-1])}
    result = dg.materialize([loaded, downstream], resources={"warehouse": manager}, tags=tags, run_config=QUIET)
    return seen[0], result


def _written(result):
    """What the UI is told of each partition of the table."""
    return [
        event
        for event in result.get_asset_materialization_events()
        if event.asset_key.path == list(ITEMS.warehouse_key)
    ]


def _arrow(days):
    return pa.concat_tables(items(day, day.day, day.day + 10) for day in days)


FRAMES = {
    pa.Table: _arrow,
    pd.DataFrame: lambda days: _arrow(days).to_pandas(),
    pl.DataFrame: lambda days: pl.from_arrow(_arrow(days)),
}


@pytest.mark.parametrize("frame", FRAMES)
def test_frames_go_in_and_come_out_by_the_window(manager, frame):
    manager.warehouse().replace_with(ITEMS, DayWindow(DAYS[0], DAYS[-1]), _arrow(DAYS))
    rows, result = _materialize(manager, FRAMES[frame], frame, DAYS[1], DAYS[2])
    assert isinstance(rows, frame)
    found = rows if frame is pa.Table else pa.table(rows) if frame is pd.DataFrame else rows.to_arrow()
    assert sorted(found.column("block_number").to_pylist()) == [3, 4, 13, 14]
    assert set(found.column("amount").to_pylist()) == {number * 10**30 for number in (3, 4, 13, 14)}
    assert manager.warehouse().count_by_day(ITEMS, DayWindow(DAYS[0], DAYS[-1])) == dict.fromkeys(DAYS, 2)
    assert {event.partition: event.materialization.metadata["rows"].value for event in _written(result)} == {
        str(day): 2 for day in DAYS[1:]
    }


def test_any_other_input_is_the_tables_address(manager):
    address, result = _materialize(manager, _arrow, str, DAYS[0])
    assert address == "test.items"
    (uri,) = {event.materialization.metadata["dagster/uri"].value for event in _written(result)}
    assert uri.endswith("/test.items")
    assert "secret" not in uri.lower()


def test_fewer_rows_and_none_replace_the_window(manager):
    _materialize(manager, _arrow, str, *DAYS)
    _materialize(manager, lambda days: _arrow(days[:1]), str, DAYS[1], DAYS[2])
    assert manager.warehouse().count_by_day(ITEMS, DayWindow(DAYS[0], DAYS[-1])) == dict.fromkeys(DAYS[:2], 2)


def test_long_texts_are_counted_where_they_are_not_held(manager):
    _, result = _materialize(manager, lambda days: items(days[0], 1, 2, note="x" * 70_000), str, DAYS[0])
    metadata = [event.materialization.metadata for event in _written(result)]
    counts = [found["note over 65535 bytes"].value for found in metadata if "note over 65535 bytes" in found]
    held = manager.warehouse().read(ITEMS, DayWindow(DAYS[0], DAYS[0])).column("note").null_count
    is_redshift = manager.warehouse().engine == "redshift"
    assert (counts, held) == (([2], 2) if is_redshift else ([], 0))


def test_statements_say_which_run_and_asset_they_belong_to(manager, request):
    _, result = _materialize(manager, _arrow, str, DAYS[0], DAYS[1])
    if manager.warehouse().engine == "redshift":
        redshift = request.getfixturevalue("redshift")
        ours = [found for found in redshift.standin.statements if found.database == redshift.database]
        wanted = f"headwater run={result.run_id} asset=warehouse/test/items days=2024-01-02..2024-01-03"
        assert {found.query_group for found in ours if found.sql.startswith(("COPY", "INSERT", "DELETE"))} == {wanted}


def test_another_engine_is_no_engine(monkeypatch):
    monkeypatch.setenv("WAREHOUSE", "oracle")
    with pytest.raises(SettingError, match="WAREHOUSE='oracle': expected one of duckdb, redshift, postgres"):
        WarehouseIOManager().warehouse()


TRADES = Table(
    system="test",
    name="jobs_trades",
    grain="one row per job, day and number",
    description="Partitioned by the job and the day.",
    columns=(
        Column("job", ColumnType.TEXT, "Job.", nullable=False),
        Column("day", ColumnType.DATE, "Day.", nullable=False),
        Column("number", ColumnType.BIGINT, "Number.", nullable=False),
    ),
    key=("job", "day", "number"),
    sort_key="number",
    day_column="day",
)
BY_JOB = dg.MultiPartitionsDefinition({"date": DAILY, "job": dg.StaticPartitionsDefinition(["kraken", "gate"])})


def _trades(job, day, *numbers):
    rows = [{"job": job, "day": day, "number": number} for number in numbers]
    return pa.Table.from_pylist(rows, schema=TRADES.arrow_schema)


def test_partitions_by_day_and_job_replace_their_own_rows_and_are_read_back(manager):
    seen, numbers = {}, [1, 2]

    @dg.asset(key=TRADES.warehouse_key, io_manager_key="warehouse", partitions_def=BY_JOB)
    def trades(context: dg.AssetExecutionContext):
        keys = context.partition_key.keys_by_dimension
        return _trades(keys["job"], date.fromisoformat(keys["date"]), *numbers)

    @dg.asset(ins={"rows": dg.AssetIn(TRADES.warehouse_key, input_manager_key="warehouse")}, partitions_def=BY_JOB)
    def downstream(context: dg.AssetExecutionContext, rows: pa.Table) -> None:
        seen[str(context.partition_key)] = rows.column("number").to_pylist()

    def run(job):
        key = dg.MultiPartitionKey({"date": str(DAYS[0]), "job": job})
        return dg.materialize(
            [trades, downstream], resources={"warehouse": manager}, partition_key=key, run_config=QUIET
        )

    run("kraken")
    numbers.append(3)
    result = run("gate")
    assert seen == {"2024-01-02|kraken": [1, 2], "2024-01-02|gate": [1, 2, 3]}
    (written,) = (
        event for event in result.get_asset_materialization_events() if event.asset_key.path == TRADES.warehouse_key
    )
    assert written.materialization.metadata["rows"].value == 3
    numbers[:] = [7]
    run("kraken")
    assert manager.warehouse().count_by_day(TRADES, DayWindow(DAYS[0], DAYS[0])) == {DAYS[0]: 4}


@pytest.mark.parametrize("named", ["by its key", "by its metadata"])
def test_a_mart_is_read_by_its_address_for_the_steps_days(manager, named):
    client = manager.warehouse()
    client.replace_with(ITEMS, DayWindow(DAYS[0], DAYS[-1]), _arrow(DAYS))
    with client.transaction() as session:
        session.run('CREATE TABLE test.daily AS SELECT block_date AS "day", block_number FROM test.items')
    seen = []
    by_key = named == "by its key"
    mart = dg.AssetSpec(
        ["marts", "test", "daily"] if by_key else ["marts", "chain"],
        partitions_def=DAILY,
        metadata={} if by_key else {"dagster/table_name": "test.daily", "partition_expr": "day"},
    )

    @dg.asset(ins={"rows": dg.AssetIn(mart.key, input_manager_key="warehouse")}, partitions_def=DAILY)
    def framed(rows: pd.DataFrame) -> None:
        seen.append((sorted(rows["block_number"]), list(rows.columns)))

    @dg.asset(ins={"rows": dg.AssetIn(mart.key, input_manager_key="warehouse")}, partitions_def=DAILY)
    def addressed(rows: str) -> None:
        seen.append(rows)

    for asset in (framed, addressed):
        dg.materialize(
            [mart, asset], selection=[asset], resources={"warehouse": manager}, partition_key=str(DAYS[1]),
            run_config=QUIET,
        )  # fmt: skip
    assert seen == [([3, 13], ["day", "block_number"]), "test.daily"]
