"""A window of days is replaced in one transaction, whoever else is at work."""

import multiprocessing
from contextlib import contextmanager
from datetime import date

import duckdb
import pytest

from core.errors import DayMissing, LakeChanged, LoadRejected, PermanentError
from core.sql import replacing
from core.windows import DayWindow
from resources.clients.duckdb.warehouse import DuckDbWarehouse
from resources.clients.lake.lake import Lake
from resources.clients.lake.local_store import LocalObjectStore
from resources.clients.lake.object_store import MemoryObjectStore
from tests.standins.lakes import ITEMS, items, spooled_items

DAYS = [date(2024, 1, day) for day in (2, 3, 4)]
ALL = DayWindow(DAYS[0], DAYS[-1])


@pytest.fixture(params=["file", "memory"])
def warehouse(request, tmp_path):
    return DuckDbWarehouse(str(tmp_path / "warehouse.duckdb") if request.param == "file" else ":memory:")


@pytest.fixture(params=["parquet", "csv"])
def lake(request, clock):
    return Lake(MemoryObjectStore(clock), request.param, clock)


def _publish(lake, day, *numbers):
    spooled = spooled_items(day, *numbers)
    lake.publish(ITEMS, spooled, spooled.days[0], "run")


def _load(warehouse, lake, *days):
    warehouse.replace(ITEMS, lake.open(ITEMS, days))


def _rows(warehouse):
    return warehouse.read(ITEMS, ALL, ["block_date", "block_number"]).to_pylist()


def test_loading_twice_is_loading_once(warehouse, lake):
    _publish(lake, DAYS[0], 1, 2)
    _load(warehouse, lake, DAYS[0])
    once = warehouse.read(ITEMS, ALL)
    _load(warehouse, lake, DAYS[0])
    assert warehouse.read(ITEMS, ALL).equals(once)
    assert once.to_pylist() == items(DAYS[0], 1, 2).to_pylist()


def test_a_shrunken_and_an_emptied_day_leave_no_stale_row(warehouse, lake):
    for day in DAYS:
        _publish(lake, day, 1, 2, 3)
    _load(warehouse, lake, *DAYS)
    _publish(lake, DAYS[1], 2)
    _publish(lake, DAYS[2])
    _load(warehouse, lake, *DAYS[1:])
    assert warehouse.count_by_day(ITEMS, ALL) == {DAYS[0]: 3, DAYS[1]: 1}


def test_days_apart_are_loaded_without_touching_those_between(warehouse, lake):
    for day in DAYS:
        _publish(lake, day, 1)
    _load(warehouse, lake, *DAYS)
    for day in DAYS:
        _publish(lake, day, 5, 6)
    _load(warehouse, lake, DAYS[0], DAYS[2])
    assert warehouse.count_by_day(ITEMS, ALL) == {DAYS[0]: 2, DAYS[1]: 1, DAYS[2]: 2}


def test_other_rows_than_the_manifest_lists_change_nothing(warehouse, lake, monkeypatch):
    _publish(lake, DAYS[0], 1, 2)
    _load(warehouse, lake, DAYS[0])
    before = _rows(warehouse)
    found = lake.open(ITEMS, [DAYS[0]])
    lying = found.days[0].manifest.__class__(**{**_fields(found.days[0].manifest), "rows": 3})
    object.__setattr__(found.days[0], "manifest", lying)
    with pytest.raises(LoadRejected, match="hold 2 rows.*their manifests say 3.*unchanged"):
        warehouse.replace(ITEMS, found)
    assert _rows(warehouse) == before


def _fields(struct):
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


def test_rows_of_another_day_are_refused(warehouse):
    with pytest.raises(LoadRejected, match="1 of them of other days"):
        warehouse.replace_with(ITEMS, DayWindow(DAYS[0], DAYS[0]), items(DAYS[1], 1))


@pytest.mark.parametrize("statement", ["delete_slice", "insert_from"])
def test_killed_between_two_statements_the_old_day_stands(warehouse, lake, statement, monkeypatch):
    _publish(lake, DAYS[0], 1, 2)
    _load(warehouse, lake, DAYS[0])
    _publish(lake, DAYS[0], 7)

    def killed(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(replacing, statement, killed)
        with pytest.raises(KeyboardInterrupt):
            _load(warehouse, lake, DAYS[0])
    assert [row["block_number"] for row in _rows(warehouse)] == [1, 2]
    _load(warehouse, lake, DAYS[0])
    assert [row["block_number"] for row in _rows(warehouse)] == [7]


def test_columns_are_added_and_changed_types_refused(tmp_path):
    path = str(tmp_path / "w.duckdb")
    with duckdb.connect(path) as connection:
        connection.execute("CREATE SCHEMA test; CREATE TABLE test.items (block_number BIGINT, block_date DATE)")
        connection.execute("INSERT INTO test.items VALUES (1, DATE '2024-01-02')")
    warehouse = DuckDbWarehouse(path)
    warehouse.migrate(ITEMS)
    assert warehouse.read(ITEMS, ALL).to_pylist() == [
        {"block_number": 1, "amount": None, "note": None, "block_date": DAYS[0]}
    ]
    with duckdb.connect(path) as connection:
        connection.execute("ALTER TABLE test.items ALTER amount TYPE DOUBLE")
    with pytest.raises(PermanentError, match=r"test\.items\.amount is DOUBLE, declared as DECIMAL\(38,0\)"):
        warehouse.migrate(ITEMS)


def test_tables_and_columns_are_documented(warehouse):
    warehouse.migrate(ITEMS)
    comments = warehouse.query(
        "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'items'"
    ).to_pylist()
    assert {row["column_name"]: row["comment"] for row in comments} == {c.name: c.comment for c in ITEMS.columns}


def test_reading_what_was_never_loaded_says_so(warehouse):
    with pytest.raises(DayMissing, match="Materialize the warehouse tables"):
        warehouse.read(ITEMS, ALL)


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_a_day_exported_anew_while_the_lock_is_waited_for_is_told_and_loaded_next(tmp_path, clock, monkeypatch, format):
    """Its files were made ready before the wait: Parquet files are swept since, of csv files there are copies."""
    warehouse = DuckDbWarehouse(str(tmp_path / "w.duckdb"))
    lake = Lake(LocalObjectStore(tmp_path / "lake"), format, clock)
    _publish(lake, DAYS[0], 1)
    _load(warehouse, lake, DAYS[0])
    _publish(lake, DAYS[0], 2)
    real, waits = warehouse.exclusive, []

    @contextmanager
    def beside_another_run():
        waits.append(True)
        if len(waits) == 2:  # the first is the migration's
            _publish(lake, DAYS[0], 3)
        with real():
            yield

    with monkeypatch.context() as patched:
        patched.setattr(warehouse, "exclusive", beside_another_run)
        with pytest.raises(LakeChanged, match=r"items of 2024-01-02 was exported anew while it waited.*Run again"):
            _load(warehouse, lake, DAYS[0])
    assert [row["block_number"] for row in _rows(warehouse)] == [1]
    _load(warehouse, lake, DAYS[0])
    assert [row["block_number"] for row in _rows(warehouse)] == [3]


def test_two_warehouses_of_one_process_are_apart(tmp_path):
    one, other = (DuckDbWarehouse(str(tmp_path / place / "w.duckdb")) for place in ("one", "other"))
    other.migrate(ITEMS)
    with other.transaction():
        assert one.columns(ITEMS.address) == {}
        one.migrate(ITEMS)
        assert list(one.columns(ITEMS.address)) == [column.name for column in ITEMS.columns]
    assert one.count_by_day(ITEMS, ALL) == {}


def test_a_load_may_lose_the_order_of_rows_and_a_query_after_it_does_not(warehouse):
    warehouse.migrate(ITEMS)
    found = warehouse.query("SELECT current_setting('preserve_insertion_order') AS kept")
    assert found.to_pylist() == [{"kept": True}]
    with warehouse.transaction() as session:
        assert session.run("SELECT current_setting('preserve_insertion_order') AS kept") == [{"kept": False}]


def _load_often(path, root, day):
    lake = Lake(LocalObjectStore(root))
    for _ in range(3):
        DuckDbWarehouse(path).replace(ITEMS, lake.open(ITEMS, [day]))


def test_processes_take_turns(tmp_path):
    lake, path = Lake(LocalObjectStore(tmp_path / "lake")), str(tmp_path / "w.duckdb")
    for day in DAYS:
        _publish(lake, day, 1, 2, 3)
    context = multiprocessing.get_context("spawn")
    runs = [context.Process(target=_load_often, args=(path, tmp_path / "lake", day)) for day in (*DAYS, DAYS[0])]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert [run.exitcode for run in runs] == [0, 0, 0, 0]
    assert DuckDbWarehouse(path).count_by_day(ITEMS, ALL) == dict.fromkeys(DAYS, 3)
