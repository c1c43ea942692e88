"""Tables that rows are merged into become as declared, or the difference is told."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.errors import PermanentError
from core.merging import Batch, Merge
from core.tables import Column, ColumnType, Table

NOW = datetime(2024, 1, 3, 1, tzinfo=UTC)
COINS = Table(
    system="test",
    name="coins",
    grain="one row per coin",
    description="Coins.",
    columns=(
        Column("coin", ColumnType.TEXT, "Coin.", nullable=False),
        Column("chain", ColumnType.TEXT, "Chain.", nullable=False),
        Column("price", ColumnType.NUMERIC, "Price."),
    ),
    key=("coin",),
    sort_key="coin",
    merge=Merge(history=True, one_current=("chain", "coin")),
    indexes=(("chain",),),
)


def _run(database, *statements):
    with database.transaction() as session:
        for statement in statements:
            session.run(statement)


def _indexes(database):
    found = database.records("SELECT indexname FROM pg_indexes WHERE schemaname = 'test' AND tablename = 'coins'")
    return {row["indexname"] for row in found}


def test_a_migrated_table_takes_no_statement(database):
    database.migrate(COINS)
    with database.transaction() as session:
        assert database._changes(session, COINS) == []


@pytest.mark.parametrize("table", ["coins", "coins_history"])
@pytest.mark.parametrize(
    ("column", "type_", "wanted"),
    [
        ("price", "double precision", "numeric"),
        ("price", "numeric(10,2)", "numeric"),
        ("revision", "integer", "bigint"),
        ("last_seen_at", "timestamp without time zone", "timestamp with time zone"),
    ],
)
def test_a_changed_type_is_refused_by_table_and_column(database, table, column, type_, wanted):
    database.migrate(COINS)
    _run(database, f"ALTER TABLE test.{table} ALTER {column} TYPE {type_}")
    said = rf"test\.{table}\.{column} is {type_}, declared as {wanted}\. .*ALTER TABLE".replace("(", r"\(").replace(
        "2)", r"2\)"
    )
    with pytest.raises(PermanentError, match=said):
        database.migrate(COINS)
    with pytest.raises(PermanentError, match=said):
        database.merge(COINS, Batch([{"coin": "a", "chain": "x", "price": 1}], "api"), "run", NOW)


def test_what_lacks_is_added_and_everything_else_left(database):
    database.migrate(COINS)
    _run(
        database,
        "ALTER TABLE test.coins DROP COLUMN price",
        "ALTER TABLE test.coins ADD COLUMN theirs text",
        "DROP TABLE test.coins_history",
        "DROP INDEX test.test_coins_chain, test.test_coins_one_current",
        "COMMENT ON COLUMN test.coins.coin IS 'old'",
    )
    database.migrate(COINS)
    assert "theirs" in database.columns("test.coins")
    assert database.columns("test.coins")["price"] == database.columns("test.coins_history")["price"] == "numeric"
    assert _indexes(database) == {"coins_pkey", "test_coins_chain", "test_coins_one_current"}
    with database.transaction() as session:
        assert database._changes(session, COINS) == []


def test_another_key_or_index_is_refused(database):
    database.migrate(COINS)
    object_ = replace(COINS, system="moved", schema="test", key=("coin", "chain"))
    with pytest.raises(PermanentError, match=r"primary key of test\.coins is coin, declared as coin, chain"):
        database.migrate(object_)
    _run(database, "DROP INDEX test.test_coins_chain", "CREATE INDEX test_coins_chain ON test.coins (price)")
    with pytest.raises(
        PermanentError, match=r"index test_coins_chain of test\.coins is on price, declared as on chain"
    ):
        database.migrate(COINS)


def test_nul_characters_are_taken_out_of_merged_rows_too(database):
    rows = [{"coin": "a", "chain": "x\0y", "price": 1}]
    assert database.merge(COINS, Batch(rows, "api"), "run", NOW).inserted == 1
    assert database.merge(COINS, Batch(rows, "api"), "run", NOW).unchanged == 1
    assert database.records("SELECT chain FROM test.coins") == [{"chain": "xy"}]
