"""Sessions are used again, and nobody can tell by what is left in them, or by servers that went meanwhile."""

import os
import threading
from contextlib import ExitStack

import psycopg
import pytest

from core.errors import LoadRejected
from resources.clients.postgres import connection as connection_module
from resources.clients.postgres.connection import connected
from resources.clients.postgres.kept import LONGEST_IDLE, MOST_IDLE, KeptSessions


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def sessions(monkeypatch, clock):
    """Of this test, by its own clock."""
    kept = KeptSessions(lambda: clock[0])
    monkeypatch.setattr(connection_module, "SESSIONS", kept)
    yield kept
    kept.let_go()


@pytest.fixture
def address(database, sessions):
    return database.address


def _process(address, label=None):
    with connected(address, label) as session:
        return session.run("SELECT pg_backend_pid() AS pid")[0]["pid"]


def _stop_after(session, statement):
    session.run(statement)
    raise KeyboardInterrupt


def test_transactions_after_one_another_share_a_session_and_find_nothing_of_each_other(address):
    first = _process(address)
    with connected(address, "headwater run=1") as session:
        assert session.run("SHOW application_name") == [{"application_name": "headwater run=1"}]
        session.run("CREATE TEMPORARY TABLE staged (n int)")
        session.run("SET search_path TO pg_catalog; SET timezone TO 'Asia/Tokyo'")
        session.run("SELECT pg_advisory_lock(7)")
        assert session.info.backend_pid == first
    with connected(address) as session:
        assert session.info.backend_pid == first
        assert session.run("SHOW application_name") == [{"application_name": "headwater"}]
        assert session.run("SHOW timezone") == [{"TimeZone": "UTC"}]
        assert session.run("SHOW search_path") == [{"search_path": '"$user", public'}]
        assert session.run("SELECT to_regclass('staged') AS found") == [{"found": None}]
        assert session.run("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'") == []


def test_a_table_that_is_altered_between_two_transactions_is_read_as_it_is_now(address):
    with connected(address) as session:
        session.run("CREATE TABLE altered (n int); INSERT INTO altered VALUES (1)")
    for _ in range(10):
        with connected(address) as session:
            for _ in range(10):
                session.run("SELECT * FROM altered")
    with psycopg.connect(**address.parameters()) as other:
        other.execute("ALTER TABLE altered ALTER n TYPE text")
    with connected(address) as session:
        assert session.run("SELECT * FROM altered") == [{"n": "1"}]


def test_a_session_whose_transaction_failed_is_not_used_again(address):
    first = _process(address)
    with pytest.raises(LoadRejected), connected(address) as session:
        session.run("CREATE TABLE kept (n int PRIMARY KEY); INSERT INTO kept VALUES (1), (1)")
    second = _process(address)
    assert second != first
    with pytest.raises(KeyboardInterrupt), connected(address) as session:
        _stop_after(session, "CREATE TABLE kept (n int)")
    with connected(address) as session:
        assert session.info.backend_pid not in (first, second)
        assert session.run("SELECT to_regclass('kept') AS found") == [{"found": None}]


def test_one_that_the_server_ended_while_it_was_idle_is_told_before_it_is_used(address):
    first = _process(address)
    with psycopg.connect(**address.parameters()) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", [first])
    assert _process(address) != first


def test_one_that_the_server_ends_after_the_commit_is_no_failure_of_what_was_committed(address):
    with psycopg.connect(**address.parameters(), autocommit=True) as other, connected(address) as session:
        session.run("CREATE TABLE committed (n int)")
        commit = session.commit

        def committed_then_ended():
            commit()
            other.execute("SELECT pg_terminate_backend(%s, 10000)", [session.info.backend_pid])

        session.commit = committed_then_ended
    with connected(address) as session:
        assert session.run("SELECT count(*) AS rows FROM committed") == [{"rows": 0}]


def test_none_is_used_that_was_idle_for_long(address, clock):
    first = _process(address)
    clock[0] += LONGEST_IDLE - 1
    assert _process(address) == first
    clock[0] += LONGEST_IDLE
    assert _process(address) != first


def test_transactions_at_once_have_their_own_and_few_stay(address, sessions):
    def open_now():
        with psycopg.connect(**address.parameters()) as other:
            counted = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"
            return other.execute(counted, [other.info.backend_pid]).fetchone()[0]

    many, start, seen = MOST_IDLE + 3, threading.Barrier(MOST_IDLE + 3), []

    def work():
        with connected(address) as session:
            seen.append(session.info.backend_pid)
            start.wait(60)

    threads = [threading.Thread(target=work) for _ in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == many
    with ExitStack() as together:
        again = {together.enter_context(connected(address)).info.backend_pid for _ in range(many)}
    assert len(again & set(seen)) == MOST_IDLE
    sessions.let_go()
    for _ in range(1000):  # the server hears of it by and by
        if open_now() == 0:
            break
    assert open_now() == 0


def test_a_process_that_is_forked_has_its_own_and_leaves_ours_alone(address):
    first = _process(address)
    if (child := os.fork()) == 0:
        other = 0
        try:
            other = _process(address)
        finally:
            os._exit(0 if other not in (0, first) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert _process(address) == first
