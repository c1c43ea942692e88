"""Tables declare where they lie, and no table's folder is another's."""

import importlib
from datetime import date
from itertools import combinations
from pathlib import Path

import pytest

from core.layout import LakeLayout, overlapping
from core.objects import declared_objects
from core.partitions import PartitionAddress
from core.tables import Column, ColumnType, Table, declared_tables

DAY = date(2024, 1, 2)
ROOMS = sorted(path.parent.name for path in Path(__file__).parents[2].glob("assets/*/tables.py"))


def _signature(dimensions):
    exchange, asset_type, universe = dimensions["job"].split(".")
    return {"exchange": exchange, "asset_type": asset_type, "universe": universe}


# As the exchanges' old bucket has it: an object for each currency pair and day, their manifest beside them.
BARS = LakeLayout(
    folder="v3/bars/ohlcv/{asset_type}/{universe}/ccxt/{exchange}/manifests/day={day}/",
    file="v3/bars/ohlcv/{asset_type}/{universe}/ccxt/{exchange}/currency_pair={currency_pair}/"
    "year={year}/month={month}/day={day_of_month}/data.parquet",
    names=_signature,
).of("venues", "bars")
JOB = PartitionAddress.of(DAY, {"job": "binance.spot.v7"})


def test_the_folders_of_all_rooms_tables_are_disjoint():
    for room in ROOMS:
        importlib.import_module(f"assets.{room}.tables")
    tables = [table for table in declared_tables() if table.system in {*ROOMS, "ingest"}]
    assert {table.system for table in tables} >= {"ethereum", "markets"}
    for one, other in combinations(tables, 2):
        assert not overlapping(one.lake.roots, other.lake.roots), f"{one.address}, {other.address}"
    roots = [root for table in tables for root in table.lake.roots]
    assert all(roots)
    objects = [found for found in declared_objects() if found.system in ROOMS]
    keys = [key for found in objects for key in (found.key, found.latest) if key]
    assert not [key for key in keys if key.startswith(tuple(roots))]


def test_without_a_declared_layout_the_system_is_in_the_key():
    layout = LakeLayout().of("a", "blocks")
    assert layout.manifest_key(DAY) == "a/blocks/day=2024-01-02/_manifest.json"
    assert layout.staging_key("load", "0.manifest") == "staging/a/blocks/load/0.manifest"


def test_a_folder_inside_anothers_is_refused_when_it_is_declared():
    column = Column("id", ColumnType.BIGINT, "Id.")

    def declare(name, folder):
        return Table("nested", name, "one", "Things.", (column,), ("id",), "id", layout=LakeLayout(folder))

    declare("outer", "nested_things/{day}/")
    with pytest.raises(ValueError, match=r"nested\.inner: its folder nested_things/deep/ is nested\.outer's"):
        declare("inner", "nested_things/deep/{day}/")
    with pytest.raises(ValueError, match="nested.everywhere"):
        declare("everywhere", "{day}/")
    declare("neighbour", "nested_things_too/{day}/")


def test_a_partition_may_have_an_object_for_each_value():
    assert BARS.parts == ("currency_pair",)
    assert BARS.file_key(JOB, "unused", {"currency_pair": "BTC_USDT"}) == (
        "v3/bars/ohlcv/spot/v7/ccxt/binance/currency_pair=BTC_USDT/year=2024/month=1/day=2/data.parquet"
    )
    assert BARS.manifest_key(JOB) == "v3/bars/ohlcv/spot/v7/ccxt/binance/manifests/day=2024-01-02/_manifest.json"
    assert BARS.roots == ("staging/venues/bars/", "v3/bars/ohlcv/")


@pytest.mark.parametrize(
    ("key", "held"),
    [
        ("v3/bars/ohlcv/spot/v7/ccxt/binance/currency_pair=BTC_USDT/year=2024/month=1/day=2/data.parquet", True),
        ("v3/bars/ohlcv/spot/v7/ccxt/binance/currency_pair=BTC_USDT/year=2024/month=1/day=3/data.parquet", False),
        ("v3/bars/ohlcv/spot/v7/ccxt/okx/currency_pair=BTC_USDT/year=2024/month=1/day=2/data.parquet", False),
        ("v3/bars/ohlcv/spot/v7/ccxt/binance/currency_pair=../x/year=2024/month=1/day=2/data.parquet", False),
        ("v3/bars/ohlcv/spot/v7/ccxt/binance/manifests/day=2024-01-02/bars.proof.json", True),
        ("v3/bars/ohlcv/spot/v7/ccxt/binance/manifests/day=2024-01-02/_manifest.json", False),
        ("v3/bars/ohlcv/spot/v7/ccxt/binance/manifests/day=2024-01-02/../../x", False),
        ("/etc/passwd", False),
    ],
)
def test_a_partition_holds_its_own_keys_only(key, held):
    assert BARS.holds(JOB, key) is held


@pytest.mark.parametrize("value", ["", "..", "a/b", "a b", "{x}", "-", "ü", "a\n"])
def test_a_value_that_is_no_part_of_a_key_is_refused(value):
    layout = LakeLayout("x/{job}/{day}/").of("a", "b")
    with pytest.raises(ValueError, match="{job} cannot be"):
        layout.prefix(PartitionAddress.of(DAY, {"job": value}))


def test_partitions_that_would_share_a_folder_are_refused():
    with pytest.raises(ValueError, match=r"partitions differ by \['job'\], which have no place in it"):
        LakeLayout().of("a", "b").prefix(JOB)


def test_a_partition_without_a_dimension_is_refused():
    with pytest.raises(ValueError, match="there is no value for {job}"):
        LakeLayout("x/{job}/{day}/").of("a", "b").prefix(DAY)
