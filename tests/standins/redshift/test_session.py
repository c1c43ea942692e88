"""The wire: drivers, TLS and passwords, transactions and their isolation, connections that are cut off."""

import struct
import threading
from datetime import date
from decimal import Decimal

import psycopg
import psycopg2
import pytest
import redshift_connector

from tests.standins.redshift.conftest import refused, rows


def psycopg_parameters(redshift, **more):
    return {
        "host": redshift.host, "port": redshift.port, "dbname": redshift.database, "user": redshift.user,
        "password": redshift.password,
    } | more  # fmt: skip


@pytest.fixture(params=["redshift_connector", "psycopg", "psycopg2"])
def any_driver(request, redshift):
    """A connection by each driver, over TLS that it verifies."""
    trusted = {"sslmode": "verify-full", "sslrootcert": str(redshift.standin.authority)}
    opened = {
        "redshift_connector": lambda: redshift.connect(sslmode="verify-full"),
        "psycopg": lambda: psycopg.connect(**psycopg_parameters(redshift, **trusted)),
        "psycopg2": lambda: psycopg2.connect(**psycopg_parameters(redshift, **trusted)),
    }[request.param]()
    yield opened
    opened.close()


def test_every_driver_gets_every_type(any_driver):
    cursor = any_driver.cursor()
    cursor.execute(
        "create table t (a smallint, b bigint, c decimal(38,0), d double precision, e varchar(9), f boolean, g date)"
    )
    row = (1, 2**62, Decimal(10**37), 0.5, "é'\\%", True, date(2024, 1, 2))
    cursor.execute("insert into t values (%s, %s, %s, %s, %s, %s, %s)", row)
    any_driver.commit()
    cursor.execute("select * from t")
    assert tuple(cursor.fetchone()) == row
    for number in range(7):  # psycopg prepares what it sends often
        cursor.execute("select %s + 1", (number,))
        assert cursor.fetchone()[0] == number + 1


def test_every_driver_rolls_back_and_goes_on_after_an_error(any_driver):
    cursor = any_driver.cursor()
    cursor.execute("create table t (id bigint)")
    any_driver.commit()
    cursor.execute("insert into t values (1)")
    with pytest.raises(Exception, match="does not exist"):
        cursor.execute("insert into nowhere values (1)")
    with pytest.raises(Exception, match="current transaction is aborted"):
        cursor.execute("select 1")
    any_driver.rollback()
    cursor.execute("select count(*) from t")
    assert cursor.fetchone()[0] == 0


def test_several_statements_in_one_query_string(redshift):
    with psycopg2.connect(**psycopg_parameters(redshift)) as connected:
        cursor = connected.cursor()
        cursor.execute("create table t (id bigint distkey); insert into t values (1); select id from t")
        assert cursor.fetchall() == [(1,)]
        cursor.execute("truncate t; insert into t values (2), (3); select count(*) from t")
        assert cursor.fetchall() == [(2,)]


def test_psycopg_in_a_pipeline(redshift):
    with psycopg.connect(**psycopg_parameters(redshift)) as connected, connected.pipeline():
        connected.execute("create table t (id bigint sortkey)")
        for number in range(5):
            connected.execute("insert into t values (%s)", [number])
        assert connected.execute("select sum(id) from t").fetchone() == (10,)


def test_it_says_that_it_is_redshift(connection, redshift):
    cursor = connection.cursor()
    assert "Redshift 1.0" in rows(cursor, "select version()")[0][0]
    with psycopg.connect(**psycopg_parameters(redshift)) as connected:
        assert connected.info.server_version == 80002


def test_tls_is_verified_and_may_be_absent(redshift, monkeypatch):
    with redshift.connect(ssl=False):
        pass
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(Exception, match="certificate verify failed"):
        redshift.connect()
    monkeypatch.setattr(redshift.standin, "offers_tls", False)
    with pytest.raises(redshift_connector.InterfaceError, match="refuses SSL"):
        redshift.connect()
    with pytest.raises(psycopg.OperationalError, match="does not support SSL"):
        psycopg.connect(**psycopg_parameters(redshift, sslmode="require"))
    with psycopg.connect(**psycopg_parameters(redshift, sslmode="prefer")):
        pass


def test_logins(redshift):
    with pytest.raises(redshift_connector.InterfaceError, match="password authentication failed"):
        redshift.connect(password="wrong")
    with pytest.raises(redshift_connector.InterfaceError, match="password authentication failed"):
        redshift.connect(user="nobody")
    with pytest.raises(redshift_connector.ProgrammingError, match="does not exist"):
        redshift.connect(database="nowhere")
    with redshift.connect(user=f"IAM:{redshift.user}", password="temporary") as connected:
        assert rows(connected.cursor(), "select current_user") == [(redshift.user,)]


def test_truncate_commits(connection, redshift):
    cursor = connection.cursor()
    cursor.execute("create table t (id bigint)")
    cursor.execute("insert into t values (1)")
    connection.commit()
    cursor.execute("insert into t values (2)")
    cursor.execute("truncate table t")
    connection.rollback()
    assert redshift.query("select * from t") == []


def test_ddl_is_transactional_with_the_keys_it_declares(connection, redshift):
    cursor = connection.cursor()
    cursor.execute("create table t (id bigint distkey sortkey)")
    assert rows(cursor, "select diststyle from svv_table_info") == [("KEY(id)",)]
    connection.rollback()
    assert redshift.query("select * from svv_table_info") == []
    assert redshift.query("select * from redshift_standin.declared") == []


def test_two_writers_of_the_same_rows_are_a_serialization_failure(redshift):
    with redshift.connect() as one, redshift.connect() as two:
        first, second = one.cursor(), two.cursor()
        first.execute("create table t (id bigint)")
        first.execute("insert into t values (1)")
        one.commit()
        second.execute("select * from t")
        first.execute("delete from t")
        one.commit()
        said = refused(second, "delete from t")
        assert said.startswith("1023 Serializable isolation violation")


def test_a_reader_does_not_see_what_is_committed_after_it_began(redshift):
    with redshift.connect() as one, redshift.connect() as two:
        first, second = one.cursor(), two.cursor()
        first.execute("create table t (id bigint)")
        one.commit()
        assert rows(second, "select count(*) from t") == [(0,)]
        first.execute("insert into t values (1)")
        one.commit()
        assert rows(second, "select count(*) from t") == [(0,)]
        two.commit()
        assert rows(second, "select count(*) from t") == [(1,)]


# What the driver raises when the server is gone: where it reads an answer in one piece, a bare struct.error.
DRIVER_LOST = (redshift_connector.InterfaceError, struct.error)
STEPS = ("insert into t values (2)", "delete from t where id = 1", "insert into t values (3)")


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("at", range(5))  # begin, the three steps, commit
def test_a_connection_cut_anywhere_leaves_all_or_nothing(redshift, moment, at):
    with redshift.connect() as prepared:
        prepared.cursor().execute("create table t (id bigint)")
        prepared.cursor().execute("insert into t values (1)")
        prepared.commit()
    with redshift.standin.cut(**{moment: at}):
        connected = redshift.connect()
        with pytest.raises(DRIVER_LOST):
            _work(connected)
    committed = (moment, at) == ("after", 4)
    found = {row["id"] for row in redshift.query("select id from t")}
    assert found == ({2, 3} if committed else {1})
    executed = [s.sql for s in redshift.standin.statements if s.database == redshift.database]
    assert executed[-1].lower().startswith("select id")
    _work(redshift.connect())  # one cut, one connection
    assert {row["id"] for row in redshift.query("select id from t")} == {2, 3}


def _work(connected):
    cursor = connected.cursor()
    for step in STEPS:
        cursor.execute(step)
    connected.commit()
    connected.close()


def test_a_connection_is_cut_at_a_text(redshift, bucket):
    redshift.connect().cursor().execute("select 1")
    uri = bucket.put("in/file", b"1\n")
    with redshift.connect() as connected:
        cursor = connected.cursor()
        cursor.execute("create table t (id bigint)")
        connected.commit()
        with redshift.standin.cut(after="copy t"):
            with pytest.raises(DRIVER_LOST):
                cursor.execute(f"copy t from '{uri}' iam_role 'arn' csv")
    assert redshift.query("select * from t") == []
    (commit,) = redshift.query("select filename from stl_load_commits")
    assert commit["filename"] == uri


def test_query_groups_are_recorded(connection, redshift):
    cursor = connection.cursor()
    cursor.execute("set query_group to 'headwater loads blocks'")
    cursor.execute("select 41 + 1")
    assert rows(cursor, "show query_group") == [("headwater loads blocks",)]
    cursor.execute("reset query_group")
    cursor.execute("select 42 + 1")
    found = redshift.query("select label, querytxt from stl_query where querytxt like 'select 4%'")
    assert [(row["label"], row["querytxt"]) for row in found] == [
        ("headwater loads blocks", "select 41 + 1"),
        ("default", "select 42 + 1"),
    ]


def test_a_query_can_be_cancelled(redshift):
    done = threading.Event()
    with psycopg.connect(**psycopg_parameters(redshift)) as connected:

        def cancel():
            while not done.wait(0.05):
                connected.cancel_safe()

        cancelling = threading.Thread(target=cancel)
        cancelling.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connected.execute("select pg_sleep(60)")
        done.set()
        cancelling.join()
