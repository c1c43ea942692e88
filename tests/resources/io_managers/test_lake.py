"""What an asset may return to the lake and may ask of it; the in-memory pair that users write tests with."""

from datetime import date

import dagster as dg
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from assets.ethereum.partitions import DAILY
from resources.clients.lake.reading import LakeObject
from resources.io_managers.duckdb import InMemoryWarehouseIOManager
from resources.io_managers.lake import InMemoryLakeIOManager, LakeIOManager
from tests.standins.lakes import ITEMS, items, spooled_items
from tests.standins.runs import QUIET
from tests.standins.s3 import s3_client

DAYS = ["2024-01-02", "2024-01-03"]
SINGLE = dg.BackfillPolicy.single_run()


def _producer(make):
    @dg.asset(key=ITEMS.lake_key, io_manager_key="lake", partitions_def=DAILY, backfill_policy=SINGLE)
    def produced(context: dg.AssetExecutionContext):
        return make([date.fromisoformat(key) for key in context.partition_keys])

    return produced


def _consumer(kind, seen):
    @dg.asset(
        ins={"rows": dg.AssetIn(ITEMS.lake_key, input_manager_key="lake")},
        io_manager_key="warehouse",
        key=ITEMS.warehouse_key,
        partitions_def=DAILY,
        backfill_policy=SINGLE,
    )
    def consumed(rows: kind) -> kind:
        seen.append(rows)
        return rows

    return consumed


@pytest.fixture
def memory():
    return {"lake": InMemoryLakeIOManager(), "warehouse": InMemoryWarehouseIOManager()}


def _materialize(assets, resources, days=DAYS):
    tags = {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[-1]}
    return dg.materialize(assets, resources=resources, tags=tags, run_config=QUIET)


def _arrow(days):
    return pa.concat_tables(items(day, day.day, day.day + 10) for day in days)


FRAMES = {
    "pyarrow": _arrow,
    "pandas": lambda days: _arrow(days).to_pandas(),
    "polars": lambda days: pl.from_arrow(_arrow(days)),
}


@pytest.mark.parametrize("returned", FRAMES)
@pytest.mark.parametrize("asked", [pa.Table, pd.DataFrame, pl.DataFrame, LakeObject])
def test_any_frame_goes_in_and_any_comes_out_for_a_range(memory, returned, asked):
    seen = []
    _materialize([_producer(FRAMES[returned]), _consumer(asked, seen)], memory)
    (rows,) = seen
    assert isinstance(rows, asked)
    expected = _arrow([date.fromisoformat(day) for day in DAYS])
    loaded = memory["warehouse"].warehouse().query("SELECT * FROM test.items ORDER BY block_number").to_pylist()
    assert loaded == expected.sort_by("block_number").to_pylist()


def test_what_one_materialize_wrote_the_next_one_reads(memory):
    seen = []
    producer, consumer = _producer(_arrow), _consumer(pa.Table, seen)
    dg.materialize([producer], resources=memory, partition_key=DAYS[0], run_config=QUIET)
    dg.materialize(
        [producer, consumer], selection=[consumer], resources=memory, partition_key=DAYS[0], run_config=QUIET
    )
    assert seen[0].column("block_number").to_pylist() == [2, 12]


def test_every_partition_of_a_range_gets_its_own_receipt(memory):
    def make(days):
        assert len(days) == 2
        return _arrow([days[1]])

    result = _materialize([_producer(make)], memory)
    rows = {e.partition: e.materialization.metadata["rows"].value for e in result.get_asset_materialization_events()}
    assert rows == {DAYS[0]: 0, DAYS[1]: 2}


def test_rows_of_other_days_are_refused(memory):
    with pytest.raises(ValueError, match="2 rows belong to none of the days"):
        _materialize([_producer(lambda days: _arrow([date(2024, 2, 1)]))], memory)


def test_a_frame_without_a_column_is_refused(memory):
    with pytest.raises(ValueError, match=r"test.items: the frame lacks columns \['amount'\]"):
        _materialize([_producer(lambda days: _arrow(days).drop_columns(["amount"]))], memory)


def test_a_spooled_table_is_used_up(memory):
    spooled = spooled_items(date(2024, 1, 2), 1, 2)
    _materialize([_producer(lambda days: spooled)], memory, DAYS[:1])
    assert memory["lake"].lake().open(ITEMS, [date(2024, 1, 2)]).rows == 2


def test_days_are_encrypted_with_the_key_that_is_set(s3_bucket, s3_endpoint, monkeypatch):
    monkeypatch.setenv("LAKE_KMS_KEY", "alias/headwater-lake")
    manager = LakeIOManager(uri=f"s3://{s3_bucket}/p", format="parquet")
    _materialize([_producer(_arrow)], {"lake": manager}, DAYS[:1])
    client = s3_client(s3_endpoint)
    keys = [found["Key"] for found in client.list_objects_v2(Bucket=s3_bucket)["Contents"]]
    assert len(keys) == 2
    assert {client.head_object(Bucket=s3_bucket, Key=key)["SSEKMSKeyId"] for key in keys} == {"alias/headwater-lake"}
