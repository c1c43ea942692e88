"""PostgreSQL as a warehouse: windows of days are replaced in one transaction, from the lake's own files."""

import threading
import uuid
from dataclasses import replace
from datetime import date

import psycopg
import pyarrow as pa
import pytest

from core.errors import DayMissing, HeadwaterError, LakeChanged, LoadRejected, PermanentError
from core.sql.grants import Roles
from core.windows import DayWindow
from resources.clients.lake.lake import Lake
from resources.clients.lake.object_store import MemoryObjectStore
from resources.clients.postgres.connection import PostgresSession
from resources.clients.postgres.warehouse import PostgresWarehouse
from tests.standins.lakes import ITEMS, KilledError, items, spooled_items

DAYS = [date(2024, 1, day) for day in (2, 3, 4)]
ALL = DayWindow(DAYS[0], DAYS[-1])


@pytest.fixture
def warehouse(database):
    return PostgresWarehouse(database.address)


@pytest.fixture(params=["parquet", "csv"])
def lake(request, clock):
    return Lake(MemoryObjectStore(clock), request.param, clock)


def _publish(lake, day, *numbers, note="x"):
    spooled = spooled_items(day, *numbers, note=note)
    lake.publish(ITEMS, spooled, spooled.days[0], "run")


def _load(warehouse, lake, *days):
    return warehouse.replace(ITEMS, lake.open(ITEMS, days))


def _numbers(warehouse, *days):
    return [row["block_number"] for row in warehouse.read(ITEMS, DayWindow(days[0], days[-1])).to_pylist()]


def test_loading_twice_is_loading_once(warehouse, lake):
    _publish(lake, DAYS[0], 1, 2, note='quotes", commas, \\N and\nlines')
    _load(warehouse, lake, DAYS[0])
    once = warehouse.read(ITEMS, ALL)
    _load(warehouse, lake, DAYS[0])
    assert warehouse.read(ITEMS, ALL).equals(once)
    assert once.to_pylist() == items(DAYS[0], 1, 2, note='quotes", commas, \\N and\nlines').to_pylist()


@pytest.mark.parametrize("meanwhile", ["exported anew", "gone"])
def test_a_day_that_changed_while_the_lock_was_waited_for_is_told(warehouse, lake, meanwhile):
    """Another transaction holds the table; the load waits for it with its rows staged."""
    _publish(lake, DAYS[0], 1)
    _load(warehouse, lake, DAYS[0])
    _publish(lake, DAYS[0], 2)
    told = []

    def load():
        try:
            _load(warehouse, lake, DAYS[0])
        except LakeChanged as error:
            told.append(str(error))

    with warehouse.transaction() as other:
        other.run("LOCK TABLE test.items IN SHARE ROW EXCLUSIVE MODE")
        loading = threading.Thread(target=load)
        loading.start()
        with warehouse.transaction() as looking:
            while not looking.run("SELECT 1 AS x FROM pg_locks WHERE NOT granted"):
                assert loading.is_alive()
        if meanwhile == "gone":
            lake.store.delete(ITEMS.lake.manifest_key(DAYS[0]))
        else:
            _publish(lake, DAYS[0], 3)
    loading.join()
    assert len(told) == 1
    assert "was exported anew while it waited to be loaded" in told[0]
    assert _numbers(warehouse, DAYS[0]) == [1]
    if meanwhile == "exported anew":
        _load(warehouse, lake, DAYS[0])
        assert _numbers(warehouse, DAYS[0]) == [3]


def test_texts_of_any_length_are_held(warehouse, lake):
    _publish(lake, DAYS[0], 1, note="é" * 100_000)
    assert _load(warehouse, lake, DAYS[0]) == {}
    assert warehouse.read(ITEMS, ALL).to_pylist()[0]["note"] == "é" * 100_000
    assert "note_bytes" not in warehouse.columns("test.items")


def test_empty_and_null_stay_apart(warehouse):
    rows = pa.Table.from_pylist(
        [
            {"block_number": 1, "amount": None, "note": "", "block_date": DAYS[0]},
            {"block_number": 2, "amount": -(10**37), "note": None, "block_date": DAYS[0]},
        ],
        schema=ITEMS.arrow_schema,
    )
    warehouse.replace_with(ITEMS, DayWindow(DAYS[0], DAYS[0]), rows)
    assert warehouse.read(ITEMS, ALL).equals(rows)


def test_a_shrunken_and_an_emptied_day_leave_no_stale_row(warehouse, lake):
    for day in DAYS:
        _publish(lake, day, 1, 2, 3)
    _load(warehouse, lake, *DAYS)
    _publish(lake, DAYS[1], 2)
    _publish(lake, DAYS[2])
    _load(warehouse, lake, *DAYS[1:])
    assert warehouse.count_by_day(ITEMS, ALL) == {DAYS[0]: 3, DAYS[1]: 1}


def test_other_rows_than_the_manifest_lists_change_nothing(warehouse, lake):
    _publish(lake, DAYS[0], 1, 2)
    _load(warehouse, lake, DAYS[0])
    found = lake.open(ITEMS, [DAYS[0]])
    manifest = found.days[0].manifest
    lying = type(manifest)(**{**{name: getattr(manifest, name) for name in manifest.__struct_fields__}, "rows": 3})
    object.__setattr__(found.days[0], "manifest", lying)
    with pytest.raises(LoadRejected, match="2024-01-02: 2 instead of 3.*unchanged"):
        warehouse.replace(ITEMS, found)
    assert _numbers(warehouse, *DAYS) == [1, 2]


def test_rows_of_another_day_are_refused(warehouse):
    with pytest.raises(LoadRejected, match="2024-01-03.*were to replace 2024-01-02"):
        warehouse.replace_with(ITEMS, DayWindow(DAYS[0], DAYS[0]), items(DAYS[1], 1))


def test_killed_between_any_two_statements_the_old_day_or_the_new_one_stands(warehouse, lake, monkeypatch):
    _publish(lake, DAYS[0], 1, 2)
    _load(warehouse, lake, DAYS[0])
    _publish(lake, DAYS[0], 7)
    session = PostgresSession
    run, ends = session.run, []
    for dies_at in range(20):
        left = [dies_at]

        def dying(self, *arguments, left=left):
            if left[0] == 0:
                raise KilledError
            left[0] -= 1
            return run(self, *arguments)

        with monkeypatch.context() as patch:
            patch.setattr(session, "run", dying)
            try:
                _load(warehouse, lake, DAYS[0])
                ends.append("done")
            except KilledError:
                ends.append("killed")
        assert _numbers(warehouse, *DAYS) == ([7] if ends[-1] == "done" else [1, 2])
        if ends[-1] == "done":
            break
    assert ends.count("killed") >= 5
    assert ends[-1] == "done"


def test_two_loads_of_a_day_at_once_leave_one(warehouse, lake):
    _publish(lake, DAYS[0], *range(1000))
    start, failed = threading.Barrier(3), []

    def load():
        start.wait()
        try:
            _load(warehouse, lake, DAYS[0])
        except HeadwaterError as error:
            failed.append(error)

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert warehouse.count_by_day(ITEMS, ALL) == {DAYS[0]: 1000}


def test_columns_are_added_and_changed_types_refused(database, warehouse):
    with psycopg.connect(**database.address.parameters()) as connection:
        connection.execute("CREATE SCHEMA test")
        connection.execute("CREATE TABLE test.items (block_number bigint, block_date date)")
        connection.execute("INSERT INTO test.items VALUES (1, '2024-01-02')")
    warehouse.migrate(ITEMS)
    assert warehouse.read(ITEMS, ALL).to_pylist() == [
        {"block_number": 1, "amount": None, "note": None, "block_date": DAYS[0]}
    ]
    with psycopg.connect(**database.address.parameters()) as connection:
        connection.execute("ALTER TABLE test.items ALTER amount TYPE double precision")
    with pytest.raises(PermanentError, match=r"test\.items\.amount is double precision, declared as numeric\(38,0\)"):
        warehouse.migrate(ITEMS)


def test_a_migrated_table_needs_no_statement(warehouse, monkeypatch):
    warehouse.migrate(ITEMS)
    with warehouse.transaction() as session:
        assert warehouse._changes(session, ITEMS) == []


def test_roles_get_what_their_work_takes_and_no_more(database, warehouse, lake):
    mark = uuid.uuid4().hex  # roles are the server's, not the database's
    names = [f"{role}_{mark}" for role in ("loader", "dbt", "reader")]
    with psycopg.connect(**database.address.parameters(), autocommit=True) as connection:
        for name in names:
            connection.execute(f"CREATE ROLE {name} LOGIN")
    owner = PostgresWarehouse(database.address, Roles(*names))
    owner.migrate(ITEMS)
    owner.grant(ITEMS)
    _publish(lake, DAYS[0], 1, 2)

    loader, dbt, reader = (PostgresWarehouse(replace(database.address, user=name)) for name in names)
    _load(loader, lake, DAYS[0])
    assert _numbers(dbt, *DAYS) == _numbers(reader, *DAYS) == [1, 2]
    with dbt.transaction() as session:
        session.run("CREATE TABLE test.model AS SELECT 1 AS one")
    for client, statement in (
        (reader, "DELETE FROM test.items"),
        (reader, "CREATE TABLE test.mine (x int)"),
        (dbt, "DELETE FROM test.items"),
        (loader, "DROP TABLE test.items"),
    ):
        with pytest.raises(PermanentError, match="permission denied|must be owner"):
            with client.transaction() as session:
                session.run(statement)


def test_reading_what_was_never_loaded_says_so(warehouse):
    with pytest.raises(DayMissing, match="Materialize the warehouse tables"):
        warehouse.read(ITEMS, ALL)


def test_connections_say_what_they_do(warehouse):
    (row,) = warehouse.labelled("headwater run=1 asset=x").query("SHOW application_name").to_pylist()
    assert row["application_name"] == "headwater run=1 asset=x"
