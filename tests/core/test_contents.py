"""Sums of columns are exact for whatever their values may be, and do not depend on how the rows came."""

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contents import Contents
from core.tables import Column, ColumnType, Table

WHOLE = {
    ColumnType.BIGINT: (st.integers(-(2**63), 2**63 - 1), int),
    ColumnType.DECIMAL: (st.integers(-(10**38) + 1, 10**38 - 1), Decimal),
    ColumnType.UINT256: (st.one_of(st.integers(0, 10**38), st.integers(0, 2**256 - 1)), str),
}


@pytest.mark.parametrize("kind", WHOLE, ids=lambda kind: kind.name)
@given(data=st.data())
def test_sums_are_those_of_python(kind, data):
    values, stored = WHOLE[kind]
    found = data.draw(st.lists(st.one_of(st.none(), values), max_size=8))
    column = Column("value", kind, "A number.")
    array = pa.array([None if value is None else stored(value) for value in found], column.arrow_field.type)
    rows = pa.table([array], schema=pa.schema([column.arrow_field]))
    table = _table(column)
    together, cut = Contents(), data.draw(st.integers(0, len(found)))
    together.add(rows, table)
    apart = [Contents(), Contents()]
    apart[0].add(rows.slice(0, cut), table)
    apart[1].add(rows.slice(cut), table)
    known = [value for value in found if value is not None]
    assert together == Contents(len(found), {"value": len(known)}, {"value": str(sum(known))})
    assert apart[0].plus(apart[1]) == together


class _Columns:
    """What of a table counts here."""

    def __init__(self, column):
        self.columns = (column,)


def _table(column) -> Table:
    return _Columns(column)
