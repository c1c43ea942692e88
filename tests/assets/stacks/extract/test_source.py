"""What users of indexers have met: blocks lost, forks counted twice, flags that disagree. Each is refused by name."""

from datetime import timedelta

import pytest
from psycopg import sql

from assets.stacks.extract import now
from assets.stacks.extract.days import FIRST_DAY, load_day, span_of
from assets.stacks.extract.source import reorganised_days, require_over, require_sound
from core.errors import DayIncomplete, InvalidAnswer, SourceInconsistent
from core.windows import end_of
from resources.clients.stacks.indexer import READ, Indexer
from sandbox.stacks.chain import make_chain
from sandbox.stacks.indexer import READER, SCHEMA
from sandbox.stacks.story import Story
from tests.standins.stacks import indexer_of

DAY = FIRST_DAY + timedelta(1)
FAULTS = {
    "DELETE FROM blocks WHERE canonical AND block_height = 30": "no canonical block of height 30",
    "UPDATE blocks SET canonical = true WHERE NOT canonical": "several canonical blocks of height",
    r"UPDATE blocks SET parent_index_block_hash = '\x00' WHERE canonical AND block_height = 31": "parent of canonical "
    "block 31",
    "UPDATE txs SET canonical = true WHERE NOT canonical": "canonical transactions of blocks that are not",
    "UPDATE stx_events SET canonical = true WHERE NOT canonical": "canonical STX events of blocks that are not",
    "UPDATE nft_events SET canonical = true WHERE NOT canonical": "canonical NFT events of blocks that are not",
    r"""INSERT INTO txs (tx_id, tx_index, index_block_hash, block_hash, block_height, parent_block_hash,
        burn_block_time, parent_burn_block_time, type_id, canonical, nonce, fee_rate, sponsored, sender_address,
        microblock_canonical, microblock_sequence, microblock_hash, parent_index_block_hash, burn_block_height)
    SELECT tx_id, 99, index_block_hash, block_hash, block_height, parent_block_hash, burn_block_time,
        parent_burn_block_time, 2, true, nonce, fee_rate, sponsored, sender_address, true, 1, '\xaa',
        parent_index_block_hash, burn_block_height FROM txs WHERE canonical AND block_height = 32""": "transactions "
    "counted twice",
    """INSERT INTO stx_events (event_index, tx_id, tx_index, block_height, index_block_hash, parent_index_block_hash,
        microblock_hash, microblock_sequence, microblock_canonical, canonical, asset_event_type_id, amount, sender,
        recipient)
    SELECT event_index, tx_id, tx_index, block_height, index_block_hash, parent_index_block_hash, microblock_hash,
        microblock_sequence, microblock_canonical, canonical, asset_event_type_id, amount, sender, recipient
    FROM stx_events WHERE canonical""": "STX events counted twice",
    """INSERT INTO nft_events (event_index, tx_id, tx_index, block_height, index_block_hash, parent_index_block_hash,
        microblock_hash, microblock_sequence, microblock_canonical, canonical, asset_event_type_id, asset_identifier,
        value, sender, recipient)
    SELECT event_index, tx_id, tx_index, block_height, index_block_hash, parent_index_block_hash, microblock_hash,
        microblock_sequence, microblock_canonical, canonical, asset_event_type_id, asset_identifier, value, sender,
        recipient
    FROM nft_events WHERE canonical""": "NFT events counted twice",
    "UPDATE txs SET microblock_canonical = false WHERE tx_id IN (SELECT tx_id FROM stx_events)": "STX events of "
    "transactions that do not count",
    "UPDATE txs SET canonical = false WHERE tx_id IN (SELECT tx_id FROM nft_events)": "NFT events of transactions that "
    "do not count",
    """INSERT INTO miner_rewards (block_hash, index_block_hash, from_index_block_hash, mature_block_height, canonical,
        recipient, coinbase_amount, tx_fees_anchored, tx_fees_streamed_confirmed, tx_fees_streamed_produced)
    SELECT block_hash, index_block_hash, from_index_block_hash, mature_block_height, canonical, recipient,
        coinbase_amount, tx_fees_anchored, tx_fees_streamed_confirmed, tx_fees_streamed_produced
    FROM miner_rewards""": "coinbases paid twice",
    "DELETE FROM stx_events WHERE asset_event_type_id = 1 AND canonical": "transfers without their event",
    "UPDATE chain_tip SET block_height = block_height - 1": "chain_tip names block",
}


@pytest.fixture(scope="module")
def opened(postgres_server):
    with indexer_of(postgres_server, make_chain(Story(days=2, forks=0.3))) as (indexer, owner):
        owner.execute(f"SET search_path = {SCHEMA}")
        yield indexer, owner


LAST = "(SELECT max(block_height) FROM blocks WHERE canonical AND burn_block_time < %(end)s)"


@pytest.mark.parametrize("lost", [f"= {LAST}", f"BETWEEN {LAST} - 2 AND {LAST} + 3"])
def test_blocks_lost_at_the_days_end_are_missed_though_the_day_seems_whole(opened, lost):
    indexer, owner = opened
    with owner.transaction(force_rollback=True):
        owner.execute(f"DELETE FROM blocks WHERE canonical AND block_height {lost}", {"end": end_of(DAY)})
        snapshot = _as_seen_by(owner, indexer)
        span = span_of(snapshot, DAY)
        require_over(snapshot, DAY, span)
        with pytest.raises(SourceInconsistent, match=f"no canonical block of height {span.last + 1}"):
            require_sound(snapshot, DAY, span)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_source_that_contradicts_itself_is_refused_by_name(opened, fault):
    indexer, owner = opened
    with owner.transaction(force_rollback=True):
        owner.execute(fault)
        problem = FAULTS[fault]
        # The reader sees only what is committed: look with the owner's eyes instead.
        snapshot = _as_seen_by(owner, indexer)
        with pytest.raises(SourceInconsistent, match=problem) as refused:
            require_sound(snapshot, DAY, span_of(snapshot, DAY))
        assert str(DAY) in str(refused.value)


def _as_seen_by(owner, indexer):
    from psycopg.rows import dict_row

    from resources.clients.stacks.indexer import Snapshot

    owner.row_factory = dict_row
    return Snapshot(owner, str(indexer))


TWICE = """
    INSERT INTO burnchain_rewards (canonical, burn_block_hash, burn_block_height, burn_amount, reward_recipient,
        reward_amount, reward_index)
    SELECT canonical, {}, burn_block_height, burn_amount, reward_recipient, reward_amount, reward_index + {}
    FROM burnchain_rewards WHERE burn_block_height = 666060
"""


OTHER_CYCLE = """
    INSERT INTO pox_cycles (block_height, index_block_hash, parent_index_block_hash, cycle_number, canonical,
        total_weight, total_stacked_amount, total_signers)
    SELECT block_height, sha256(index_block_hash), parent_index_block_hash, cycle_number, true, 1, 2, 3
    FROM pox_cycles WHERE cycle_number = 1
"""


@pytest.mark.parametrize(
    ("fault", "read", "problem"),
    [
        (TWICE.format("burn_block_hash", 0), lambda one: now.bitcoin_blocks(one, 0), "Bitcoin block 666060 twice"),
        (TWICE.format("sha256(burn_block_hash)", 9), lambda one: now.bitcoin_blocks(one, 0), "block 666060 twice"),
        (
            OTHER_CYCLE,
            now.stacked_by_cycle,
            "cycle 1 twice",
        ),
    ],
)
def test_bitcoins_side_is_not_counted_twice_either(opened, fault, read, problem):
    indexer, owner = opened
    with owner.transaction(force_rollback=True):
        owner.execute(fault)
        with pytest.raises(SourceInconsistent, match=problem):
            read(_as_seen_by(owner, indexer))


def test_a_day_is_not_believed_before_the_chain_has_left_it(opened):
    indexer, _ = opened
    day = FIRST_DAY + timedelta(2)
    with indexer.snapshot() as snapshot, pytest.raises(DayIncomplete, match=str(day)):
        require_over(snapshot, day, span_of(snapshot, day))


def test_a_column_that_is_gone_is_named(opened):
    indexer, owner = opened
    owner.execute("ALTER TABLE txs RENAME COLUMN fee_rate TO fee")
    try:
        with pytest.raises(InvalidAnswer, match=r"txs\.fee_rate"), indexer.snapshot():
            pass
    finally:
        owner.execute("ALTER TABLE txs RENAME COLUMN fee TO fee_rate")


@pytest.mark.parametrize(
    ("column", "type", "named"),
    [
        ("fee_rate", "text", r"txs\.fee_rate is text, not bigint"),
        ("canonical", "int USING 1", r"txs\.canonical is integer"),
    ],
)
def test_a_column_of_another_type_is_named(opened, column, type, named):
    indexer, owner = opened
    owner.execute(
        "CREATE TABLE kept AS SELECT * FROM txs; ALTER TABLE txs RENAME TO true_txs; ALTER TABLE kept RENAME TO txs"
    )
    try:
        owner.execute(f"GRANT SELECT ON txs TO {READER}; ALTER TABLE txs ALTER COLUMN {column} TYPE {type}")
        with pytest.raises(InvalidAnswer, match=named), indexer.snapshot():
            pass
    finally:
        owner.execute("DROP TABLE txs; ALTER TABLE true_txs RENAME TO txs")


@pytest.mark.parametrize("schema", ["Stacks", "stacks-api", "my stacks", 'odd"one', "back\\slash", "a,b"])
def test_a_schema_of_any_name_is_read(opened, schema):
    indexer, owner = opened
    rename = sql.SQL("ALTER SCHEMA {} RENAME TO {}")
    owner.execute(rename.format(sql.Identifier(SCHEMA), sql.Identifier(schema)))
    try:
        with Indexer(indexer.address, schema, 60).snapshot() as snapshot:
            assert now.require_tip(snapshot).height > 0
            assert snapshot.record("SHOW statement_timeout") == {"statement_timeout": "1min"}
    finally:
        owner.execute(rename.format(sql.Identifier(schema), sql.Identifier(SCHEMA)))


def test_columns_that_come_new_change_nothing(opened):
    indexer, owner = opened
    owner.execute("ALTER TABLE txs ADD COLUMN of_2027 bytea NOT NULL DEFAULT ''")
    try:
        with indexer.snapshot() as snapshot:
            require_sound(snapshot, DAY, span_of(snapshot, DAY))
    finally:
        owner.execute("ALTER TABLE txs DROP COLUMN of_2027")


def test_nothing_is_read_but_the_columns_that_are_looked_for(database, opened):
    """With a role that may see these alone, every statement of the room still runs."""
    indexer, owner = opened
    owner.execute(f"REVOKE SELECT ON ALL TABLES IN SCHEMA {SCHEMA} FROM {READER}")
    for table, kinds in READ.items():
        owner.execute(f"GRANT SELECT ({', '.join(' '.join(kinds.values()).split())}) ON {table} TO {READER}")
    try:
        with indexer.snapshot() as snapshot:
            span, tip = span_of(snapshot, DAY), now.require_tip(snapshot)
            require_over(snapshot, DAY, span)
            require_sound(snapshot, DAY, span)
            reorganised_days(snapshot, [{"day": DAY, "last_height": 1, "last_block": ""}])
            load_day(database, snapshot, DAY, span)
            now.whale_movements(snapshot, legacy=False)
            now.transactions_by_block(snapshot, tip.height, 5, legacy=False)
            now.microblocks_by_day(snapshot)
            now.waiting(snapshot)
            now.transaction_totals(snapshot, tip.time, legacy=False)
            now.mined_blocks(snapshot, tip.height)
            now.bitcoin_blocks(snapshot, 0)
            now.stacked_by_cycle(snapshot)
            now.burn_times(snapshot, [tip.burn_height])
            now.recent_mints(snapshot, tip.height, 5)
            now.holders(snapshot, 5)
    finally:
        owner.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} TO {READER}")


def test_a_table_that_may_not_be_read_is_named(opened):
    indexer, owner = opened
    owner.execute(f"REVOKE SELECT ON nft_custody FROM {READER}")
    try:
        with pytest.raises(InvalidAnswer, match="nft_custody"), indexer.snapshot():
            pass
    finally:
        owner.execute(f"GRANT SELECT ON nft_custody TO {READER}")


def test_nothing_can_be_written_through_it(opened):
    indexer, _ = opened
    with indexer.snapshot() as snapshot, pytest.raises(Exception, match="read-only"):
        snapshot.records("CREATE TEMPORARY TABLE made (id int)")
