"""What a user finds in the graph, and that it loads from nothing."""

import os
import re
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from dagster import AssetKey

from assets.ethereum.tables import TABLES
from core.settings.lake import Lake
from core.settings.stage import STAGES
from core.settings.warehouse import Warehouse
from definitions import defs
from resources.kinds import with_kinds_of
from resources.stages import resources_for

ROOT = Path(__file__).parents[1]
GRAPH = defs.resolve_asset_graph()


# The notices of failed runs are wanted in every stage.
STATUSES = """
from definitions import defs
entries = [*defs.schedules, *(sensor for sensor in defs.sensors if sensor.name != "failed_run_sensor")]
print({entry.default_status.value for entry in entries})
keys = [key for check in defs.asset_checks for key in check.check_keys if key.name == "newest_day_is_there"]
print(sorted({key.asset_key.path[1] for key in keys}))
"""


@pytest.mark.parametrize(
    ("stage", "status", "watched"), [("local", "STOPPED", []), ("prod", "RUNNING", ["ethereum", "markets", "stacks"])]
)
def test_definitions_load_with_an_empty_environment(stage, status, watched):
    """And schedules and sensors run by themselves, and the newest day is watched, where it is for real."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", STATUSES],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "HEADWATER_STAGE": stage},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.stdout.splitlines() == [str({status}), str(watched)], done.stderr


def test_a_wrong_stage_is_one_sentence():
    done = subprocess.run(
        [sys.executable, "-c", "import definitions"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HEADWATER_STAGE": "live"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "HEADWATER_STAGE='live': expected one of local, test, preprod, prod." in done.stderr


def test_kinds_are_of_the_lake_and_the_warehouse_there_are(monkeypatch):
    assert GRAPH.get(AssetKey(["warehouse", "ethereum", "logs"])).kinds == {"python", "duckdb"}
    assert GRAPH.get(AssetKey(["lake", "ethereum", "logs"])).kinds == {"python", "parquet"}
    declared = dg.AssetSpec("any", kinds={"dbt", "duckdb", "s3"})
    monkeypatch.setenv("WAREHOUSE", "redshift")
    monkeypatch.setenv("LAKE_FORMAT", "csv")
    assert with_kinds_of(Lake.read(), Warehouse.read())(declared).kinds == {"dbt", "redshift", "csv"}
    monkeypatch.setenv("LAKE_URI", "s3://bucket/prefix")
    assert with_kinds_of(Lake.read(), Warehouse.read())(declared).kinds == {"dbt", "redshift", "s3"}


def test_every_stage_has_the_same_resource_keys():
    keys = {frozenset(resources_for(stage)) for stage in STAGES}
    assert len(keys) == 1


def test_the_graph():
    expected = {f"{layer}/ethereum/{table.name}" for layer in ("lake", "warehouse") for table in TABLES}
    expected |= {f"marts/ethereum/{name}" for name in (
        "aggregate_metrics_by_day", "aggregate_transaction_metrics_by_block", "daily_chain_metrics",
        "daily_contract_metrics", "daily_token_metrics",
    )}  # fmt: skip
    expected |= {"intermediate/ethereum/int_ethereum__daily_token_transfers", "node/ethereum/chain"}
    found = {key.to_user_string() for key in GRAPH.get_all_asset_keys() if "ethereum" in key.path}
    assert found == expected


@pytest.mark.parametrize(
    ("asset", "parents"),
    [
        ("lake/ethereum/receipts", {"lake/ethereum/blocks", "lake/ethereum/transactions"}),
        ("lake/ethereum/token_transfers", {"lake/ethereum/logs"}),
        ("lake/ethereum/contracts", {"lake/ethereum/traces"}),
        ("lake/ethereum/tokens", {"lake/ethereum/contracts"}),
        ("warehouse/ethereum/logs", {"lake/ethereum/logs"}),
        ("marts/ethereum/daily_contract_metrics", {"warehouse/ethereum/contracts"}),
    ],
)
def test_edges(asset, parents):
    found = GRAPH.get(AssetKey(asset.split("/"))).parent_keys
    assert {key.to_user_string() for key in found} == parents


# What is of one moment, or of no day at all, has no partitions; what nobody waits for is never late.
MOMENTS = {f"raw/markets/{name}" for name in ("coin_list", "market_snapshot", "chain_stats")}
MOMENTS |= {
    f"raw/stacks/{name}" for name in ("hourly_price", "mempool_count", "tip_seen", "spot_stats_snapshot", "cdn_told")
}
MOMENTS |= {"marts/markets/dim_asset", "marts/markets/dim_date", "marts/markets/price_breaks"}
MOMENTS |= {"lake/exchanges/universe", "marts/exchanges/fct_ohlcv_daily", "marts/exchanges/fct_gaps_daily"}
# Only a run of one partition carries the tag by which the run queue lets one of a job go at a time.
ONE_RUN_A_DAY = ["lake", "exchanges"]
ON_DEMAND = {"transactions", "universe", "lunar", "lunar_spot", "lunar_history"}


@pytest.mark.parametrize("key", sorted(GRAPH.get_all_asset_keys()), ids=lambda key: key.to_user_string())
def test_every_asset_says_what_it_is(key):
    node = GRAPH.get(key)
    assert node.description
    assert node.owners
    assert node.kinds
    assert node.group_name == f"{key.path[1]}_{key.path[0]}"
    assert {"room": key.path[1], "layer": key.path[0]}.items() <= node.tags.items()
    if key.path[1] == "databridge":
        return  # what its tables hold now is all that there is of them, and their columns are known when they are read
    whole = "object_key" in node.metadata  # an object without rows: a document, or answers as they came
    assert node.partitions_def or whole or key.to_user_string() in MOMENTS
    if key.path[0] != "node":
        schema = node.metadata.get("dagster/column_schema")
        assert whole or all(column.description for column in schema.columns)
        assert node.freshness_policy or key.path[-1] in ON_DEMAND
        assert node.backfill_policy or node.partitions_def is None or key.path[:2] == ONE_RUN_A_DAY


def test_tables_are_named_by_schema_and_name_in_every_layer():
    nodes = [GRAPH.get(key) for key in GRAPH.get_all_asset_keys()]
    named = {node.key: node.metadata["dagster/table_name"] for node in nodes if "dagster/table_name" in node.metadata}
    assert {key.path[0] for key in named} >= {"warehouse", "raw", "staging", "intermediate", "marts"}
    assert [name for name in named.values() if not re.fullmatch(r"[a-z]\w*\.[a-z]\w*", name)] == []


def test_loads_and_aggregates_take_a_range_in_one_run_and_exports_a_few_days():
    for key in GRAPH.get_all_asset_keys():
        policy = GRAPH.get(key).backfill_policy
        if GRAPH.get(key).partitions_def is None:
            continue
        if key.path[0] in ("warehouse", "raw", "staging", "marts", "intermediate"):
            assert policy == dg.BackfillPolicy.single_run()
        elif "object_key" in GRAPH.get(key).metadata:
            assert policy == dg.BackfillPolicy.multi_run(max_partitions_per_run=1)
        elif key.path[:2] == ONE_RUN_A_DAY:
            assert policy is None
        elif key.path[0] == "lake":
            assert policy.max_partitions_per_run > 1


def test_pools_guard_the_node_and_the_warehouse():
    pools = {key.to_user_string(): GRAPH.get(key).pools for key in GRAPH.get_all_asset_keys()}
    for name in ("blocks", "receipts", "traces", "tokens"):
        assert pools[f"lake/ethereum/{name}"] == {"ethereum_node"}
    assert pools["warehouse/ethereum/blocks"] == pools["marts/ethereum/daily_chain_metrics"] == {"warehouse"}


def test_jobs_schedules_and_sensors_say_what_they_do():
    declared = [*defs.jobs, *defs.schedules, *defs.sensors]
    assert [entry.name for entry in declared if not entry.description] == []


def test_jobs_schedules_and_sensors():
    repository = defs.get_repository_def()
    crons = {s.name: (s.cron_schedule, s.execution_timezone) for s in repository.schedule_defs if "ethereum" in s.name}
    assert crons == {
        "ethereum_export_schedule": ("0 1 * * *", "UTC"),
        "ethereum_load_schedule": ("30 1 * * *", "UTC"),
        "ethereum_aggregates_schedule": ("0 2 * * *", "UTC"),
    }
    assert {"ethereum_stage_sensor", "ethereum_reorg_sensor"} <= {s.name for s in repository.sensor_defs}
    assert {"ethereum_export_job", "ethereum_load_job", "ethereum_aggregates_job", "ethereum_full_refresh_job"} <= {
        job.name for job in repository.get_all_jobs()
    }


def test_blocking_checks_stand_where_a_wrong_day_must_stop():
    blocking = {
        (check.asset_key.to_user_string(), check.name)
        for definition in defs.asset_checks
        for check in definition.check_specs
        if check.blocking
    }
    assert {
        ("lake/ethereum/blocks", "contiguous"),
        ("lake/ethereum/blocks", "inside_the_day"),
        ("lake/ethereum/transactions", "counts_match"),
        ("lake/ethereum/receipts", "one_per_transaction"),
        ("lake/ethereum/logs", "indexes_contiguous"),
        *((f"warehouse/ethereum/{table.name}", "rows_equal_the_lake") for table in TABLES),
    } <= blocking
