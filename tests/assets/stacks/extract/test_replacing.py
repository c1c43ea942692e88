"""Days come out the same in any order, twice, at once, after a kill, and after a reorganisation that was followed."""

import random
import threading
from datetime import timedelta

import psycopg
import pytest

from assets.stacks.extract import published
from assets.stacks.extract.balances import compute_following, require_days
from assets.stacks.extract.days import FIRST_DAY, READINGS, load_day, span_of
from assets.stacks.extract.source import reorganised_days, require_sound
from assets.stacks.tables import FOLLOWING, FROM_NODE
from core.errors import DatabaseUnavailable, DayMissing, LoadRejected
from resources.clients.postgres import connection as connection_module
from resources.clients.postgres.connection import PostgresSession
from resources.clients.stacks.days import Reading, replace_day
from resources.clients.stacks.indexer import Snapshot
from sandbox.stacks.chain import make_chain
from sandbox.stacks.indexer import SCHEMA
from sandbox.stacks.story import Story
from tests.standins.stacks import fresh, indexer_of

STORY = Story(days=4, forks=0.2, empty_day=2)
DAYS = [FIRST_DAY + timedelta(number) for number in range(STORY.days)]


@pytest.fixture(scope="module")
def indexer(postgres_server):
    with indexer_of(postgres_server, make_chain(STORY)) as (made, _owner):
        yield made


def load(database, indexer, day):
    with indexer.snapshot() as snapshot:
        load_day(database, snapshot, day, span_of(snapshot, day))


def everything(database):
    names = [table.address for table in (*FROM_NODE, *FOLLOWING)]
    database.migrate(*FROM_NODE, *FOLLOWING)
    return {name: sorted(map(str, database.records(f"SELECT * FROM {name}"))) for name in names}


def filled(database, indexer, days=DAYS):
    for day in days:
        load(database, indexer, day)
    for day in DAYS:
        compute_following(database, day, legacy=False, everyone=False)
    return everything(database)


def test_any_order_and_a_second_time_give_the_same(postgres_server, database, indexer):
    in_order = filled(database, indexer)
    shuffled = [*random.Random(4).sample(DAYS, len(DAYS)), DAYS[1]]
    assert filled(fresh(postgres_server), indexer, shuffled) == in_order
    assert filled(database, indexer) == in_order
    assert all(in_order.values())


def test_a_day_follows_only_from_days_that_are_there(database, indexer):
    for day in (DAYS[0], DAYS[1], DAYS[3]):
        load(database, indexer, day)
    with pytest.raises(DayMissing, match=str(DAYS[2])):
        compute_following(database, DAYS[3], legacy=False, everyone=False)
    with pytest.raises(DayMissing, match=str(DAYS[2])):
        published.known_addresses(database, DAYS[3], legacy=False)
    with pytest.raises(DayMissing, match=str(DAYS[2])):
        published.tx_counts(database, DAYS[3], legacy=False)
    compute_following(database, DAYS[1], legacy=False, everyone=False)


class Killed(BaseException):
    """What a process sees that is ended."""


def killed_at(number):
    """Ends the writer's connection as it sends its statement of that number; counts them."""

    class Connection(PostgresSession):
        def execute(self, *arguments, **more):
            SENT.append(arguments[0])
            if len(SENT) == number:
                self.pgconn.finish()
                raise Killed
            return super().execute(*arguments, **more)

        def cursor(self, *arguments, **more):
            SENT.append("cursor")
            if len(SENT) == number:
                self.pgconn.finish()
                raise Killed
            return super().cursor(*arguments, **more)

    return Connection


SENT = []


def kills(monkeypatch, database, work):
    """Do the work, killed at its first statement, its second and so on, until it comes through."""
    before, number = everything(database), 0
    while True:
        number += 1
        SENT.clear()
        monkeypatch.setattr(connection_module, "PostgresSession", killed_at(number))
        try:
            work()
        except Killed:
            monkeypatch.setattr(connection_module, "PostgresSession", PostgresSession)
            yield number, everything(database) == before
        else:
            monkeypatch.setattr(connection_module, "PostgresSession", PostgresSession)
            return


@pytest.mark.slow
def test_a_kill_between_any_two_writes_leaves_the_old_day_or_the_new_one(
    postgres_server, database, indexer, monkeypatch
):
    filled(database, indexer)
    whole = everything(database)
    spoil(database)
    old = [unchanged for _, unchanged in kills(monkeypatch, database, lambda: load(database, indexer, DAYS[1]))]
    assert len(old) > 15
    assert all(old)
    following = [
        unchanged
        for _, unchanged in kills(
            monkeypatch, database, lambda: compute_following(database, DAYS[1], legacy=False, everyone=False)
        )
    ]
    assert len(following) > 8
    assert all(following)
    assert everything(database) == whole


def spoil(database):
    """A day as if it had been read before a reorganisation: other rows in every table."""
    with database.transaction() as connection:
        for statement in (
            "UPDATE stacks.daily_tx_count SET tx_count = tx_count + 1 WHERE day = %s",
            "DELETE FROM stacks.address_activity WHERE day = %s",
            "UPDATE stacks.stx_balance_delta SET delta_ustx = 7 WHERE day = %s",
            "DELETE FROM stacks.nft_daily WHERE day = %s",
            "UPDATE stacks.daily_addresses SET active = 0 WHERE day = %s",
            "DELETE FROM stacks.whale_historical_stx_balances WHERE day = %s",
            "UPDATE stacks.balance_totals SET nonzero_bals = 0 WHERE day = %s",
        ):
            connection.execute(statement, [DAYS[1]])


def test_a_statement_that_fails_in_the_middle_leaves_the_old_day(database, indexer):
    load(database, indexer, DAYS[1])
    before = everything(database)
    broken = [*READINGS[:-1], Reading(READINGS[-1].table, "SELECT %(day)s::date, 'asset', 1 / 0, 1")]
    with indexer.snapshot() as snapshot, pytest.raises(LoadRejected, match="division by zero"):
        replace_day(database, snapshot, DAYS[1], broken, vars(span_of(snapshot, DAYS[1])))
    assert everything(database) == before


def test_a_node_that_restarts_in_the_middle_of_a_day_is_named_and_leaves_the_old_day(
    postgres_server, database, indexer, monkeypatch
):
    filled(database, indexer)
    spoil(database)
    before = everything(database)
    copied = Snapshot.copied

    def restarted(self, statement, parameters):
        if "change GROUP BY address" in statement:
            with psycopg.connect(**postgres_server.parameters(), autocommit=True) as owner:
                owner.execute("SELECT pg_terminate_backend(%s)", [self.connection.info.backend_pid])
        yield from copied(self, statement, parameters)

    monkeypatch.setattr(Snapshot, "copied", restarted)
    with pytest.raises(DatabaseUnavailable, match=r"^Stacks database at .*terminat"):
        load(database, indexer, DAYS[1])
    monkeypatch.undo()
    assert everything(database) == before
    load(database, indexer, DAYS[1])
    assert everything(database) != before


def test_a_house_database_that_restarts_is_told_from_the_nodes(postgres_server, database, indexer):
    with indexer.snapshot() as snapshot:
        span = span_of(snapshot, DAYS[1])
        name = database.address.database
        cut = Reading(READINGS[1].table, "SELECT %(day)s::date, 1, 2")
        terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        copied = snapshot.copied

        def pieces(statement, parameters):
            """Ends the house's connection, as a restart of its server would."""
            with psycopg.connect(**postgres_server.parameters(), autocommit=True) as owner:
                owner.execute(terminate, [name])
            yield from copied(statement, parameters)

        object.__setattr__(snapshot, "copied", pieces)
        with pytest.raises(DatabaseUnavailable, match="^PostgreSQL at "):
            replace_day(database, snapshot, DAYS[1], [cut], vars(span))


def test_days_after_a_months_end_are_summed_from_its_checkpoint(postgres_server, database, monkeypatch):
    story = Story(days=20, blocks_a_day=3, beyond=2)
    days = [FIRST_DAY + timedelta(number) for number in range(story.days)]
    month = days[17]
    assert (month.day, (month + timedelta(1)).day) == (31, 1)

    def follow(house, of):
        for day in of:
            compute_following(house, day, legacy=False, everyone=False)

    def checkpoints(house):
        found = house.records("SELECT day, count(*) AS rows FROM stacks.balance_checkpoint GROUP BY 1")
        return {row["day"]: row["rows"] for row in found}

    with indexer_of(postgres_server, make_chain(story)) as (indexer, _owner):
        for day in days:
            load(database, indexer, day)
        without = fresh(postgres_server)
        for day in days:
            load(without, indexer, day)
        follow(database, days)
        assert list(checkpoints(database)) == [month]
        follow(without, [day for day in days if day != month])
        assert checkpoints(without) == {}
        for table in FOLLOWING:
            here, there = (
                sorted(map(str, one.records(f"SELECT * FROM {table.address} WHERE day > %s", [month])))
                for one in (database, without)
            )
            assert here == there != []
        # The days before are not looked at again.
        with database.transaction() as connection:
            connection.execute("DELETE FROM stacks.stx_balance_delta WHERE day < %s", [month])
        follow(database, days[18:])
        (total,) = database.records("SELECT total_ustx FROM stacks.balance_totals WHERE day = %s", [days[19]])
        assert total == without.records("SELECT total_ustx FROM stacks.balance_totals WHERE day = %s", [days[19]])[0]
        # Read anew, an earlier day takes the checkpoint with it, a later one does not.
        load(database, indexer, days[18])
        assert list(checkpoints(database)) == [month]
        load(database, indexer, days[5])
        assert checkpoints(database) == {}


def test_a_row_that_does_not_fit_is_refused_and_changes_nothing(database, indexer):
    load(database, indexer, DAYS[1])
    before = everything(database)
    null = [Reading(READINGS[1].table, "SELECT %(day)s::date, NULL::bigint, 1")]
    with indexer.snapshot() as snapshot, pytest.raises(LoadRejected, match=f"daily_tx_count .*{DAYS[1]}"):
        replace_day(database, snapshot, DAYS[1], null, {})
    assert everything(database) == before


WAITING = """
    SELECT count(*) AS count FROM pg_locks
    WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@pytest.mark.parametrize(("held", "works"), [("_shared", "balances"), ("", "day")])
def test_no_day_is_replaced_while_balances_are_summed(database, indexer, held, works):
    """Or a checkpoint could hold what a day held before: each of the two waits for the other."""
    before = filled(database, indexer)
    work = {
        "balances": lambda: compute_following(database, DAYS[1], legacy=False, everyone=False),
        "day": lambda: load(database, indexer, DAYS[1]),
    }
    thread = threading.Thread(target=work[works])
    with psycopg.connect(**database.address.parameters()) as other:
        other.execute(f"SELECT pg_advisory_xact_lock{held}(hashtext('stacks.balance_checkpoint'))")
        thread.start()
        while thread.is_alive() and not database.records(WAITING)[0]["count"]:
            thread.join(0.05)
        assert thread.is_alive()
    thread.join(60)
    assert not thread.is_alive()
    assert everything(database) == before


def test_two_runs_of_a_day_at_once_leave_one_set_of_rows(database, indexer):
    filled(database, indexer)
    alone = everything(database)
    failures = []

    def again():
        try:
            load(database, indexer, DAYS[0])
            compute_following(database, DAYS[3], legacy=False, everyone=False)
        except Exception as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=again) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert everything(database) == alone


# The last three canonical blocks of a day give way to others: theirs become orphans, and new ones take their heights.
REORGANISE = """
    CREATE TEMPORARY TABLE gone AS SELECT * FROM blocks WHERE canonical AND block_height > %(last)s - 3
        AND block_height <= %(last)s;
    UPDATE txs SET canonical = false WHERE index_block_hash IN (SELECT index_block_hash FROM gone);
    UPDATE stx_events SET canonical = false WHERE index_block_hash IN (SELECT index_block_hash FROM gone);
    UPDATE nft_events SET canonical = false WHERE index_block_hash IN (SELECT index_block_hash FROM gone);
    UPDATE blocks SET canonical = false WHERE index_block_hash IN (SELECT index_block_hash FROM gone);
    UPDATE miner_rewards SET canonical = false WHERE index_block_hash IN (SELECT index_block_hash FROM gone);
    INSERT INTO blocks (index_block_hash, block_hash, block_height, burn_block_time, burn_block_hash,
        burn_block_height, miner_txid, parent_index_block_hash, parent_block_hash, parent_microblock_hash,
        parent_microblock_sequence, canonical)
    SELECT sha256(index_block_hash), block_hash, block_height, burn_block_time, burn_block_hash, burn_block_height,
        miner_txid, CASE WHEN block_height = %(last)s - 2 THEN parent_index_block_hash
            ELSE sha256(parent_index_block_hash) END, parent_block_hash, parent_microblock_hash, 0, true FROM gone;
    UPDATE blocks SET parent_index_block_hash = sha256(parent_index_block_hash)
        WHERE canonical AND block_height = %(last)s + 1
"""


def test_a_reorganisation_is_noticed_and_followed(postgres_server, database):
    with indexer_of(postgres_server, make_chain(STORY)) as (indexer, owner):
        before = filled(database, indexer)
        assert stale(database, indexer) == {}
        with indexer.snapshot() as snapshot:
            last = span_of(snapshot, DAYS[-1]).last
        owner.execute(f"SET search_path = {SCHEMA}")
        with owner.transaction():
            psycopg.ClientCursor(owner).execute(REORGANISE, {"last": last})
        assert list(stale(database, indexer)) == [DAYS[-1]]
        with indexer.snapshot() as snapshot:
            for day in DAYS:
                require_sound(snapshot, day, span_of(snapshot, day))
        for day in DAYS[-2:]:  # as every night
            load(database, indexer, day)
            compute_following(database, day, legacy=False, everyone=False)
        assert stale(database, indexer) == {}
        after = everything(database)
        assert after != before
        assert after == filled(fresh(postgres_server), indexer)


def stale(database, indexer):
    with indexer.snapshot() as snapshot:
        return reorganised_days(snapshot, published.newest_ranges(database, 30))


def test_days_that_do_not_meet_are_told_from_days_that_do(database, indexer):
    for day in DAYS:
        load(database, indexer, day)
    require_days(database, DAYS[-1])
    with database.transaction() as connection:
        connection.execute("UPDATE stacks.block_range SET last_height = last_height + 1 WHERE day = %s", [DAYS[0]])
    with pytest.raises(DayMissing, match=str(DAYS[1])):
        require_days(database, DAYS[-1])
