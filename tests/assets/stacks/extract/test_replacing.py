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
from core.errors import DayMissing, LoadRejected
from resources.clients.stacks.days import Reading, replace_day
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


def test_a_kill_in_the_middle_leaves_the_old_day(database, indexer):
    load(database, indexer, DAYS[1])
    before = everything(database)
    broken = [*READINGS[:-1], Reading(READINGS[-1].table, "SELECT %(day)s::date, 'asset', 1 / 0, 1")]
    with indexer.snapshot() as snapshot, pytest.raises(LoadRejected, match="division by zero"):
        replace_day(database, snapshot, DAYS[1], broken, vars(span_of(snapshot, DAYS[1])))
    assert everything(database) == before


def test_a_row_that_does_not_fit_is_refused_and_changes_nothing(database, indexer):
    load(database, indexer, DAYS[1])
    before = everything(database)
    null = [Reading(READINGS[1].table, "SELECT %(day)s::date, NULL::bigint, 1")]
    with indexer.snapshot() as snapshot, pytest.raises(LoadRejected, match=f"daily_tx_count .*{DAYS[1]}"):
        replace_day(database, snapshot, DAYS[1], null, {})
    assert everything(database) == before


def test_two_runs_of_a_day_at_once_leave_one_set_of_rows(database, indexer):
    load(database, indexer, DAYS[0])
    alone = everything(database)
    failures = []

    def again():
        try:
            load(database, indexer, DAYS[0])
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
