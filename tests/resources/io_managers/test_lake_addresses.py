"""Invented tables through the IO managers: two systems with one name, keys of any length, days of jobs."""

from datetime import date
from types import SimpleNamespace

import dagster as dg
import pyarrow as pa
import pytest

from core.layout import LakeLayout
from core.partitions import PartitionAddress
from core.tables import Column, ColumnType, Table
from resources.clients.lake.reading import LakeObject
from resources.io_managers.addresses import days_of, partitions_of
from resources.io_managers.duckdb import InMemoryWarehouseIOManager
from resources.io_managers.lake import InMemoryLakeIOManager
from tests.standins.lakes import ITEMS, spooled_items
from tests.standins.runs import QUIET

DAY = "2024-01-02"
DAILY = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-05")
JOBS = ["binance.spot.v7", "okx.spot.v7"]
JOB_DAILY = dg.MultiPartitionsDefinition({"job": dg.StaticPartitionsDefinition(JOBS), "day": DAILY})


def _blocks(system, *, path=(), columns=(), day="block_date", **more):
    return Table(
        system=system,
        name="blocks",
        grain="one row per block",
        description="Blocks.",
        columns=(
            Column("number", ColumnType.BIGINT, "Height.", nullable=False),
            *columns,
            Column(day, ColumnType.DATE, "Day.", nullable=False),
        ),
        key=("number",),
        sort_key="number",
        path=path,
        day_column=day,
        **more,
    )


HERE, THERE = _blocks("here"), _blocks("there")
DEEP, FLAT = _blocks("deep", path=("deep", "city", "blocks")), _blocks("flat", path=("flat_blocks",))
BARS = _blocks(
    "venues",
    day="day",
    columns=(Column("currency_pair", ColumnType.TEXT, "Pair.", nullable=False),),
    layout=LakeLayout(
        folder="v3/{dataset}/{exchange}/manifests/day={day}/",
        file="v3/{dataset}/{exchange}/currency_pair={currency_pair}/year={year}/month={month}/day={day_of_month}/data.parquet",
        names=lambda dimensions: {"exchange": dimensions["job"].split(".", maxsplit=1)[0]},
    ),
)


def _rows(table, **columns):
    return pa.table(columns, schema=table.arrow_schema)


def _producer(table, key, numbers):
    @dg.asset(key=key, io_manager_key="lake", partitions_def=DAILY)
    def produced(context: dg.AssetExecutionContext) -> pa.Table:
        days = [date.fromisoformat(context.partition_key)] * len(numbers)
        return _rows(table, number=numbers, block_date=days)

    return produced


def _loader(table, source, key):
    @dg.asset(
        key=key,
        ins={"rows": dg.AssetIn(source, input_manager_key="lake")},
        io_manager_key="warehouse",
        partitions_def=DAILY,
    )
    def loaded(rows: LakeObject) -> LakeObject:
        return rows

    return loaded


@pytest.fixture
def memory():
    return {"lake": InMemoryLakeIOManager(), "warehouse": InMemoryWarehouseIOManager()}


def _numbers(memory, table):
    return memory["lake"].lake().open(table, [date(2024, 1, 2)]).table(["number"]).column(0).to_pylist()


def test_two_systems_with_one_name_lie_side_by_side(memory):
    assets = [
        *(_producer(table, table.lake_key, numbers) for table, numbers in ((HERE, [1]), (THERE, [2, 3]))),
        *(_loader(table, table.lake_key, table.warehouse_key) for table in (HERE, THERE)),
    ]
    dg.materialize(assets, resources=memory, partition_key=DAY, run_config=QUIET)
    dg.materialize([_producer(THERE, THERE.lake_key, [4])], resources=memory, partition_key=DAY, run_config=QUIET)
    assert (_numbers(memory, HERE), _numbers(memory, THERE)) == ([1], [4])
    warehouse = memory["warehouse"].warehouse()
    assert warehouse.query("SELECT number FROM here.blocks").to_pylist() == [{"number": 1}]
    assert warehouse.query("SELECT number FROM there.blocks ORDER BY 1").to_pylist() == [{"number": 2}, {"number": 3}]
    assert len(memory["lake"].lake().store.list("")) == 4


@pytest.mark.parametrize(
    ("table", "lake", "warehouse"),
    [
        (DEEP, "lake/deep/city/blocks", "warehouse/deep/city/blocks"),
        (FLAT, "lake/flat_blocks", "flat_blocks/warehouse"),
        (HERE, "here/lake/blocks", "here/blocks"),
    ],
)
def test_keys_of_any_length_go_through_lake_and_warehouse(memory, table, lake, warehouse):
    lake, warehouse = lake.split("/"), warehouse.split("/")
    dg.materialize(
        [_producer(table, lake, [7]), _loader(table, lake, warehouse)],
        resources=memory,
        partition_key=DAY,
        run_config=QUIET,
    )
    assert _numbers(memory, table) == [7]
    assert memory["warehouse"].warehouse().query(f"SELECT number FROM {table.address}").num_rows == 1


def _bars(rows_of):
    @dg.asset(
        key=BARS.lake_key,
        io_manager_key="lake",
        partitions_def=JOB_DAILY,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def bars(context: dg.AssetExecutionContext) -> pa.Table:
        (job,) = {key.keys_by_dimension["job"] for key in context.partition_keys}
        days = [date.fromisoformat(key.keys_by_dimension["day"]) for key in context.partition_keys]
        pairs = [(day, pair, number) for day in days for pair, number in rows_of(job)]
        return _rows(
            BARS,
            number=[number for _, _, number in pairs],
            currency_pair=[pair for _, pair, _ in pairs],
            day=[day for day, _, _ in pairs],
        )

    return bars


def _run_bars(memory, job, rows, days=(DAY, DAY)):
    bounds = [dg.MultiPartitionKey({"job": job, "day": day}) for day in days]
    return dg.materialize(
        [_bars(lambda _job: rows)],
        resources=memory,
        run_config=QUIET,
        tags={"dagster/asset_partition_range_start": bounds[0], "dagster/asset_partition_range_end": bounds[1]},
    )


def _keys(memory):
    return [found.key.removeprefix("v3/blocks/") for found in memory["lake"].lake().store.list("v3/")]


def test_a_day_of_a_job_has_an_object_for_each_symbol(memory):
    _run_bars(memory, JOBS[0], [("ETH_USDT", 2), ("BTC_USDT", 1), ("ETH_USDT", 3)])
    result = _run_bars(memory, JOBS[1], [("BTC_USDT", 9)])
    assert _keys(memory) == [
        "binance/currency_pair=BTC_USDT/year=2024/month=1/day=2/data.parquet",
        "binance/currency_pair=ETH_USDT/year=2024/month=1/day=2/data.parquet",
        "binance/manifests/day=2024-01-02/_manifest.json",
        "okx/currency_pair=BTC_USDT/year=2024/month=1/day=2/data.parquet",
        "okx/manifests/day=2024-01-02/_manifest.json",
    ]
    (event,) = result.get_asset_materialization_events()
    assert (event.partition, event.materialization.metadata["rows"].value) == (f"{DAY}|{JOBS[1]}", 1)
    addresses = [PartitionAddress.of(date(2024, 1, 2), {"job": job}) for job in JOBS]
    found = memory["lake"].lake().open(BARS, addresses)
    assert found.on(addresses[0]).table(["number"]).column(0).to_pylist() == [1, 2, 3]
    assert found.on(addresses[1]).manifest.partition == addresses[1]
    assert found.rows == 4


def test_a_rerun_replaces_its_own_objects_only(memory):
    _run_bars(memory, JOBS[0], [("BTC_USDT", 1), ("ETH_USDT", 2)])
    _run_bars(memory, JOBS[1], [("BTC_USDT", 9)])
    _run_bars(memory, JOBS[0], [("BTC_USDT", 4)])
    assert [key for key in _keys(memory) if "manifest" not in key] == [
        "binance/currency_pair=BTC_USDT/year=2024/month=1/day=2/data.parquet",
        "okx/currency_pair=BTC_USDT/year=2024/month=1/day=2/data.parquet",
    ]
    _run_bars(memory, JOBS[0], [])
    address = PartitionAddress.of(date(2024, 1, 2), {"job": JOBS[0]})
    assert memory["lake"].lake().open(BARS, [address]).table().num_rows == 0
    assert len(_keys(memory)) == 3


def test_a_range_of_days_of_a_job_is_read_back_as_a_frame(memory):
    seen = []

    @dg.asset(
        ins={"bars": dg.AssetIn(BARS.lake_key, input_manager_key="lake")},
        partitions_def=JOB_DAILY,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def counted(bars: pa.Table) -> None:
        seen.append(bars.num_rows)

    days = (DAY, "2024-01-03")
    result = _run_bars(memory, JOBS[0], [("BTC_USDT", 1)], days)
    assert {event.partition for event in result.get_asset_materialization_events()} == {
        f"{day}|{JOBS[0]}" for day in days
    }
    dg.materialize(
        [counted, _bars(lambda job: [])],
        selection=[counted],
        resources=memory,
        partition_key=dg.MultiPartitionKey({"job": JOBS[0], "day": DAY}),
        run_config=QUIET,
    )
    assert seen == [1]


def test_days_of_jobs_are_no_days():
    keys = [dg.MultiPartitionKey({"job": JOBS[0], "day": DAY})]
    step = SimpleNamespace(
        asset_key=dg.AssetKey(BARS.lake_key), asset_partitions_def=JOB_DAILY, asset_partition_keys=keys
    )
    assert list(partitions_of(step).values()) == [PartitionAddress.of(date(2024, 1, 2), {"job": JOBS[0]})]
    with pytest.raises(ValueError, match="lake/venues/blocks: .* its partitions are by day and job"):
        days_of(step)


def test_what_was_spooled_for_another_partition_is_refused(memory):
    @dg.asset(key=ITEMS.lake_key, io_manager_key="lake", partitions_def=DAILY)
    def strange():
        return spooled_items(date(2024, 1, 3), 1)

    with pytest.raises(ValueError, match="2024-01-03.* were spooled, the run is of .*2024-01-02"):
        dg.materialize([strange], resources=memory, partition_key=DAY, run_config=QUIET)
    assert memory["lake"].lake().store.list("") == []
