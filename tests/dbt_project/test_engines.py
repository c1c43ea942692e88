"""The same models on DuckDB, PostgreSQL and Redshift (its stand-in), by dbt's real adapters: equal in every value."""

import pytest

from definitions import defs
from tests.conftest import EMPTY_DAY, SAMPLE_DAYS
from tests.standins.redshift.fixtures import IAM_ROLE
from tests.standins.runs import MARTS_AND_PARTS, QUIET

pytestmark = pytest.mark.xdist_group("dbt")
FIRST, SECOND, THIRD = SAMPLE_DAYS


@pytest.fixture(scope="session")
def expected(refreshed_engine):
    """What DuckDB builds from all days at once."""
    return refreshed_engine.marts()


def assert_same(found, expected):
    """Whole numbers and texts exactly, floating point to its last digits."""
    assert found.keys() == expected.keys()
    for model, rows in expected.items():
        assert rows
        assert len(found[model]) == len(rows), model
        for got, wanted in zip(found[model], rows, strict=True):
            close = {
                name: pytest.approx(value, rel=1e-14) if isinstance(value, float) else value
                for name, value in wanted.items()
            }
            assert got == close, model


@pytest.mark.parametrize("engine_name", ["postgres", "redshift"], indirect=True)
def test_any_order_of_days_twice_and_refreshed_equal_duckdb(engine, expected):
    engine.build(THIRD)
    engine.build(FIRST)
    engine.build(SECOND, EMPTY_DAY)
    assert_same(engine.marts(), expected)
    engine.build(FIRST, EMPTY_DAY)
    assert_same(engine.marts(), expected)
    engine.build(full_refresh=True)
    assert_same(engine.marts(), expected)


def test_redshift_gets_one_transaction_per_model_its_keys_and_a_readable_tag(on_redshift, redshift_standin):
    on_redshift.label = "headwater dbt run=42"
    on_redshift.build(full_refresh=True)
    seen = len(redshift_standin.statements)
    on_redshift.build(SECOND)
    statements = redshift_standin.statements[seen:]
    replaced = 0
    for model in MARTS_AND_PARTS:
        about = f'."{model}"'
        for index, deleted in enumerate(statements):
            if "delete from" in deleted.sql and about in deleted.sql:
                own = [statement.sql for statement in statements if statement.pid == deleted.pid]
                before, after = statements[:index], own[own.index(deleted.sql) + 1 :]
                opened = [s.sql for s in before if s.pid == deleted.pid and s.sql in ("BEGIN", "COMMIT", "rollback")]
                assert opened[-1] == "BEGIN"
                assert after[0].startswith("insert into")
                assert "COMMIT" in after
                replaced += 1
    assert replaced == len(MARTS_AND_PARTS) - 1  # all but the view
    tagged = on_redshift.warehouse.query("SELECT querytxt FROM stl_query WHERE label = 'headwater dbt run=42'")
    assert sum("model.headwater.daily_chain_metrics" in row["querytxt"] for row in tagged.to_pylist()) > 3
    layout = on_redshift.warehouse.query('SELECT "table", diststyle, sortkey1 FROM svv_table_info').to_pylist()
    assert {row["table"]: (row["diststyle"], row["sortkey1"]) for row in layout if row["table"] in MARTS_AND_PARTS} == {
        "aggregate_metrics_by_day": ("ALL", "day"),
        "aggregate_transaction_metrics_by_block": ("KEY(block_number)", "block_number"),
        "daily_chain_metrics": ("ALL", "day"),
        "daily_contract_metrics": ("ALL", "day"),
        "int_ethereum__daily_token_transfers": ("KEY(token_address)", "day"),
    }


@pytest.mark.parametrize(("moment", "text"), [("before", "insert into"), ("after", "comment on table")])
def test_a_model_cut_off_on_redshift_leaves_the_day_as_it_was(on_redshift, redshift_standin, moment, text):
    on_redshift.build(full_refresh=True)
    before = on_redshift.marts()["daily_contract_metrics"]
    database = on_redshift.warehouse.address.database
    with on_redshift.warehouse.transaction() as session:
        session.run(f"DELETE FROM ethereum.contracts WHERE block_date = DATE '{SECOND}'")
    with redshift_standin.cut(**{moment: f'{text} "{database}"."ethereum"."daily_contract_metrics"'}):
        on_redshift.build(SECOND, expect_success=False)
    assert on_redshift.marts()["daily_contract_metrics"] == before
    on_redshift.build(SECOND)
    assert on_redshift.marts()["daily_contract_metrics"] == [row for row in before if row["day"] != SECOND]


@pytest.mark.parametrize("engine_name", ["postgres", "redshift"], indirect=True)
def test_no_password_in_what_dbt_leaves_behind(engine, monkeypatch, capfd):
    planted = engine.warehouse.dbt_environment()
    (secret,) = {value for name, value in planted.items() if name.endswith("_PASSWORD")}
    monkeypatch.setenv("DBT_DEBUG", "1")
    monkeypatch.delenv("DBT_LOG_LEVEL_FILE")
    engine.build(FIRST)
    left = [path for path in engine.scratch.rglob("*") if path.is_file()]
    assert any(path.name == "dbt.log" for path in left)
    assert any(path.name == "daily_chain_metrics.sql" for path in left)
    assert [path for path in left if secret.encode() in path.read_bytes()] == []
    assert secret not in "".join(capfd.readouterr())


@pytest.mark.parametrize("engine_name", ["postgres", "redshift"], indirect=True)
def test_the_full_refresh_job_rebuilds_everything(engine, loaded, expected, monkeypatch):
    connection = engine.warehouse.dbt_environment() | {"WAREHOUSE": engine.warehouse.engine}
    for name, value in connection.items():
        monkeypatch.setenv(name.replace("_DBT_", "_"), value)  # one login for all
    monkeypatch.setenv("LAKE_URI", loaded.lake_uri)
    monkeypatch.setenv("REDSHIFT_IAM_ROLE", IAM_ROLE)
    monkeypatch.setenv("HEADWATER_HOME", str(engine.scratch))
    engine.build(FIRST)
    assert defs.resolve_job_def("ethereum_full_refresh_job").execute_in_process(run_config=QUIET).success
    assert_same(engine.marts(), expected)
