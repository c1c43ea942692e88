"""Columns and rows come from the files of the lake, whatever their paths look like."""

from dataclasses import replace
from datetime import date

import duckdb
import pyarrow.parquet as pq
import pytest

from assets.ethereum.tables import TABLES
from core.errors import LoadRejected
from core.frames import spooled
from core.layout import LakeLayout
from core.windows import DayWindow
from resources.clients.duckdb.warehouse import DuckDbWarehouse, parquet
from resources.clients.lake.lake import Lake
from resources.clients.lake.local_store import LocalObjectStore
from tests.standins.lakes import ITEMS, items

DAY, OTHER = date(2024, 1, 2), date(2024, 1, 3)

FOLDERS = [
    *(f"{column.name}=7" for column in ITEMS.columns),
    "value=7",
    "[a]*'b",
    "a*b?c[d]e{f,g}",
    "**",
    "[!a]",
    'quotes"and\\slashes',
    "~",
    "${HOME}",
]


def _published(folder, day=DAY, rows=None):
    lake = Lake(LocalObjectStore(folder))
    tables = spooled(ITEMS, items(day, 1, 2) if rows is None else rows, [day])
    lake.publish(ITEMS, tables, tables.days[0], "run")
    return lake


@pytest.mark.parametrize("name", FOLDERS)
def test_the_rows_are_the_files_wherever_the_lake_lies(tmp_path, name):
    lake = _published(tmp_path / name / "lake")
    for decoy in ("a", "aXbYcdef", "ab"):  # what a pattern would match besides
        _published(tmp_path / decoy / "lake", rows=items(DAY, 8, 9))
    warehouse = DuckDbWarehouse(":memory:")
    warehouse.replace(ITEMS, lake.open(ITEMS, [DAY]))
    assert warehouse.read(ITEMS, DayWindow(DAY, DAY)).equals(items(DAY, 1, 2))


def test_the_scratch_directory_is_a_path_too(tmp_path, monkeypatch):
    scratch = tmp_path / "block_number=7" / "[t]*"
    scratch.mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr("tempfile.tempdir", None)
    lake = Lake(LocalObjectStore(tmp_path / "lake"), "csv")
    tables = spooled(ITEMS, items(DAY, 1, 2), [DAY])
    lake.publish(ITEMS, tables, tables.days[0], "run")
    warehouse = DuckDbWarehouse(":memory:")
    warehouse.replace(ITEMS, lake.open(ITEMS, [DAY]))
    assert warehouse.read(ITEMS, DayWindow(DAY, DAY)).equals(items(DAY, 1, 2))


def test_a_file_whose_own_day_is_another_is_refused(tmp_path):
    """Copied into the other day's folder with a manifest that fits: the path says the day, the rows do not."""
    lake = _published(tmp_path)
    for found in lake.store.list(ITEMS.lake.prefix(DAY)):
        data, key = lake.store.read(found.key), found.key.replace(f"{DAY}", f"{OTHER}")
        if found.key == ITEMS.lake.manifest_key(DAY):
            data = data.replace(f"{DAY}".encode(), f"{OTHER}".encode())
        lake.store.write(key, data)
    with pytest.raises(LoadRejected, match="2024-01-02: 2 instead of 0; 2024-01-03: 0 instead of 2"):
        DuckDbWarehouse(":memory:").replace(ITEMS, lake.open(ITEMS, [OTHER]))


def test_a_file_without_a_column_is_refused(tmp_path):
    lake = _published(tmp_path)
    more = (*ITEMS.columns, replace(ITEMS.columns[0], name="value"))
    wider = replace(ITEMS, columns=more, system="wider", layout=LakeLayout())
    found = replace(lake.open(ITEMS, [DAY]), table_=wider)
    with pytest.raises(LoadRejected, match="lack the columns value"):
        DuckDbWarehouse(":memory:").replace(wider, found)


def test_every_column_of_every_table_may_stand_in_the_path(tmp_path):
    names = {column.name for table in TABLES for column in table.columns}
    folder = tmp_path.joinpath(*(f"{name}=7" for name in sorted(names)))
    warehouse = DuckDbWarehouse(":memory:")
    warehouse.replace(ITEMS, _published(folder).open(ITEMS, [DAY]))
    assert warehouse.read(ITEMS, DayWindow(DAY, DAY)).equals(items(DAY, 1, 2))


@pytest.mark.parametrize("name", ["a*", "a?", "[a]b", "**"])
def test_a_file_that_is_gone_is_no_pattern_for_others(tmp_path, name):
    (tmp_path / "ab").mkdir()
    pq.write_table(items(DAY, 8), tmp_path / "ab" / "rows.parquet")
    with pytest.raises(duckdb.IOException, match="No files found"):
        duckdb.sql(f"SELECT * FROM {parquet([tmp_path / name / 'rows.parquet'])}").fetchall()
