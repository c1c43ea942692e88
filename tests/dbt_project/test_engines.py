"""The same models on DuckDB, PostgreSQL and Redshift (its stand-in), by dbt's real adapters: equal in every value."""

import pytest

from tests.conftest import EMPTY_DAY, SAMPLE_DAYS
from tests.dbt_project import engines

FIRST, SECOND, THIRD = SAMPLE_DAYS


@pytest.fixture(scope="session")
def expected(loaded, tmp_path_factory):
    """What DuckDB builds from all days at once."""
    engine = engines.duckdb(loaded.home / "warehouse.duckdb", tmp_path_factory.mktemp("expected"))
    engine.build(full_refresh=True)
    return engine.marts()


def assert_same(found, expected):
    """Whole numbers and texts exactly, floating point to its last digits."""
    assert found.keys() == expected.keys()
    for model, rows in expected.items():
        assert len(found[model]) == len(rows), model
        for got, wanted in zip(found[model], rows, strict=True):
            close = {name: pytest.approx(value, rel=1e-14) if isinstance(value, float) else value for name, value in wanted.items()}
            assert got == close, model


@pytest.mark.parametrize("engine_name", ["postgres", "redshift"], indirect=True)
def test_any_order_of_days_twice_and_refreshed_equal_duckdb(engine, expected):
    engine.build(THIRD)
    engine.build(FIRST)
    engine.build(SECOND, EMPTY_DAY)
    assert_same(engine.marts(), expected)
    engine.build(SECOND)
    engine.build(FIRST, EMPTY_DAY)
    assert_same(engine.marts(), expected)
    engine.build(full_refresh=True)
    assert_same(engine.marts(), expected)
