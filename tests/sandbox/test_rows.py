"""Rows for tests: of every declared table, with the values that were given."""

from datetime import date
from decimal import Decimal

import pytest

from assets.ethereum.tables import TRANSACTIONS
from core.tables import declared_tables
from definitions import ROOMS
from sandbox.rows import fake_rows

TABLES = declared_tables()
DAY = date(2024, 1, 3)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.address)
def test_rows_of_every_table_fit_its_schema_and_its_key(table):
    assert ROOMS
    rows = fake_rows(table, 5, **({table.day_column: DAY} if table.day_column in table.arrow_schema.names else {}))
    rows.validate(full=True)
    assert rows.schema == table.arrow_schema
    days = [name for name in table.key if table.column(name).type.value == "DATE"]
    if set(table.key) - set(days):
        assert len({tuple(row[name] for name in table.key) for row in rows.to_pylist()}) == 5


def test_given_values_stand():
    rows = fake_rows(TRANSACTIONS, 2, value=[Decimal(10**37), Decimal(0)], block_date=DAY).to_pylist()
    assert [row["value"] for row in rows] == [10**37, 0]
    assert [row["hash"] for row in rows] == ["hash 0", "hash 1"]
    assert {row["block_date"] for row in rows} == {DAY}


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"vlaue": 1}, "ethereum.transactions has no column vlaue"),
        ({"value": [1]}, "value: 1 values for 2 rows"),
        ({"hash": None}, "hash may not be null"),
        ({"nonce": "many"}, "nonce: "),
        ({"nonce": 2**63}, "nonce: "),
    ],
)
def test_what_does_not_fit_is_named(columns, said):
    with pytest.raises(ValueError, match=said):
        fake_rows(TRANSACTIONS, 2, **columns)
