"""What a load puts under the lake's staging prefix, and what it leaves there."""

import csv
import gzip
import json
from datetime import date

import pyarrow as pa
import pytest

from assets.ethereum.tables import LAYOUT
from core.errors import LakeChanged
from core.frames import spooled
from core.sql.copying import CSV, PARQUET
from core.tables import Column, ColumnType, Table
from resources.clients.lake.lake import Lake
from resources.clients.lake.object_store import MemoryObjectStore
from resources.clients.redshift.copy_files import copy_files
from tests.standins.lakes import ITEMS, KilledError, items, spooled_items

DAYS = [date(2024, 1, day) for day in (2, 3, 4)]
LONGEST = 100
WIDE = Table(
    system="test",
    name="wide",
    grain="one row per number",
    description="An amount that may have more digits than its column.",
    columns=(
        Column("number", ColumnType.BIGINT, "Number.", nullable=False),
        Column("amount", ColumnType.DECIMAL, "Amount.", wider="amount_text"),
        Column("amount_text", ColumnType.UINT256, "Wide amount.", extension=True),
        Column("day", ColumnType.DATE, "Day.", nullable=False, extension=True),
    ),
    key=("number",),
    sort_key="number",
    layout=LAYOUT,
)


class WatchedStore(MemoryObjectStore):
    """Notes what is downloaded."""

    def __init__(self, clock=None):
        super().__init__(clock)
        self.fetched = []

    def fetch(self, key, scratch):
        self.fetched.append(key)
        return super().fetch(key, scratch)


@pytest.fixture
def store():
    return WatchedStore()


def _publish(lake, day, *numbers, note="x"):
    spooled = spooled_items(day, *numbers, note=note)
    return lake.publish(ITEMS, spooled, spooled.days[0], "run")


def _entries(store, files):
    """The URLs of each manifest, by format, without the store's scheme."""
    return {
        format: [
            entry["url"].removeprefix("memory://")
            for entry in json.loads(store.read(uri.removeprefix("memory://")))["entries"]
        ]
        for format, uri in files.manifests()
    }


def _staged(store):
    return [found.key for found in store.list("staging/")]


def test_only_files_with_a_long_text_are_copied(store):
    lake = Lake(store)
    manifests = [_publish(lake, day, 1, note="x" * (LONGEST + (day == DAYS[1]))) for day in DAYS]
    with copy_files(store, ITEMS, LONGEST, days=lake.open(ITEMS, DAYS).days) as files:
        listed = _entries(store, files)[PARQUET]
        assert [listed[0], listed[2]] == [manifests[0].files[0].key, manifests[2].files[0].key]
        assert listed[1].startswith("staging/items/")
        assert files.shortened == {DAYS[1]: {"note": 1}}
    assert not _staged(store)


def test_nothing_is_downloaded_of_a_table_whose_texts_all_fit(store, monkeypatch):
    lake = Lake(store)
    _publish(lake, DAYS[0], 1)
    monkeypatch.setattr("resources.clients.redshift.copy_files.CopyFiles._unbounded", lambda self: [])
    with copy_files(store, ITEMS, LONGEST, days=lake.open(ITEMS, DAYS[:1]).days) as files:
        assert list(files.manifests())
    assert store.fetched == []


def test_days_without_rows_are_left_out(store):
    lake = Lake(store)
    _publish(lake, DAYS[0])
    with copy_files(store, ITEMS, LONGEST, days=lake.open(ITEMS, DAYS[:1]).days) as files:
        assert list(files.manifests()) == []
    with copy_files(store, ITEMS, LONGEST, rows=items(DAYS[0])) as files:
        assert list(files.manifests()) == []


def test_the_old_layout_is_gzipped_with_the_day_and_its_lines(store):
    lake = Lake(store, "csv")
    _publish(lake, DAYS[0], 1, 2, note="two\nlines")
    with copy_files(store, ITEMS, LONGEST, days=lake.open(ITEMS, DAYS[:1]).days) as files:
        (key,) = _entries(store, files)[CSV]
        text = gzip.decompress(store.read(key)).decode()
    assert list(csv.reader(text.splitlines(keepends=True))) == [
        ["block_number", "amount", "note", "block_date"],
        ["1", str(10**30), "two\nlines", "2024-01-02"],
        ["2", str(2 * 10**30), "two\nlines", "2024-01-02"],
    ]
    assert key.endswith("/2024-01-02-0.csv.gz")


def test_a_lake_that_changed_its_format_takes_a_manifest_for_each(store):
    _publish(Lake(store, "csv"), DAYS[0], 1)
    _publish(Lake(store), DAYS[1], 1)
    with copy_files(store, ITEMS, LONGEST, days=Lake(store).open(ITEMS, DAYS[:2]).days) as files:
        assert {format: len(entries) for format, entries in _entries(store, files).items()} == {CSV: 1, PARQUET: 1}


def test_a_file_that_is_not_the_one_listed_is_refused(store):
    lake = Lake(store)
    key = _publish(lake, DAYS[0], 1).files[0].key
    found = lake.open(ITEMS, DAYS[:1])
    store.write(key, store.read(key)[:-1] + b"?")
    with pytest.raises(LakeChanged, match="is not the file its manifest lists"):
        with copy_files(store, ITEMS, LONGEST, days=found.days):
            pass
    assert not _staged(store)


def test_a_load_that_fails_leaves_nothing_and_a_killed_ones_remains_are_swept_a_day_later(clock):
    store = WatchedStore(clock)  # its clock stands in January 2024: what it holds is old
    store.write("staging/items/killed/0.manifest", b"{}")
    store.write("export/items/x", b"kept")

    def load():
        with copy_files(store, ITEMS, LONGEST, rows=items(DAYS[0], 1)) as files:
            assert _entries(store, files)
            assert len(_staged(store)) == 2
            raise KilledError

    with pytest.raises(KilledError):
        load()
    assert [found.key for found in store.list("")] == ["export/items/x"]


def test_what_another_load_is_using_is_left_alone(store):
    with copy_files(store, ITEMS, LONGEST, rows=items(DAYS[0], 1)) as files:
        list(files.manifests())
        with copy_files(store, ITEMS, LONGEST, rows=items(DAYS[0], 2)) as others:
            list(others.manifests())
            assert len(_staged(store)) == 4
        assert len(_staged(store)) == 2


def test_a_number_of_too_many_digits_stands_in_the_column_beside_it(store):
    wide = str(2**255)
    rows = pa.table({"number": [1, 2], "amount": [None, 5], "amount_text": [wide, None], "day": [DAYS[0]] * 2})
    tables = spooled(WIDE, rows, DAYS[:1])
    lake = Lake(store, "csv")
    lake.publish(WIDE, tables, tables.days[0], "run")
    assert lake.open(WIDE, DAYS[:1]).table().to_pylist() == rows.to_pylist()
    assert f"1,{wide}\r\n2,5\r\n" in store.read(lake.manifest(WIDE, DAYS[0]).files[0].key).decode()
    with copy_files(store, WIDE, LONGEST, days=lake.open(WIDE, DAYS[:1]).days) as files:
        (key,) = _entries(store, files)[CSV]
        text = gzip.decompress(store.read(key)).decode().splitlines()
    null = f"{files.load}:"
    assert text == ["number,amount,amount_text,day", f"1,{null},{wide},2024-01-02", f"2,5,{null},2024-01-02"]
