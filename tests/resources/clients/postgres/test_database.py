import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import DatabaseUnavailable, LoadRejected, PermanentError
from core.merging import Batch, Merge
from core.tables import Column, ColumnType, Table
from core.windows import DayWindow
from resources.clients.postgres.connection import PostgresAddress, refuses_login
from resources.clients.postgres.database import Postgres

NOW = datetime(2024, 1, 3, 1, tzinfo=UTC)
DAY = date(2024, 1, 2)

PRICES = Table(
    system="test",
    name="prices",
    grain="one row per coin and day",
    description="Prices.",
    columns=(
        Column("coin", ColumnType.TEXT, "Coin.", nullable=False),
        Column("day", ColumnType.DATE, "Day.", nullable=False),
        Column("price", ColumnType.NUMERIC, "Price."),
    ),
    key=("coin", "day"),
    sort_key="day",
    merge=Merge(history=True),
    day_column="day",
)
CHAIN = Table(
    system="test",
    name="chain",
    grain="one row per block",
    description="Blocks.",
    columns=(
        Column("chain", ColumnType.TEXT, "Chain.", nullable=False),
        Column("hash", ColumnType.TEXT, "Hash.", nullable=False),
        Column("height", ColumnType.BIGINT, "Height.", nullable=False),
        Column("day", ColumnType.DATE, "Day.", nullable=False),
        Column("size", ColumnType.NUMERIC, "Size."),
    ),
    key=("chain", "hash"),
    sort_key="height",
    merge=Merge(one_current=("chain", "height")),
    day_column="day",
    indexes=(("chain", "day"),),
)
DAYS = Table(
    system="test",
    name="days",
    grain="one row per day and name",
    description="Replaced by the day.",
    columns=(
        Column("day", ColumnType.DATE, "Day.", nullable=False),
        Column("name", ColumnType.TEXT, "Name.", nullable=False),
        Column("amount", ColumnType.NUMERIC, "Amount."),
        Column("at", ColumnType.TIMESTAMP, "Time."),
    ),
    key=("day", "name"),
    sort_key="day",
    day_column="day",
)


def price(value, coin="bitcoin", day=DAY):
    return {"coin": coin, "day": day, "price": value if value is None else Decimal(value)}


def block(height, fork="a", chain="bitcoin", size=1):
    return {"chain": chain, "hash": f"{chain}-{height}-{fork}", "height": height, "day": DAY, "size": size}


def merge(database, table, rows, hours=0, run="run", **more):
    return database.merge(table, Batch(rows, "api", **more), run, NOW + timedelta(hours=hours))


def canonical(database):
    return database.records("SELECT * FROM test.chain WHERE NOT is_orphan ORDER BY chain, height")


def test_merging_twice_changes_nothing_and_says_so(database):
    rows = [price("42000.5"), price(None, "dogecoin"), price("1e-10", "ethereum")]
    first = merge(database, PRICES, rows)
    before = database.records("SELECT *, xmin FROM test.prices ORDER BY coin")
    second = merge(database, PRICES, rows, hours=5, run="another")
    assert (first.inserted, first.seen) == (3, 3)
    assert (second.unchanged, second.seen) == (3, 3)
    assert database.records("SELECT *, xmin FROM test.prices ORDER BY coin") == before
    assert [row["price"] for row in before] == [Decimal("42000.5"), None, Decimal("1e-10")]


def test_a_changed_value_keeps_the_old_one_in_history(database):
    merge(database, PRICES, [price("1"), price("2", "dogecoin")])
    merged = merge(database, PRICES, [price("1.5"), price("2.0", "dogecoin")], hours=1, run="later")
    assert (merged.updated, merged.unchanged) == (1, 1)
    (old,) = database.records("SELECT * FROM test.prices_history")
    (new,) = database.records("SELECT * FROM test.prices WHERE coin = 'bitcoin'")
    assert (old["price"], old["revision"], old["run_id"], old["replaced_at"]) == (1, 1, "run", NOW + timedelta(hours=1))
    assert (new["price"], new["revision"], new["run_id"]) == (Decimal("1.5"), 2, "later")
    assert (new["first_seen_at"], new["last_seen_at"]) == (NOW, NOW + timedelta(hours=1))


def test_a_reorganisation_and_its_reversal_leave_the_original_rows(database):
    merge(database, CHAIN, [block(1), block(2), block(3), block(2, chain="dogecoin")])
    before = canonical(database)
    reorganised = merge(database, CHAIN, [block(2, "b"), block(3, "b")], hours=1, run="reorg")
    assert (reorganised.inserted, reorganised.orphaned) == (2, 2)
    assert [row["hash"] for row in canonical(database)][:3] == ["bitcoin-1-a", "bitcoin-2-b", "bitcoin-3-b"]
    back = merge(database, CHAIN, [block(2), block(3)], hours=2, run="back")
    assert (back.updated, back.orphaned) == (2, 2)
    assert canonical(database) == before
    orphans = database.records("SELECT hash FROM test.chain WHERE is_orphan ORDER BY 1")
    assert [row["hash"] for row in orphans] == ["bitcoin-2-b", "bitcoin-3-b"]


def test_rows_a_complete_part_no_longer_has_lose_their_place(database):
    merge(database, CHAIN, [block(1), block(2), block(1, chain="dogecoin")])
    merged = merge(database, CHAIN, [block(1)], complete_for={"chain": "bitcoin", "day": DAY})
    assert (merged.unchanged, merged.orphaned) == (1, 1)
    assert [row["hash"] for row in canonical(database)] == ["bitcoin-1-a", "dogecoin-1-a"]


def test_contradictions_inside_a_batch_are_refused_and_nothing_is_written(database):
    merge(database, CHAIN, [block(1)])
    with pytest.raises(LoadRejected, match=r"chain, height.*bitcoin, 2"):
        merge(database, CHAIN, [block(2), block(2, "b")])
    with pytest.raises(LoadRejected, match="chain, hash"):
        merge(database, CHAIN, [block(2), block(2)])
    assert len(canonical(database)) == 1


def test_a_value_that_does_not_fit_is_refused_by_name(database):
    with pytest.raises(LoadRejected, match=r"test\.chain"):
        merge(database, CHAIN, [block(2**70)])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.dictionaries(st.tuples(st.sampled_from("xy"), st.integers(0, 4)), st.sampled_from("abc"), max_size=6),
        max_size=5,
    )
)
def test_one_block_at_a_height_whatever_the_order_of_forks(database, batches):
    """I13 and I14: after every commit one current block for each height seen, and every row in one count."""
    database.migrate(CHAIN)
    with database.transaction() as connection:
        connection.execute("TRUNCATE test.chain")
    newest: dict = {}
    for batch in batches:
        rows = [block(height, fork, chain) for (chain, height), fork in batch.items()]
        merged = merge(database, CHAIN, rows, rejected={"out of range": 2})
        newest |= {(row["chain"], row["height"]): row["hash"] for row in rows}
        assert merged.seen == len(rows) + 2
        assert {(row["chain"], row["height"]): row["hash"] for row in canonical(database)} == newest
        assert len(canonical(database)) == len(newest)


def test_two_writers_of_one_table_take_turns(database):
    database.migrate(CHAIN)
    failures = []

    def write(fork):
        try:
            for _ in range(5):
                merge(database, CHAIN, [block(height, fork) for height in range(20)])
        except Exception as error:  # noqa: BLE001 - reported below
            failures.append(error)

    threads = [threading.Thread(target=write, args=(fork,)) for fork in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(canonical(database)) == 20
    assert len({row["hash"][-1] for row in canonical(database)}) == 1


def frame(*rows):
    return pa.Table.from_pylist([dict(zip(("day", "name", "amount", "at"), row, strict=True)) for row in rows]).cast(
        DAYS.arrow_schema
    )


def test_replacing_days_leaves_exactly_the_new_rows_also_none(database):
    other = DAY + timedelta(days=1)
    database.replace_with(DAYS, DayWindow(other, other), frame((other, "kept", Decimal(1), NOW)))
    rows = frame((DAY, "a", Decimal("1.5"), NOW), (DAY, "b", None, None))
    for _ in range(2):
        database.replace_with(DAYS, DayWindow(DAY, DAY), rows)
        assert database.read(DAYS, DayWindow(DAY, DAY)).to_pylist() == rows.to_pylist()
    database.replace_with(DAYS, DayWindow(DAY, DAY), rows.slice(0, 0))
    assert [row["name"] for row in database.read(DAYS, None).to_pylist()] == ["kept"]


def test_rows_of_another_day_replace_nothing(database):
    with pytest.raises(LoadRejected, match="2024-01-02"):
        database.replace_with(DAYS, DayWindow(date(2024, 1, 5), date(2024, 1, 5)), frame((DAY, "a", None, None)))


def test_a_new_column_is_added_to_table_and_history(database):
    merge(database, PRICES, [price(1)])
    with database.transaction() as connection:
        connection.execute("ALTER TABLE test.prices DROP COLUMN price")
        connection.execute("ALTER TABLE test.prices_history DROP COLUMN price")
    merge(database, PRICES, [price(3)])
    merge(database, PRICES, [price(4)])
    assert database.records("SELECT price, revision FROM test.prices") == [{"price": 4, "revision": 3}]


def test_dbts_role_reads_the_raw_schema_and_cannot_write_it(database):
    database.migrate(RAW)
    as_dbt = {**database.address.parameters(), "user": "headwater_dbt"}
    with psycopg.connect(**as_dbt) as connection:
        assert connection.execute("SELECT count(*) FROM raw.thing").fetchall() == [(0,)]
        connection.execute("CREATE SCHEMA its_own")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM raw.thing")


RAW = Table(
    system="test",
    schema="raw",
    name="thing",
    grain="one row",
    description="Anything.",
    columns=(Column("id", ColumnType.BIGINT, "Id.", nullable=False),),
    key=("id",),
    sort_key="id",
    merge=Merge(),
)


def test_a_server_that_is_not_there_is_named_without_its_password():
    address = PostgresAddress("127.0.0.1", 1, "db", "somebody", "s3cret-word")
    with pytest.raises(DatabaseUnavailable, match=r"127\.0\.0\.1:1/db") as caught:
        Postgres(address).records("SELECT 1")
    assert "s3cret-word" not in f"{caught.value}{address!r}{Postgres(address).uri('a.b')}"


@pytest.mark.parametrize("wrong", [{"database": "nothing_there"}, {"user": "nobody_there"}])
def test_a_login_that_is_refused_is_not_tried_again(database, wrong):
    address = replace(database.address, **wrong)
    with pytest.raises(PermanentError, match=r"refuses .*does not exist.*Check POSTGRES_USER"):
        Postgres(address).records("SELECT 1")


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ('password authentication failed for user "etl"', True),
        ('Peer authentication failed for user "etl"', True),
        ('no pg_hba.conf entry for host "10.0.0.1", user "etl", database "d", no encryption', True),
        ('role "etl" is not permitted to log in', True),
        ('permission denied for database "d"', True),
        ("the database system is starting up", False),
        ("sorry, too many clients already", False),
    ],
)
def test_who_is_refused_is_told_from_a_server_that_does_not_answer(said, refused):
    failed = psycopg.OperationalError(
        f'connection failed: connection to server at "10.0.0.2", port 5432 failed: {said}'
    )
    assert refuses_login(failed) is refused


@pytest.mark.slow
def test_the_embedded_server_is_shared_and_outlives_the_process_that_started_it(tmp_path):
    program = (
        "import sys; from pathlib import Path; from resources.clients.postgres.embedded import embedded_postgres\n"
        "from resources.clients.postgres.database import Postgres\n"
        "db = Postgres(embedded_postgres(Path(sys.argv[1]))); print('up', flush=True)\n"
        "sys.stdin.readline(); print(db.records('SELECT 1 AS one'), flush=True)\n"
    )

    def start():
        return subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "home")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    first = start()
    assert first.stdout.readline() == "up\n"
    second = start()
    assert second.stdout.readline() == "up\n"
    assert first.communicate("\n")[0] == "[{'one': 1}]\n"
    assert second.communicate("\n")[0] == "[{'one': 1}]\n"
    assert not (tmp_path / "home" / "postgres" / "postmaster.pid").exists()
