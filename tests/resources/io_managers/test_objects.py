"""Assets whose value is one object: what they may return and be given, and what the UI is told."""

import hashlib
from typing import Any

import dagster as dg
import pytest

from core.objects import PublishedObject
from resources.io_managers.objects import InMemoryObjectIOManager, ObjectIOManager
from tests.standins.runs import QUIET

DAILY = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-05")
COUNTS = PublishedObject("invented", "counts", "counts/{day}.json.gz", latest="counts/latest.json.gz")
TABLE = PublishedObject("invented", "table", "tables/table.csv", path=("invented", "city", "table"))


@pytest.fixture(params=["memory", "local", "s3"])
def manager(request, tmp_path):
    if request.param == "memory":
        return InMemoryObjectIOManager()
    where = str(tmp_path / "lake") if request.param == "local" else f"s3://{request.getfixturevalue('s3_bucket')}/p"
    return ObjectIOManager(uri=where)


@dg.asset(key=COUNTS.asset_key, io_manager_key="objects", partitions_def=DAILY)
def counts(context: dg.AssetExecutionContext):
    return {context.partition_key: 1}


@dg.asset(key=TABLE.asset_key, io_manager_key="objects")
def table() -> str:
    return "id\r\n1\r\n"


def _reader(kind, source, seen, **more):
    @dg.asset(name="reader", ins={"value": dg.AssetIn(source.asset_key, input_manager_key="objects")}, **more)
    def reader(value: kind) -> None:
        seen.append(value)

    return reader


def _run(assets, manager, partition_key=None):
    return dg.materialize(assets, resources={"objects": manager}, partition_key=partition_key, run_config=QUIET)


def test_a_partitioned_object_goes_and_comes(manager):
    seen = []
    result = _run([counts, _reader(Any, COUNTS, seen, partitions_def=DAILY)], manager, "2024-01-02")
    assert seen == [{"2024-01-02": 1}]
    store = manager.objects().store
    stored = store.read("counts/2024-01-02.json.gz")
    metadata = result.asset_materializations_for_node("__".join(COUNTS.asset_key))[0].metadata
    assert metadata["bytes"].value == len(stored)
    assert metadata["sha256"].value == hashlib.sha256(stored).hexdigest()
    assert metadata["dagster/uri"].value == store.uri("counts/2024-01-02.json.gz")
    assert "latest" in metadata
    assert store.read("counts/latest.json.gz") == stored


@pytest.mark.parametrize(("kind", "expected"), [(str, "id\r\n1\r\n"), (bytes, b"id\r\n1\r\n")])
def test_a_single_object_of_a_longer_key(manager, kind, expected):
    seen = []
    _run([table, _reader(kind, TABLE, seen)], manager)
    assert seen == [expected]


def test_an_object_is_of_one_partition():
    @dg.asset(
        key=COUNTS.asset_key,
        io_manager_key="objects",
        partitions_def=DAILY,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def ranged() -> dict:
        return {}

    tags = {"dagster/asset_partition_range_start": "2024-01-02", "dagster/asset_partition_range_end": "2024-01-03"}
    with pytest.raises(ValueError, match="an object is of one partition, the run has 2"):
        dg.materialize([ranged], resources={"objects": InMemoryObjectIOManager()}, tags=tags, run_config=QUIET)
