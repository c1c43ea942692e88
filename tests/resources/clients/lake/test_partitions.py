"""A partition of several objects under fixed keys is whole, or refused; what is another partition's stays."""

from datetime import date

import pyarrow as pa
import pytest

from core.errors import DayMissing, LakeChanged
from core.layout import LakeLayout
from core.partitions import PartitionAddress
from core.spool import Spool
from core.tables import Column, ColumnType, Table
from resources.clients.lake.lake import Lake
from resources.clients.lake.local_store import LocalObjectStore
from resources.clients.lake.object_store import MemoryObjectStore
from resources.clients.lake.s3_store import S3ObjectStore
from tests.standins.lakes import DyingStore, KilledError

BARS = Table(
    system="test",
    name="bars",
    grain="one row per minute",
    description="Bars.",
    columns=(Column("n", ColumnType.BIGINT, "N."),),
    key=("n",),
    sort_key="n",
    layout=LakeLayout("test_bars/{job}/days/{day}/", "test_bars/{job}/pair={pair}/{day}.parquet"),
)
SPOT, FUTURES = (PartitionAddress.of(date(2024, 1, 2), {"job": job}) for job in ("spot", "futures"))


@pytest.fixture(params=["local", "s3", "memory"])
def store(request, tmp_path, clock):
    if request.param == "local":
        return LocalObjectStore(tmp_path / "lake")
    return (
        S3ObjectStore(request.getfixturevalue("s3_bucket"), "p") if request.param == "s3" else MemoryObjectStore(clock)
    )


def _publish(lake, partition, **pairs):
    spool = Spool((BARS,), "test", "off")
    day = spool.day(partition)
    for pair, numbers in pairs.items():
        day.add({"bars": pa.RecordBatch.from_pydict({"n": numbers}, BARS.arrow_schema)}, {"pair": pair})
    spool.finish(day)
    spooled = spool.tables()["bars"]
    return lake.publish(BARS, spooled, spooled.days[0], "run")


def _numbers(lake, partition):
    return lake.open(BARS, [partition]).table().column(0).to_pylist()


def test_the_manifest_lists_every_object_and_its_partition(store, clock):
    lake = Lake(store, clock=clock)
    manifest = _publish(lake, SPOT, A=[1, 2], B=[3])
    assert [(file.key, file.rows) for file in manifest.files] == [
        ("test_bars/spot/pair=A/2024-01-02.parquet", 2),
        ("test_bars/spot/pair=B/2024-01-02.parquet", 1),
    ]
    assert lake.manifest(BARS, SPOT) == manifest
    lake.open(BARS, [SPOT]).days[0].ensure_present()
    with pytest.raises(DayMissing, match="bars has no 2024-01-02 job=futures"):
        lake.open(BARS, [SPOT, FUTURES])


@pytest.mark.parametrize("dies_at", range(6))
def test_killed_between_any_two_writes_it_is_whole_or_refused(store, clock, dies_at):
    lake = Lake(store, clock=clock)
    _publish(lake, FUTURES, A=[9])
    _publish(lake, SPOT, A=[1], B=[2], C=[3])
    dying = Lake(DyingStore(store, dies_at), clock=clock)
    writes = 4  # two objects, the manifest, the removal of the third object
    try:
        _publish(dying, SPOT, A=[4], B=[5])
        assert dies_at >= writes
    except KilledError:
        assert dies_at < writes
    if dies_at in (1, 2):  # fixed keys: the new object stands under the old manifest
        with pytest.raises(LakeChanged, match="for 2024-01-02 job=spot again"):
            _numbers(lake, SPOT)
    else:
        assert _numbers(lake, SPOT) == ([1, 2, 3] if dies_at == 0 else [4, 5])
    _publish(lake, SPOT, A=[4], B=[5])
    assert _numbers(lake, SPOT) == [4, 5]
    assert _numbers(lake, FUTURES) == [9]


def test_a_lake_set_to_a_format_that_the_table_does_not_know_keeps_parquet(clock):
    lake = Lake(MemoryObjectStore(clock), "csv", clock)
    assert _publish(lake, SPOT, A=[1]).format == "parquet"
    assert _numbers(lake, SPOT) == [1]
