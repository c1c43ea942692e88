"""A live table is wholly old or wholly new at every moment, through faults at every request, on either target."""

import csv
import multiprocessing
import signal
import threading
import uuid
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from core.errors import DiskRefused, InvalidAnswer, LoadRejected, SourceRefused, SourceUnavailable
from resources.clients.databridge.carto.sql_api import CartoAccount, SqlApi
from resources.clients.databridge.postgres_sql import PostgresSql
from resources.clients.databridge.replacing import Replacement, Wanted
from resources.clients.databridge.rolling_back import old_of, roll_back
from resources.clients.databridge.schema import Column, TableSchema
from sandbox.databridge.carto import KEY, USER, CartoServer, Dropped, Refused
from tests.standins.clock import ManualClock
from tests.standins.databridge import Poller, load_of_its_own

NOW = datetime(2024, 1, 2, tzinfo=UTC)
SCHEMA = TableSchema(
    (
        Column("id", "integer"),
        Column("label", "text"),
        Column("seen", "datetime"),
        Column("shape", "geometry", geometry_type="point", srid=2272),
    ),
    ("id",),
)


def shaped(kind, srid):
    return TableSchema((*SCHEMA.columns[:3], Column("shape", "geometry", geometry_type=kind, srid=srid)))


PLAIN = TableSchema(SCHEMA.columns[:3], ("id",))


@pytest.fixture
def carto(database):
    server = CartoServer(database.address.parameters())
    yield server
    server.stop()


def api(server, key=KEY):
    return SqlApi(CartoAccount(USER, key, server.base), ManualClock())


def data(tmp_path, version, rows, *, geometry=True):
    """A file whose every row names its version."""
    path = tmp_path / f"{uuid.uuid4().hex}.csv"
    shape = lambda number: f",SRID=2272;POINT({number} {number})" if geometry else ""  # noqa: E731
    lines = ["id,label,seen" + (",shape" if geometry else "")]
    lines += [f"{number},{version},2024-01-02 03:04:05.678901-05:00{shape(number)}" for number in range(rows)]
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode())
    return path


def wanted(version, rows, **more):
    defaults = {
        "schema": "public",
        "table": "benches",
        "columns": SCHEMA,
        "data": f"sha-{version}",
        "rows": rows,
        "extracted_at": f"2024-01-0{version}T00:00:00.000000Z",
        "indexes": ("id", "label+id", "shape"),
        "users": ("publicuser", "tileuser"),
        "cartodbfy": USER,
    }
    return Wanted(**{**defaults, **more})


def load(sql, tmp_path, version, rows, run=None, **more):
    want = wanted(version, rows, **more)
    path = data(tmp_path, version, rows, geometry=want.columns is SCHEMA)
    return Replacement(sql, want, run or uuid.uuid4().hex, NOW).load(path)


def query(database, statement):
    with psycopg.connect(**database.address.parameters(), autocommit=True) as connection:
        return connection.execute(statement.encode()).fetchall()


def tables(database):
    return [name for (name,) in query(database, "SELECT tablename FROM pg_tables WHERE schemaname='public' ORDER BY 1")]


def test_a_load_has_rows_indexes_grants_and_the_moment_to_its_fraction(carto, database, tmp_path):
    done = load(api(carto), tmp_path, 1, 25)
    assert (done.rows, done.unchanged, done.was_rows) == (25, False, None)
    indexes = [index for (index,) in query(database, "SELECT indexdef FROM pg_indexes WHERE tablename = 'benches'")]
    assert any(index.endswith("(id)") for index in indexes)
    assert any(index.endswith("(label, id)") for index in indexes)
    assert any("the_geom" in index for index in indexes)
    assert query(database, "SELECT has_table_privilege('tileuser', 'benches', 'SELECT')") == [(True,)]
    ((seen, geom),) = query(database, "SELECT seen, the_geom FROM benches WHERE id = 7")
    assert seen.astimezone(UTC) == datetime(2024, 1, 2, 8, 4, 5, 678901, tzinfo=UTC)
    assert geom == "SRID=2272;POINT(7 7)"
    assert tables(database) == ["benches"]


@pytest.mark.parametrize("times", [2, 4])
def test_loading_again_leaves_the_same_and_one_table_before(carto, database, tmp_path, times):
    for version in range(1, times + 1):
        done = load(api(carto), tmp_path, version, 10 + version)
        assert len(done.indexes) == 4  # cartodb_id, the_geom, and the two that were asked for
    assert tables(database) == ["benches", "benches_old"]
    assert query(database, "SELECT count(*), min(label) FROM benches") == [(10 + times, str(times))]
    assert query(database, "SELECT count(*), min(label) FROM benches_old") == [(9 + times, str(times - 1))]


def test_the_same_data_is_not_loaded_twice(carto, tmp_path):
    load(api(carto), tmp_path, 1, 5)
    before = len(carto.statements)
    assert load(api(carto), tmp_path, 1, 5).unchanged
    assert not [sql for sql in carto.statements[before:] if "CREATE" in sql or "COPY" in sql or "RENAME" in sql]
    assert not load(api(carto), tmp_path, 1, 5, users=("tileuser",)).unchanged


@pytest.mark.parametrize(
    "damage",
    [
        "REVOKE SELECT ON benches FROM tileuser",
        "DELETE FROM benches WHERE id = 1",
        (
            "DO $$ BEGIN EXECUTE (SELECT 'DROP INDEX ' || indexname FROM pg_indexes "
            "WHERE indexdef LIKE '%(label, id)'); END $$"
        ),
    ],
    ids=["grant", "row", "index"],
)
def test_the_same_data_is_loaded_again_where_the_live_table_was_damaged(carto, database, tmp_path, damage):
    load(api(carto), tmp_path, 1, 5)
    api(carto).run(damage)
    again = load(api(carto), tmp_path, 1, 5)
    assert not again.unchanged
    assert len(again.indexes) == 4
    assert load(api(carto), tmp_path, 1, 5).unchanged


def test_older_data_is_refused_before_and_in_the_swap(carto, database, tmp_path):
    load(api(carto), tmp_path, 3, 5)
    with pytest.raises(LoadRejected, match=r"newer than what was to be loaded.*Extract the table again"):
        load(api(carto), tmp_path, 2, 6)
    older = Replacement(api(carto), wanted(4, 6), "older", NOW)
    with pytest.raises(LoadRejected, match="holds newer data"):  # between its look and its swap another run swapped
        older.load(data(tmp_path, 4, 6), lambda was: load(api(carto), tmp_path, 5, 7))
    assert query(database, "SELECT count(*), min(label) FROM benches") == [(7, "5")]
    assert not [name for name in tables(database) if name.startswith("t_")]


def faults_at(number, moment, fault):
    count = iter(range(10_000))

    def plant(when, sql):
        if when == moment and next(count) == number:
            raise fault

    return plant


@pytest.mark.slow
def test_a_reader_sees_the_whole_old_or_new_table_through_faults_at_every_request(carto, database, tmp_path):
    load(api(carto), tmp_path, 1, 50)
    before = len(carto.statements)
    load(api(carto), tmp_path, 2, 60)
    requests = len(carto.statements) - before
    assert requests > 15
    reader, version, failed = Poller(database), 2, 0
    sizes = {2: 60}
    for moment in ("before", "after"):
        for number in range(requests):
            version = 3 if version == 2 else version + 1
            size = 50 + version
            fault = (Dropped(), Refused(429, "over limits"), Refused(500, "oops"))[number % 3]
            carto.fault = faults_at(number, moment, fault)
            label, stamp = version, f"2024-01-02T00:00:00.{version:06}Z"
            try:
                load(api(carto), tmp_path, label, size, extracted_at=stamp)
                sizes[version] = size
            except (SourceUnavailable, LoadRejected):
                failed += 1
                sizes[version] = size  # the swap's answer may have been lost
    carto.fault = lambda moment, sql: None
    load(api(carto), tmp_path, 999, 999, extracted_at="2024-01-03T00:00:00.000000Z")
    seen, refused = reader.stop()
    assert refused == []
    assert failed >= 2 * requests - 6
    assert len(seen) > 2
    for rows, labels, label, indexes in seen:
        assert (labels, indexes) == (1, 4)
        assert rows == {**sizes, 1: 50, 999: 999}[int(label)]
    assert query(database, "SELECT count(*) FROM benches") == [(999,)]


@pytest.fixture(scope="module")
def processes():
    """Where processes come from that have loaded the programs once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.standins.databridge"])
    return context


def started(processes, *arguments):
    process = processes.Process(target=load_of_its_own, args=arguments)
    process.start()
    return process


class Killer:
    """Kills the process whose request it is, which is carried out all the same."""

    def __init__(self, number):
        self.known, self.over, self.process = threading.Lock(), threading.Event(), None
        self._number, self._before, self._after = number, iter(range(10_000)), iter(range(10_000))

    def __call__(self, moment, sql):
        if moment == "before" and next(self._before) == self._number:
            with self.known:
                self.process.kill()
        if moment == "after" and next(self._after) == self._number:
            self.over.set()


@pytest.mark.slow
def test_a_reader_sees_the_whole_old_or_new_table_through_kills_at_every_request(carto, database, tmp_path, processes):
    """The process is killed while its request is on the way; the account carries it out all the same."""
    load(api(carto), tmp_path, 1, 50)
    reader, sizes, killed, alive = Poller(database), {1: 50}, 0, True
    account, number = (USER, KEY, carto.base), 0
    while alive:
        version, size = number + 2, 60 + number
        sizes[version] = size
        killer = carto.fault = Killer(number)
        want = wanted(version, size, extracted_at=f"2024-01-02T00:00:00.{version:06}Z")
        with killer.known:
            killer.process = started(processes, account, want, data(tmp_path, version, size), f"run {version}")
        killer.process.join()
        alive = killer.process.exitcode != 0
        if alive:
            assert killer.process.exitcode == -signal.SIGKILL
            assert killer.over.wait(20)
        killed += alive
        number += 1
    seen, refused = reader.stop()
    assert refused == []
    assert killed == number - 1 > 15
    assert {(rows, labels, indexes) for rows, labels, _, indexes in seen} == {
        (sizes[int(label)], 1, 4) for _, _, label, _ in seen
    }
    assert len(seen) > 1
    assert query(database, "SELECT count(*), min(label) FROM benches") == [(sizes[number + 1], str(number + 1))]


@pytest.mark.slow
def test_a_table_of_postgres_keeps_readers_grants_and_indexes_through_kills_after_every_call(
    database, tmp_path, processes
):
    parameters = database.address.parameters()
    sql = PostgresSql(parameters)
    more = {"columns": PLAIN, "cartodbfy": None, "indexes": ("id",), "users": ()}
    load(sql, tmp_path, 1, 50, **more)
    sql.run("DROP ROLE IF EXISTS reader; CREATE ROLE reader; GRANT SELECT ON benches TO reader")
    reader, sizes, number = Poller(database, "reader"), {1: 50}, 0
    while True:
        version, size = number + 2, 60 + number
        sizes[version] = size
        want = wanted(version, size, extracted_at=f"2024-01-02T00:00:00.{version:06}Z", **more)
        path = data(tmp_path, version, size, geometry=False)
        process = started(processes, parameters, want, path, f"run {version}", number)
        process.join()
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        number += 1
    seen, refused = reader.stop()
    assert refused == []
    assert number > 12
    assert {(rows, labels, indexes) for rows, labels, _, indexes in seen} == {
        (sizes[int(label)], 1, 1) for _, _, label, _ in seen
    }
    assert query(database, "SELECT count(*) FROM benches") == [(size,)]
    sql.run("DROP OWNED BY reader; DROP ROLE reader")
    sql.close()


def test_what_a_killed_load_left_is_swept_by_a_later_one(carto, database, tmp_path):
    left = Replacement(api(carto), wanted(1, 5), "killed", NOW - timedelta(days=2)).temporary
    fresh = Replacement(api(carto), wanted(1, 5), "running", NOW - timedelta(hours=1)).temporary
    query_none = f'CREATE TABLE "{left}" (a int); CREATE TABLE "{fresh}" (a int); CREATE TABLE t_precious (a int)'
    api(carto).run(query_none)
    load(api(carto), tmp_path, 1, 5)
    assert tables(database) == sorted(["benches", fresh, "t_precious"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"rows": 6}, "6 rows were staged, COPY took 5"),
        ({"users": ("nobody_knows",)}, "nobody_knows"),
        ({"indexes": ("no_such",)}, "no_such"),
        ({"columns": shaped("polygon", 2272)},
         "violates check"),
        ({"columns": shaped("point", 4326)},
         "violates check"),
        ({"columns": TableSchema((*SCHEMA.columns, Column("more", "text")))}, "columns|missing data"),
    ],
)  # fmt: skip
def test_what_does_not_fit_swaps_nothing(carto, database, tmp_path, change, reason):
    load(api(carto), tmp_path, 1, 4)
    want = wanted(2, **{"rows": 5, **change})
    with pytest.raises(LoadRejected, match=reason):
        Replacement(api(carto), want, "run", NOW).load(data(tmp_path, 2, 5))
    assert query(database, "SELECT count(*), min(label) FROM benches") == [(4, "1")]
    assert tables(database) == ["benches"]


def test_a_check_that_says_no_swaps_nothing(carto, database, tmp_path):
    load(api(carto), tmp_path, 1, 4)
    told = []

    def no(was):
        told.append(was)
        raise LoadRejected("no")

    with pytest.raises(LoadRejected, match="no"):
        Replacement(api(carto), wanted(2, 1), "run", NOW).load(data(tmp_path, 2, 1), no)
    assert told == [4]
    assert query(database, "SELECT count(*) FROM benches") == [(4,)]


def test_two_loads_of_one_table_at_once_end_as_one_of_them(carto, database, tmp_path):
    load(api(carto), tmp_path, 1, 4)
    errors = []

    def one(version):
        try:
            load(api(carto), tmp_path, version, 100 + version)
        except LoadRejected as error:
            errors.append(str(error))

    threads = [threading.Thread(target=one, args=(version,)) for version in (2, 3, 4, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert query(database, "SELECT count(*), count(DISTINCT label), min(label) FROM benches") == [(105, 1, "5")]
    assert all("newer" in error for error in errors)
    assert tables(database) == ["benches", "benches_old"]


def test_views_follow_the_live_table_and_materialized_ones_are_refused(carto, database, tmp_path):
    load(api(carto), tmp_path, 1, 4)
    api(carto).run("CREATE VIEW seats AS SELECT id, label FROM benches WHERE id > 1; GRANT SELECT ON seats TO tileuser")
    for version in (2, 3, 4):
        assert load(api(carto), tmp_path, version, 10).views == ["seats"]
        assert query(database, "SELECT count(*), min(label) FROM seats") == [(8, str(version))]
    assert query(database, "SELECT has_table_privilege('tileuser', 'seats', 'SELECT')") == [(True,)]
    roll_back(api(carto), "public", "benches")
    assert query(database, "SELECT min(label) FROM seats") == [("3",)]
    api(carto).run("CREATE MATERIALIZED VIEW frozen AS SELECT * FROM benches")
    with pytest.raises(LoadRejected, match="materialized view frozen"):
        load(api(carto), tmp_path, 5, 10)
    assert query(database, "SELECT min(label) FROM benches") == [("3",)]


def test_views_keep_their_options(carto, database, tmp_path):
    load(api(carto), tmp_path, 1, 4)
    api(carto).run("CREATE VIEW seats WITH (security_barrier) AS SELECT id FROM benches WHERE id > 1")
    load(api(carto), tmp_path, 2, 10)
    found = query(database, "SELECT reloptions FROM pg_class WHERE relname = 'seats'")
    assert found == [(["security_barrier=true"],)]


def test_who_may_read_a_table_of_postgres_may_after_each_load(database, tmp_path):
    sql = PostgresSql(database.address.parameters())
    more = {"columns": PLAIN, "cartodbfy": None, "indexes": ("id",), "users": ()}
    load(sql, tmp_path, 1, 4, **more)
    sql.run('DROP ROLE IF EXISTS "odd ""role"; CREATE ROLE "odd ""role"')
    sql.run('GRANT SELECT ON benches TO PUBLIC; GRANT SELECT, UPDATE ON benches TO "odd ""role" WITH GRANT OPTION')
    acl = "SELECT relacl::text FROM pg_class WHERE oid = 'benches'::regclass"
    before = query(database, acl)
    for version in (2, 3):
        load(sql, tmp_path, version, 5, **more)
        assert query(database, acl) == before
    sql.run('DROP OWNED BY "odd ""role"; DROP ROLE "odd ""role"')
    sql.close()


def test_grants_on_columns_stay_and_rules_that_would_be_lost_stop_the_load(database, tmp_path):
    sql = PostgresSql(database.address.parameters())
    more = {"columns": PLAIN, "cartodbfy": None, "indexes": ("id",), "users": ()}
    load(sql, tmp_path, 1, 4, **more)
    sql.run('DROP ROLE IF EXISTS narrow; CREATE ROLE narrow; GRANT SELECT (id, "label") ON benches TO narrow')
    sql.run("ALTER TABLE benches ADD COLUMN gone int; GRANT SELECT (gone) ON benches TO narrow")
    for version in (2, 3):
        load(sql, tmp_path, version, 5, **more)
        seen = ("id", "label", "seen")
        may = [
            query(database, f"SELECT has_column_privilege('narrow', 'benches', '{name}', 'SELECT')") for name in seen
        ]
        assert may == [[(True,)], [(True,)], [(False,)]]
    sql.run("CREATE FUNCTION kept() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
    for rule, undone, said in (
        ("ALTER TABLE benches ENABLE ROW LEVEL SECURITY", "ALTER TABLE benches DISABLE ROW LEVEL SECURITY", "policies"),
        ("CREATE TRIGGER audited BEFORE INSERT ON benches FOR EACH ROW EXECUTE FUNCTION kept()",
         "DROP TRIGGER audited ON benches", "the trigger audited"),
    ):  # fmt: skip
        sql.run(rule)
        with pytest.raises(LoadRejected, match=said):
            load(sql, tmp_path, 4, 6, **more)
        assert query(database, "SELECT count(*) FROM benches") == [(5,)]
        sql.run(undone)
    load(sql, tmp_path, 4, 6, **more)
    sql.run("DROP OWNED BY narrow; DROP ROLE narrow; DROP FUNCTION kept")
    sql.close()


def test_a_table_that_carto_has_no_time_to_vacuum_is_live_all_the_same(carto, database, tmp_path, caplog):
    def slow(moment, sql):
        if sql.startswith("VACUUM"):
            raise Refused(429, "You are over platform's limits: SQL query timeout error.")

    carto.fault = slow
    assert load(api(carto), tmp_path, 1, 5).rows == 5
    assert "was not analyzed, and is loaded all the same" in caplog.text
    assert tables(database) == ["benches"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_swap_that_carto_gives_up_or_whose_answer_is_lost_is_whole_and_the_next_run_goes_on(
    carto, database, tmp_path, moment
):
    load(api(carto), tmp_path, 1, 4)

    def timeout(when, sql):
        if when == moment and "RENAME TO" in sql:
            raise Refused(429, "SQL query timeout error.")

    carto.fault = timeout
    with pytest.raises(SourceUnavailable):
        load(api(carto), tmp_path, 2, 7)
    version = "1" if moment == "before" else "2"
    assert query(database, "SELECT DISTINCT label FROM benches") == [(version,)]
    carto.fault = lambda when, sql: None
    assert load(api(carto), tmp_path, 2, 7).unchanged is (moment == "after")
    assert query(database, "SELECT count(*), min(label) FROM benches") == [(7, "2")]
    assert tables(database) == ["benches", "benches_old"]


def test_a_reader_that_does_not_end_keeps_the_old_table_until_the_swap_is_given_up(
    carto, database, tmp_path, monkeypatch
):
    """The swap waits for whoever reads; Carto ends it after its time, and nothing has changed."""
    load(api(carto), tmp_path, 1, 4)
    monkeypatch.setattr("sandbox.databridge.carto.STATEMENT_SECONDS", 1)
    with psycopg.connect(**database.address.parameters()) as reading:
        reading.execute("SELECT count(*) FROM benches")
        with pytest.raises(SourceUnavailable, match="timeout"):
            load(api(carto), tmp_path, 2, 7)
        assert reading.execute("SELECT count(*), min(label) FROM benches").fetchone() == (4, "1")
    assert load(api(carto), tmp_path, 2, 7).rows == 7
    assert tables(database) == ["benches", "benches_old"]


def test_names_are_names_whatever_they_hold(carto, database, tmp_path):
    """Knack makes columns of labels; none of them is SQL."""
    odd = ['say "hi"', "a'); DROP TABLE benches; --", "$guard$ %s", "é" * 31, "na\\me; %", "select"]
    schema = TableSchema((Column("id", "integer"), *(Column(name, "text") for name in odd)))
    path = tmp_path / "odd.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([schema.names, ["1", *"abcdef"], ["2", *"ghijkl"]])
    for version in (1, 2):
        want = wanted(version, 2, columns=schema, indexes=(odd[3], f"{odd[0]}+{odd[5]}"))
        done = Replacement(api(carto), want, f"run {version}", NOW).load(path)
        assert len(done.indexes) == 4
    columns = query(database, "SELECT attname FROM pg_attribute WHERE attrelid = 'benches'::regclass AND attnum > 4")
    assert [name for (name,) in columns] == odd
    assert tables(database) == ["benches", "benches_old"]


def test_tables_of_one_run_whose_names_begin_alike_have_tables_of_their_own():
    names = {Replacement(None, wanted(1, 1, table=f"{'t' * 41}_{ending}"), "run", NOW).temporary for ending in "ab"}
    assert len(names) == 2


ODD_ANSWERS = [[], [{}], [{"exists": "yes", "comment": 3, "rows": "x", "may": 1, "indexdef": None, "tablename": 4}],
               [{"exists": True, "comment": "[" * 5000, "rows": 1.5}], [{"exists": True}] * 2]  # fmt: skip


@pytest.mark.parametrize("rows", ODD_ANSWERS, ids=range(len(ODD_ANSWERS)))
def test_answers_that_are_none_of_a_database_are_named(tmp_path, rows):
    class Odd:
        def __str__(self):
            return "Carto account phl"

        def run(self, sql):
            return rows

        def copy(self, sql, file):
            return 5

    with pytest.raises(InvalidAnswer, match="Carto account phl"):
        Replacement(Odd(), wanted(1, 5), "run", NOW).load(data(tmp_path, 1, 5))
    with pytest.raises(InvalidAnswer, match="Carto account phl"):
        roll_back(Odd(), "public", "benches")


def test_rolling_back_goes_to_the_table_before_and_forth_again(carto, database, tmp_path):
    with pytest.raises(LoadRejected, match=r"no .*benches_old.* to go back to"):
        roll_back(api(carto), "public", "benches")
    load(api(carto), tmp_path, 1, 4)
    load(api(carto), tmp_path, 2, 5)
    assert roll_back(api(carto), "public", "benches") == 4
    assert query(database, "SELECT has_table_privilege('publicuser', 'benches', 'SELECT')") == [(True,)]
    assert tables(database) == ["benches", old_of("benches")]
    assert roll_back(api(carto), "public", "benches") == 5


def test_a_wrong_key_is_refused_without_being_said(carto, tmp_path):
    with pytest.raises(SourceRefused) as refused:
        load(api(carto, "another-secret-key"), tmp_path, 1, 1)
    assert "another-secret-key" not in str(refused.value)


def test_a_disk_of_postgres_that_is_full_is_told_as_such(database, tmp_path):
    """By the server's own words, of a statement that says them."""
    full = "DO $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$"
    sql = PostgresSql(database.address.parameters())
    with pytest.raises(DiskRefused, match=r"No space left on device\. The live table is as it was; make room"):
        sql.run(full)
    sql.close()


def test_postgres_is_replaced_with_the_same_guarantees(carto, database, tmp_path):
    sql = PostgresSql(database.address.parameters())
    more = {"schema": "threeoneone", "columns": PLAIN, "cartodbfy": None, "indexes": ("id",), "users": ("tileuser",)}
    sql.run("CREATE SCHEMA threeoneone")
    for version in (1, 2, 3):
        load(sql, tmp_path, version, 5 + version, **more)
    assert load(sql, tmp_path, 3, 8, **more).unchanged
    found = query(database, "SELECT count(*), min(label) FROM threeoneone.benches")
    assert found == [(8, "3")]
    ((seen,),) = query(database, "SELECT seen FROM threeoneone.benches LIMIT 1")
    assert seen == datetime(2024, 1, 2, 3, 4, 5, 678901)
    with pytest.raises(LoadRejected, match="nobody_knows"):
        load(sql, tmp_path, 4, 5, **{**more, "users": ("nobody_knows",)})
    assert roll_back(sql, "threeoneone", "benches") == 7
    assert query(database, "SELECT tablename FROM pg_tables WHERE schemaname='threeoneone' ORDER BY 1") == [
        ("benches",), ("benches_old",)]  # fmt: skip
    sql.close()
