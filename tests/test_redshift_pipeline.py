"""From the node to daily metrics on S3 and Redshift, by settings alone: nothing is replaced but the servers."""

import hashlib
import re
from dataclasses import replace
from datetime import date, timedelta

import dagster as dg
import pyarrow as pa
import pytest

from assets.ethereum.tables import BLOCKS, LOGS, TABLES, TRANSACTIONS
from core.errors import PermanentError, SettingError
from core.frames import spooled
from core.windows import DayWindow
from jobs.ethereum import ethereum_migration_job
from resources import retries
from resources.clients.redshift.login import Login
from resources.io_managers.selected import WarehouseIOManager
from resources.stages import resources_for
from tests.conftest import EMPTY_DAY, SAMPLE_DAYS
from tests.dbt_project.test_engines import assert_same
from tests.standins.runs import LAKE, MARTS, QUIET, WAREHOUSE, ConfiguredGraph, Graph

LONGEST = 65_535
LONG_TEXTS = [(table, column) for table in TABLES for column in table.columns if column.unbounded]


@pytest.fixture
def configured(node_uri, s3_bucket, redshift, monkeypatch, tmp_path):
    """Settings of the stage ``test``, and the graph that they make."""
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path / "home"))
    monkeypatch.setitem(retries.RETRIES, "test", retries.Retries(1, 0))
    uri = f"s3://{s3_bucket}/headwater"
    for name, value in {
        "HEADWATER_STAGE": "test",
        "ETHEREUM_PROVIDER_URI": node_uri,
        "LAKE_URI": uri,
        "WAREHOUSE": "redshift",
        "REDSHIFT_HOST": redshift.host,
        "REDSHIFT_PORT": str(redshift.port),
        "REDSHIFT_DATABASE": redshift.database,
        "REDSHIFT_USER": redshift.user,
        "REDSHIFT_PASSWORD": redshift.password,
        "REDSHIFT_IAM_ROLE": redshift.iam_role,
    }.items():
        monkeypatch.setenv(name, value)
    return ConfiguredGraph(tmp_path, node_uri, lake_uri=uri)


@pytest.fixture
def reader(configured, redshift, monkeypatch):
    """A warehouse seen by a role that may read; nothing is there yet."""
    name = f"reader_{redshift.database}"
    redshift.standin.create_user(name, "Reader-secret-1")
    monkeypatch.setenv("WAREHOUSE_READER_ROLE", name)
    seen = configured.warehouse
    seen.address = replace(seen.address, login=lambda: Login(name, "Reader-secret-1"))
    return seen


def _copies(redshift):
    """The COPY statements so far, by table."""
    found = [s.sql for s in redshift.standin.statements if s.database == redshift.database and s.sql.startswith("COPY")]
    return [re.match(r"COPY staged_(\w+)", statement).group(1) for statement in found]


def _as_redshift_holds(rows):
    """What Redshift holds of the rows: the longest texts are null."""
    return {
        table: [
            {
                name: None if isinstance(value, str) and len(value.encode()) > LONGEST else value
                for name, value in row.items()
            }
            for row in found
        ]
        for table, found in rows.items()
    }


def _ordered(rows):
    return {table: sorted(map(str, found)) for table, found in rows.items()}


@pytest.mark.slow
def test_node_to_metrics_equals_duckdb_and_a_second_run_changes_nothing(configured, redshift, reader, tmp_path):
    configured.run(LAKE, *SAMPLE_DAYS)
    result = configured.run(WAREHOUSE, *SAMPLE_DAYS)
    told = [event.materialization.metadata for event in result.get_asset_materialization_events()]
    assert (
        sum(metadata["input over 65535 bytes"].value for metadata in told if "input over 65535 bytes" in metadata) > 0
    )
    assert sorted(_copies(redshift)) == sorted({table.name for table in TABLES} - _empty(configured))
    configured.run(MARTS, *SAMPLE_DAYS)
    local = Graph(tmp_path / "local", configured.node_uri, lake_uri=configured.lake_uri)
    (tmp_path / "local").mkdir()
    local.run(f"{WAREHOUSE} or {MARTS}", *SAMPLE_DAYS)
    rows, marts = configured.warehouse_rows(), configured.marts()
    assert _ordered(rows) == _ordered(_as_redshift_holds(local.warehouse_rows()))
    assert_same(marts, local.marts())
    in_the_lake = configured.lake_rows(SAMPLE_DAYS)
    for table, column in LONG_TEXTS:
        texts = [row[column.name] for row in in_the_lake[table.name]]
        lengths = sorted(len(text) for text in texts if text and len(text) > LONGEST)
        held = redshift.query(f"SELECT {column.name}_bytes AS n FROM {table.address} WHERE {column.name}_bytes > 0")
        assert sorted(row["n"] for row in held) == lengths, (table.name, column.name)
    for name in [*rows, *marts]:
        counted = reader.query(f"SELECT count(*) AS row_count FROM ethereum.{name}").to_pylist()
        assert counted == [{"row_count": len(rows.get(name, marts.get(name)))}]

    configured.run(f"{LAKE} or {WAREHOUSE} or {MARTS}", *SAMPLE_DAYS)
    assert configured.warehouse_rows() == rows
    assert configured.marts() == marts


def _empty(graph):
    """Tables without a row in the sample days: there is nothing to copy."""
    return {table.name for table in TABLES if not graph.lake.open(table, SAMPLE_DAYS).rows}


@pytest.mark.parametrize("at", [3, 5, 7])
def test_a_loader_that_loses_its_connection_is_tried_again(configured, redshift, at):
    day = SAMPLE_DAYS[0]
    configured.run("key:lake/ethereum/blocks", day)
    configured.run("key:warehouse/ethereum/blocks", day)
    with redshift.standin.cut(before=at):
        configured.run("key:warehouse/ethereum/blocks", day)
    assert configured.warehouse.count_by_day(BLOCKS, DayWindow(day, day)) == {day: 35}


def _change_file(graph, table, day, change):
    """The day's file changed, and its manifest with it, as a faulty exporter would have left them."""
    manifest, store = graph.lake.manifest(table, day), graph.lake.store
    (file,) = manifest.files
    data = change(store.read(file.key))
    store.write(file.key, data)
    entry = type(file)(file.key, file.rows, len(data), hashlib.sha256(data).hexdigest())
    fields = {name: getattr(manifest, name) for name in manifest.__struct_fields__} | {"files": [entry]}
    store.write(table.lake.manifest_key(day), type(manifest)(**fields).encode())


@pytest.mark.parametrize(
    ("table", "change", "place"),
    [
        (
            TRANSACTIONS,
            lambda data: re.sub(rb"(?m)^(0x[0-9a-f]{64}),\d+,", rb"\1,many,", data, count=1),
            r"File s3://.*2024-01-02-0\.csv\.gz, line 2, column nonce: Invalid digit",
        ),
        (
            LOGS,
            lambda data: data.replace(b'"log_index": 0', b'"log_index": "none"', 1),
            r"File s3://.*2024-01-02-0\.json\.gz, line 1, column log_index: Invalid digit",
        ),
        (
            LOGS,
            lambda data: data.replace(b'"address"', b'"address', 1),
            r"File s3://.*2024-01-02-0\.json\.gz, line 1, column .*: .*JSON",
        ),
    ],
    ids=["csv", "json", "broken json"],
)
def test_a_corrupt_file_is_named_with_its_line_and_the_old_day_stays(configured, table, change, place, monkeypatch):
    monkeypatch.setenv("LAKE_FORMAT", "csv")
    configured.format = "csv"
    day, asset = SAMPLE_DAYS[0], f"key:warehouse/ethereum/{table.name}"
    configured.run("key:lake/ethereum/*", day)
    configured.run(asset, day)
    before = configured.warehouse.read(table, DayWindow(day, day))
    assert before.num_rows
    _change_file(configured, table, day, change)
    result = configured.run(asset, day, expect_success=False)
    (said,) = [
        event.step_failure_data.user_failure_data.description
        for event in result.filter_events(lambda event: event.is_step_failure)
    ]
    assert re.search(place, said), said
    assert configured.warehouse.read(table, DayWindow(day, day)).equals(before)


@pytest.mark.slow
def test_thirty_days_load_with_one_copy_a_table(configured, redshift):
    """Thirty days made of one, in one run."""
    configured.run(LAKE, SAMPLE_DAYS[1])
    lake, days = configured.lake, [date(2024, 3, 1) + timedelta(days=distance) for distance in range(30)]
    for table in TABLES:
        rows = lake.open(table, [SAMPLE_DAYS[1]]).table()
        at = rows.schema.get_field_index("block_date")
        for day in days:
            moved = rows.set_column(at, rows.schema.field(at), pa.array([day] * rows.num_rows, pa.date32()))
            tables = spooled(table, moved, [day])
            lake.publish(table, tables, tables.days[0], "run")
    configured.run(WAREHOUSE, days[0], days[-1])
    loaded = [table.name for table in TABLES if lake.open(table, days[:1]).rows]
    assert len(loaded) >= 10
    assert sorted(_copies(redshift)) == sorted(loaded)
    counted = configured.warehouse.count_by_day(BLOCKS, DayWindow(days[0], days[-1]))
    assert counted == dict.fromkeys(days, lake.open(BLOCKS, days[:1]).rows)


def test_the_old_layout_loads_the_same_rows(configured, tmp_path, node_uri, monkeypatch):
    """csv and JSON lines as the old export wrote them, gzipped on the way."""
    monkeypatch.setenv("LAKE_FORMAT", "csv")
    configured.format = "csv"
    configured.run(f"{LAKE} or {WAREHOUSE}", *SAMPLE_DAYS, EMPTY_DAY)
    local = Graph(tmp_path / "local", node_uri, lake_uri=configured.lake_uri, format="csv")
    (tmp_path / "local").mkdir()
    local.run(WAREHOUSE, *SAMPLE_DAYS, EMPTY_DAY)
    assert _ordered(configured.warehouse_rows()) == _ordered(_as_redshift_holds(local.warehouse_rows()))


def test_redshift_without_its_settings_says_which(configured, monkeypatch):
    monkeypatch.delenv("REDSHIFT_IAM_ROLE")
    with pytest.raises(SettingError, match="REDSHIFT_IAM_ROLE is not set"):
        WarehouseIOManager().warehouse()
    monkeypatch.setenv("REDSHIFT_IAM_ROLE", "default")
    monkeypatch.setenv("REDSHIFT_SECRET", "both")
    with pytest.raises(SettingError, match="exactly one of .*are REDSHIFT_PASSWORD and REDSHIFT_SECRET"):
        WarehouseIOManager().warehouse()
    monkeypatch.setenv("LAKE_URI", "/somewhere")
    monkeypatch.delenv("REDSHIFT_SECRET")
    with pytest.raises(SettingError, match="loads from S3 only"):
        WarehouseIOManager().warehouse()


def test_the_migration_job_makes_tables_and_gives_rights(configured, redshift, reader, monkeypatch):
    """Also rights of a role that was named after the tables were made."""
    monkeypatch.delenv("WAREHOUSE_READER_ROLE")
    configured.warehouse.migrate(*TABLES)
    with pytest.raises(PermanentError, match="permission denied"):
        reader.query("SELECT * FROM ethereum.blocks")
    monkeypatch.setenv("WAREHOUSE_READER_ROLE", f"reader_{redshift.database}")
    defs = dg.Definitions(jobs=[ethereum_migration_job], resources=resources_for("test"))
    assert defs.resolve_job_def("ethereum_migration_job").execute_in_process(run_config=QUIET).success
    for table in TABLES:
        assert reader.query(f"SELECT * FROM {table.address}").num_rows == 0
