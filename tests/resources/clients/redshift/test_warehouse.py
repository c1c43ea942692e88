"""Redshift as a warehouse: COPY from the lake, windows replaced in one transaction, failures that say where."""

import copy
import hashlib
import json
import re
import threading
from dataclasses import replace
from datetime import date, timedelta

import pyarrow as pa
import pytest

from assets.ethereum.tables import TABLES
from core.errors import (
    DatabaseUnavailable,
    DayMissing,
    LakeChanged,
    LoadRejected,
    PermanentError,
    SettingError,
    WarehouseBusy,
)
from core.frames import spooled
from core.sql.grants import Roles
from core.windows import DayWindow
from resources.clients.lake.lake import Lake
from resources.clients.lake.local_store import LocalObjectStore
from resources.clients.lake.s3_store import S3ObjectStore
from resources.clients.redshift.login import Login
from resources.clients.redshift.warehouse import Redshift, RedshiftAddress
from tests.standins.lakes import ITEMS, items, spooled_items
from tests.standins.redshift.wire import RedshiftError

DAYS = [date(2024, 1, day) for day in (2, 3, 4)]
ALL = DayWindow(DAYS[0], DAYS[-1])


def address_of(database, **more):
    login = Login(database.user, database.password)
    return RedshiftAddress(database.host, database.port, database.database, lambda: login, **more)


@pytest.fixture
def store(s3_bucket):
    return S3ObjectStore(s3_bucket, "headwater")


@pytest.fixture
def warehouse(redshift, store):
    return Redshift(address_of(redshift), store, redshift.iam_role)


@pytest.fixture(params=["parquet", "csv"])
def lake(request, clock, store):
    return Lake(store, request.param, clock)


@pytest.fixture
def parquet_lake(clock, store):
    return Lake(store, "parquet", clock)


@pytest.fixture
def csv_lake(clock, store):
    return Lake(store, "csv", clock)


def _publish(lake, day, *numbers, note="x"):
    spooled = spooled_items(day, *numbers, note=note)
    return lake.publish(ITEMS, spooled, spooled.days[0], "run")


def _load(warehouse, lake, *days):
    return warehouse.replace(ITEMS, lake.open(ITEMS, days))


def _numbers(warehouse, window=ALL):
    return [row["block_number"] for row in warehouse.read(ITEMS, window).to_pylist()]


def _copies(redshift):
    return [found for found in _statements(redshift) if found.startswith("COPY")]


def _statements(redshift):
    return [found.sql for found in redshift.standin.statements if found.database == redshift.database]


def _staged_keys(store):
    return [found.key for found in store.list("staging/")]


def test_loading_twice_is_loading_once(warehouse, lake, store):
    note = 'quotes", commas, \\N, back\\slashes and\nlines'
    _publish(lake, DAYS[0], 1, 2, note=note)
    _load(warehouse, lake, DAYS[0])
    once = warehouse.read(ITEMS, ALL)
    _load(warehouse, lake, DAYS[0])
    assert warehouse.read(ITEMS, ALL).equals(once)
    assert once.to_pylist() == items(DAYS[0], 1, 2, note=note).to_pylist()
    assert not _staged_keys(store)


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


def test_thirty_days_are_one_copy(warehouse, lake, redshift):
    days = [DAYS[0] + timedelta(days=distance) for distance in range(30)]
    for day in days:
        _publish(lake, day, 1, 2)
    _load(warehouse, lake, *days)
    assert len(_copies(redshift)) == 1
    assert warehouse.count_by_day(ITEMS, DayWindow(days[0], days[-1])) == dict.fromkeys(days, 2)


def test_a_load_is_one_transaction_that_counts_before_it_deletes(warehouse, parquet_lake, redshift):
    _publish(parquet_lake, DAYS[0], 1)
    warehouse.migrate(ITEMS)
    before = len(_statements(redshift))
    _load(warehouse, parquet_lake, DAYS[0])
    firsts = [found.split(" ", 1)[0].upper() for found in _statements(redshift)[before:]]
    load = firsts[len(firsts) - firsts[::-1].index("BEGIN") - 1 :]
    assert load == ["BEGIN", "SET", "CREATE", "COPY", "SELECT", "DELETE", "INSERT", "COMMIT"]


def test_the_manifest_given_to_copy_is_strict(warehouse, parquet_lake, store, redshift, monkeypatch):
    published = _publish(parquet_lake, DAYS[0], 1)
    kept = []
    monkeypatch.setattr(S3ObjectStore, "delete", lambda self, key: kept.append(key))
    _load(warehouse, parquet_lake, DAYS[0])
    (copied,) = _copies(redshift)
    (key,) = kept
    assert f"FROM '{store.uri(key)}' IAM_ROLE '{redshift.iam_role}' FORMAT AS PARQUET MANIFEST" in copied
    (file,) = published.files
    entry = {"url": store.uri(file.key), "mandatory": True, "meta": {"content_length": file.bytes}}
    assert json.loads(store.read(key)) == {"entries": [entry]}


def test_other_rows_than_the_manifest_lists_change_nothing(warehouse, lake):
    _publish(lake, DAYS[0], 1, 2)
    _load(warehouse, lake, DAYS[0])
    found = lake.open(ITEMS, [DAYS[0]])
    manifest = found.days[0].manifest
    lying = type(manifest)(**{**{name: getattr(manifest, name) for name in manifest.__struct_fields__}, "rows": 3})
    object.__setattr__(found.days[0], "manifest", lying)
    with pytest.raises(LoadRejected, match="2024-01-02: 2 instead of 3.*unchanged"):
        warehouse.replace(ITEMS, found)
    assert _numbers(warehouse) == [1, 2]


def test_frames_replace_their_window(warehouse, store):
    warehouse.replace_with(ITEMS, ALL, items(DAYS[0], 1, 2))
    rows = pa.concat_tables([items(DAYS[0], 3), items(DAYS[2], 4, note="é" * 40_000)])
    account = warehouse.replace_with(ITEMS, ALL, rows)
    assert warehouse.count_by_day(ITEMS, ALL) == {DAYS[0]: 1, DAYS[2]: 1}
    assert not account.get(DAYS[0])
    warehouse.replace_with(ITEMS, ALL, items(DAYS[0]))
    assert _numbers(warehouse) == []
    with pytest.raises(LoadRejected, match="2024-01-03.*were to replace 2024-01-02"):
        warehouse.replace_with(ITEMS, DayWindow(DAYS[0], DAYS[0]), items(DAYS[1], 1))
    assert not _staged_keys(store)


# Texts longer than a column holds.

TEXTS = ["short", "a" * 65_535, "a" * 65_536, "é" * 32_768, None, "", "€" * 21_845]
LENGTHS = [None, None, 65_536, 65_536, None, None, None]


def _publish_texts(lake, day):
    rows = pa.Table.from_pylist(
        [{"block_number": at, "amount": None, "note": text, "block_date": day} for at, text in enumerate(TEXTS)],
        schema=ITEMS.arrow_schema,
    )
    tables = spooled(ITEMS, rows, [day])
    lake.publish(ITEMS, tables, tables.days[0], "run")


def test_a_text_too_long_is_null_with_its_length_and_whole_in_the_lake(warehouse, lake, redshift, store):
    _publish_texts(lake, DAYS[0])
    _publish(lake, DAYS[1], 100)
    account = _load(warehouse, lake, *DAYS[:2])
    rows = redshift.query("SELECT note, note_bytes FROM test.items WHERE block_number < 100 ORDER BY block_number")
    held = [None if length else text for text, length in zip(TEXTS, LENGTHS, strict=True)]
    if lake.format == "csv":
        held = [text or None for text in held]  # the files do not tell null from empty
    assert [row["note"] for row in rows] == held
    assert [row["note_bytes"] for row in rows] == LENGTHS
    assert {day: dict(counts) for day, counts in account.items() if counts} == {DAYS[0]: {"note over 65535 bytes": 2}}
    assert [text or None for text in lake.open(ITEMS, [DAYS[0]]).table().column("note").to_pylist()] == [
        text or None for text in TEXTS
    ]
    assert len(_copies(redshift)) == 1
    assert not _staged_keys(store)


def test_a_long_text_where_none_is_declared_is_refused_with_its_place(warehouse, store, clock, redshift):
    table = replace(ITEMS, name="bounded", columns=tuple(replace(column, unbounded=False) for column in ITEMS.columns))
    rows = items(DAYS[0], 1, note="a" * 65_536)
    with pytest.raises(LoadRejected, match=r"COPY into test\.bounded failed.*note.*unchanged"):
        warehouse.replace_with(table, DayWindow(DAYS[0], DAYS[0]), rows)
    assert redshift.query("SELECT * FROM test.bounded") == []


# Files that are not what they should be.


def _corrupt(lake, day, change):
    """The day's file changed, and its manifest with it, as a faulty exporter would have left them."""
    manifest = lake.manifest(ITEMS, day)
    (file,) = manifest.files
    data = change(lake.store.read(file.key))
    lake.store.write(file.key, data)
    fields = {name: getattr(manifest, name) for name in manifest.__struct_fields__}
    entry = type(file)(file.key, file.rows, len(data), hashlib.sha256(data).hexdigest())
    lake.store.write(ITEMS.lake.manifest_key(day), type(manifest)(**fields | {"files": [entry]}).encode())


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ((b"\r\n6,", b"\r\nsix,"), "line 3, column block_number: Invalid digit"),
        ((b"7" + b"0" * 30, b"9" * 40), "line 4, column amount: .*(?i:overflow|range|digits|precision)"),
        ((b"6" + b"0" * 30 + b",x", b"6"), "line 3, column : .*(?i:delimiter|column)"),
    ],
    ids=["a word for a number", "a number too long", "a cell missing"],
)
def test_a_corrupt_csv_file_names_file_line_column_and_reason(warehouse, csv_lake, store, change, place):
    _publish(csv_lake, DAYS[0], 1, 2)
    _load(warehouse, csv_lake, DAYS[0])
    _publish(csv_lake, DAYS[0], 5, 6, 7)
    _corrupt(csv_lake, DAYS[0], lambda data: data.replace(*change))
    with pytest.raises(LoadRejected) as failed:
        _load(warehouse, csv_lake, DAYS[0])
    assert re.search(rf"File s3://.*/2024-01-02-0\.csv\.gz, {place}", str(failed.value)), str(failed.value)
    assert _numbers(warehouse) == [1, 2]
    assert not _staged_keys(store)


def test_serverless_names_the_place_as_well(warehouse, csv_lake, store, redshift):
    """From its own record of load errors: it has none of the other name."""
    serverless = Redshift(replace(warehouse.address, serverless=True), store, redshift.iam_role)
    _publish(csv_lake, DAYS[0], 5, 6)
    _corrupt(csv_lake, DAYS[0], lambda data: data.replace(b"\r\n6,", b"\r\nsix,"))
    with pytest.raises(LoadRejected, match=r"0\.csv\.gz, line 3, column block_number: Invalid digit"):
        _load(serverless, csv_lake, DAYS[0])
    assert not [found for found in _statements(redshift) if "stl_load_errors" in found]


def test_a_corrupt_parquet_file_names_file_and_reason(warehouse, parquet_lake, redshift):
    _publish(parquet_lake, DAYS[0], 1, 2)
    _load(warehouse, parquet_lake, DAYS[0])
    # ITEMS has a text of any length, whose files are read first; another table's go to Redshift unread.
    table = replace(ITEMS, name="numbers", columns=tuple(c for c in ITEMS.columns if c.name != "note"))
    rows = items(DAYS[0], 1).drop_columns(["note"])
    warehouse.replace_with(table, DayWindow(DAYS[0], DAYS[0]), rows)
    tables = spooled(table, rows.set_column(0, "block_number", pa.array([5])), [DAYS[0]])
    manifest = parquet_lake.publish(table, tables, tables.days[0], "run")
    key = manifest.files[0].key
    data = parquet_lake.store.read(key)
    parquet_lake.store.write(key, b"x" * len(data))
    with pytest.raises(LoadRejected, match=r"COPY into test\.numbers failed.*\.parquet") as failed:
        warehouse.replace(table, parquet_lake.open(table, [DAYS[0]]))
    assert key in str(failed.value)
    assert [row["block_number"] for row in redshift.query("SELECT block_number FROM test.numbers")] == [1]


def test_a_day_exported_anew_meanwhile_is_worth_another_try(warehouse, parquet_lake):
    """Its old files are gone by the time that COPY reads them."""
    found = _opened_bounded(parquet_lake)
    (file,) = found.days[0].manifest.files
    parquet_lake.store.delete(file.key)
    with pytest.raises(LakeChanged, match=file.key):
        warehouse.replace(found.table_, found)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("S3ServiceException:Please reduce your request rate.,Status 503,Error SlowDown,Rid 1", DatabaseUnavailable),
        ("S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid 1", SettingError),
    ],
)
def test_s3_in_trouble_and_s3_denied_are_told_apart(warehouse, parquet_lake, monkeypatch, said, kind):
    found = _opened_bounded(parquet_lake)

    def refuse(self, command):
        raise RedshiftError(said)

    monkeypatch.setattr("tests.standins.redshift.sources.S3.files", refuse)
    with pytest.raises(kind, match="cannot read the lake: S3ServiceException"):
        warehouse.replace(found.table_, found)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("53300", DatabaseUnavailable),  # too many connections
        ("57P01", DatabaseUnavailable),  # shutting down
        ("40001", WarehouseBusy),
        ("42601", LoadRejected),
    ],
)
def test_a_copy_fails_for_reasons_that_pass_and_others(warehouse, parquet_lake, monkeypatch, code, kind):
    found = _opened_bounded(parquet_lake)

    def refuse(self, command):
        raise RedshiftError("No.", code)

    monkeypatch.setattr("tests.standins.redshift.sources.S3.files", refuse)
    with pytest.raises(kind):
        warehouse.replace(found.table_, found)


def _opened_bounded(lake):
    """A day of a table whose texts all fit: its files go to Redshift unread."""
    table = replace(ITEMS, name="bounded_items", columns=tuple(c for c in ITEMS.columns if c.name != "note"))
    tables = spooled(table, items(DAYS[0], 1).drop_columns(["note"]), [DAYS[0]])
    lake.publish(table, tables, tables.days[0], "run")
    return lake.open(table, [DAYS[0]])


# Ends and conflicts.


def test_killed_between_any_two_statements_the_old_day_or_the_new_one_stands(warehouse, parquet_lake, redshift):
    _publish(parquet_lake, DAYS[0], 1, 2)
    _load(warehouse, parquet_lake, DAYS[0])
    _publish(parquet_lake, DAYS[0], 7)
    before = len(_statements(redshift))
    _load(warehouse, parquet_lake, DAYS[0])
    count = len(_statements(redshift)) - before
    _publish(parquet_lake, DAYS[0], 1, 2)
    _load(warehouse, parquet_lake, DAYS[0])
    _publish(parquet_lake, DAYS[0], 7)
    seen = set()
    for at in range(count):
        for moment in ("before", "after"):
            with redshift.standin.cut(**{moment: at}):
                with pytest.raises(DatabaseUnavailable, match="run again"):
                    _load(warehouse, parquet_lake, DAYS[0])
            numbers = _numbers(warehouse)
            seen.add(tuple(numbers))
            assert numbers in ([1, 2], [7]), (at, moment)
            assert (numbers == [7]) == (at == count - 1 and moment == "after")
    assert seen == {(1, 2), (7,)}


def test_a_serialization_conflict_is_worth_another_try(warehouse, redshift):
    warehouse.replace_with(ITEMS, ALL, items(DAYS[0], 1))

    def add(session, number):
        session.run("SELECT count(*) FROM test.items")
        session.run(f"INSERT INTO test.items (block_number, block_date) VALUES ({number}, '2024-01-03')")

    def two_at_once():
        with warehouse.transaction() as first:
            add(first, 2)
            with warehouse.transaction() as second:
                add(second, 3)

    with pytest.raises(WarehouseBusy, match="1023.*Run again"):
        two_at_once()
    assert warehouse.count_by_day(ITEMS, ALL) == {DAYS[0]: 1, DAYS[1]: 1}


def test_loads_at_once_leave_each_day_once(warehouse, parquet_lake):
    """Several runs of the same and of other days: each ends with its day, or is told to run again."""
    for day in DAYS:
        _publish(parquet_lake, day, *range(10))
    warehouse.migrate(ITEMS)
    start, failed = threading.Barrier(4), []

    def load(day):
        start.wait()
        try:
            _load(warehouse, parquet_lake, day)
        except WarehouseBusy:
            failed.append(day)

    threads = [threading.Thread(target=load, args=[day]) for day in (*DAYS, DAYS[0])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counted = warehouse.count_by_day(ITEMS, ALL)
    assert set(counted.values()) == {10}
    assert len(counted) + len(failed) >= 3
    for day in failed:
        _load(warehouse, parquet_lake, day)
    assert warehouse.count_by_day(ITEMS, ALL) == dict.fromkeys(DAYS, 10)


# Connections.


def test_nobody_answers(warehouse, store, redshift):
    nowhere = replace(warehouse.address, port=9)
    with pytest.raises(DatabaseUnavailable, match="REDSHIFT_HOST"):
        Redshift(nowhere, store, "default").query("SELECT 1 AS one")


def test_a_wrong_password_is_a_setting_and_is_not_shown(warehouse, store):
    wrong = replace(warehouse.address, login=lambda: Login("loader", "Wrong-secret-7"))
    with pytest.raises(SettingError, match="refuses the login.*REDSHIFT_USER") as failed:
        Redshift(wrong, store, "default").query("SELECT 1 AS one")
    assert "Wrong-secret-7" not in str(failed.value)
    assert "Wrong-secret-7" not in repr(wrong.login())


def test_connections_are_encrypted_and_verified_unless_told_otherwise(warehouse, store, redshift, monkeypatch):
    assert warehouse.query("SELECT 1 AS one").to_pylist() == [{"one": 1}]
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(DatabaseUnavailable, match="(?i)certificate.*REDSHIFT_SSLMODE"):
        warehouse.query("SELECT 1 AS one")
    monkeypatch.setattr(redshift.standin, "offers_tls", False)
    with pytest.raises(DatabaseUnavailable, match="refuses SSL.*REDSHIFT_SSLMODE"):
        warehouse.query("SELECT 1 AS one")
    plain = Redshift(replace(warehouse.address, sslmode="disable"), store, "default")
    assert plain.query("SELECT 1 AS one").to_pylist() == [{"one": 1}]


def test_statements_carry_the_label(warehouse, parquet_lake, redshift):
    _publish(parquet_lake, DAYS[0], 1)
    _load(warehouse.labelled("headwater run=r1 asset=it's"), parquet_lake, DAYS[0])
    ours = [found for found in redshift.standin.statements if found.database == redshift.database]
    (copied,) = (found for found in ours if found.sql.startswith("COPY"))
    assert copied.query_group == "headwater run=r1 asset=it's"


def test_a_lake_elsewhere_than_on_s3_is_refused(warehouse, tmp_path):
    with pytest.raises(SettingError, match="loads from S3 only"):
        Redshift(warehouse.address, LocalObjectStore(tmp_path), "default")


def test_reading_what_was_never_loaded_says_so(warehouse):
    with pytest.raises(DayMissing, match="Materialize the warehouse tables"):
        warehouse.read(ITEMS, ALL)


def test_what_dbt_is_told(warehouse, redshift):
    other = replace(warehouse.address, dbt_login=lambda: Login("dbt", "Dbt-secret-1"))
    told = Redshift(other, warehouse._store, "default").dbt_environment()
    assert (told["REDSHIFT_DBT_USER"], told["REDSHIFT_DBT_PASSWORD"]) == ("dbt", "Dbt-secret-1")
    assert warehouse.dbt_environment()["REDSHIFT_DBT_USER"] == redshift.user


# Migration.


def test_tables_are_laid_out_and_documented_as_declared(warehouse, redshift):
    warehouse.migrate(*TABLES)
    found = {row["table"]: row for row in redshift.query('SELECT "table", diststyle, sortkey1 FROM svv_table_info')}
    for table in TABLES:
        key = table.distribution_key
        assert found[table.name]["diststyle"] == (f"KEY({key})" if key else "ALL")
        assert found[table.name]["sortkey1"] == ("timestamp" if table.name == "blocks" else table.sort_key)
    assert {table.sort_key for table in TABLES} == {"timestamp", "block_number", "start_block"}
    with warehouse.transaction() as session:
        assert [warehouse._changes(session, table) for table in TABLES] == [[]] * len(TABLES)
    remarks = redshift.query(
        "SELECT remarks FROM svv_redshift_columns WHERE table_name = 'transactions' AND column_name = 'input_bytes'"
    )
    assert remarks == [
        {
            "remarks": "Length of input where it is over 65,535 bytes: it is null then, and whole in the lake. "
            "Unit: bytes."
        }
    ]


def test_columns_are_added_and_other_changes_refused_with_what_to_do(warehouse, redshift):
    with redshift.connect() as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE SCHEMA test")
        cursor.execute("CREATE TABLE test.items (block_number bigint, block_date date) SORTKEY (block_number)")
        cursor.execute("INSERT INTO test.items VALUES (1, '2024-01-02')")
        connection.commit()
    warehouse.migrate(ITEMS)
    assert warehouse.read(ITEMS, ALL).to_pylist() == [
        {"block_number": 1, "amount": None, "note": None, "block_date": DAYS[0]}
    ]
    assert list(warehouse.columns("test.items")) == ["block_number", "block_date", "amount", "note", "note_bytes"]
    moved = copy.copy(ITEMS)
    object.__setattr__(moved, "sort_key", "amount")
    with pytest.raises(PermanentError, match="by None and sorted by block_number.*None and amount.*ALTER SORTKEY"):
        warehouse.migrate(moved)
    with redshift.connect() as connection:
        connection.cursor().execute("ALTER TABLE test.items ADD COLUMN extra bigint")
        connection.commit()
    warehouse.migrate(ITEMS)  # columns of others are left alone
    with redshift.connect() as connection:
        connection.cursor().execute("DROP TABLE test.items")
        connection.cursor().execute("CREATE TABLE test.items (block_number integer) SORTKEY (block_number)")
        connection.commit()
    with pytest.raises(PermanentError, match="block_number is integer, declared as bigint.*Rename the table away"):
        warehouse.migrate(ITEMS)


def test_roles_get_what_their_work_takes_and_no_more(warehouse, redshift, store, parquet_lake):
    names = [f"{role}_{redshift.database}" for role in ("loader", "dbt", "reader")]
    for name in names:
        redshift.standin.create_user(name, "Role-secret-1")
    owner = Redshift(warehouse.address, store, redshift.iam_role, Roles(*names))
    owner.migrate(ITEMS)
    owner.grant(ITEMS)
    loader, dbt, reader = (
        Redshift(replace(warehouse.address, login=lambda name=name: Login(name, "Role-secret-1")), store, "default")
        for name in names
    )
    _publish(parquet_lake, DAYS[0], 1, 2)
    _load(loader, parquet_lake, DAYS[0])
    assert _numbers(dbt) == _numbers(reader) == [1, 2]
    with dbt.transaction() as session:
        session.run("CREATE TABLE test.model AS SELECT 1 AS one")
    for client, statement in (
        (reader, "DELETE FROM test.items"),
        (reader, "CREATE TABLE test.mine (x int)"),
        (dbt, "DELETE FROM test.items"),
        (loader, "DROP TABLE test.items"),
    ):
        with pytest.raises(PermanentError, match="migration_job as the owner"):
            with client.transaction() as session:
                session.run(statement)
