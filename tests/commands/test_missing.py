"""Missing and failed days by layer: what is told, and that only these are started."""

from datetime import UTC, date, datetime

import dagster as dg
import pytest
from click.testing import CliRunner

from assets.ethereum.tables import BLOCKS
from commands.__main__ import main
from commands.missing import Series, by_series, gaps, starts, told
from core.windows import DayWindow
from definitions import defs
from tests.standins.runs import LAKE, Graph

DAY = date(2024, 1, 2)
WINDOW = DayWindow(date(2024, 1, 1), date(2024, 1, 5))
LAKE_SERIES = Series("lake")


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def _wrote(instance, key, *partitions):
    for partition in partitions:
        instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=partition))


def test_missing_days_are_told_by_asset_and_what_was_never_there_is_no_gap(instance):
    for table in ("blocks", "transactions"):
        _wrote(instance, ["lake", "ethereum", table], "2024-01-01", "2024-01-04", "2024-01-05")
    _wrote(instance, ["lake", "ethereum", "logs"], "2024-01-01", "2024-01-02", "2024-01-03", "2024-01-05")
    found = by_series(gaps(defs, instance, "ethereum", WINDOW))
    assert found.keys() >= {LAKE_SERIES, Series("warehouse"), Series("models")}
    lines = told(LAKE_SERIES, found[LAKE_SERIES])
    assert lines[:2] == [
        "lake: missing 2024-01-02 to 2024-01-03: blocks, transactions",
        "lake: missing 2024-01-04: logs",
    ]
    assert "traces" in lines[2]
    assert [(str(start.window), {key.path[-1] for key in start.assets}) for start in starts(found[LAKE_SERIES])] == [
        ("2024-01-02 to 2024-01-04", {"blocks", "transactions", "logs"})
    ]
    assert starts(found[Series("warehouse")]) == []


def test_each_value_of_another_dimension_is_a_series_of_its_own(instance):
    _wrote(instance, ["raw", "markets", "blocks"], "bitcoin|2024-01-01", "bitcoin|2024-01-05")
    found = by_series(gaps(defs, instance, "markets", WINDOW))
    (start,) = starts(found[Series("raw", "bitcoin")])
    assert (start.first, start.last) == ("bitcoin|2024-01-02", "bitcoin|2024-01-04")
    assert starts(found[Series("raw", "dogecoin")]) == []


def test_runs_hold_no_more_days_than_their_assets_allow(instance):
    window = DayWindow(date(2024, 1, 1), date(2024, 1, 31))
    _wrote(instance, BLOCKS.lake_key, "2023-12-31")
    found = by_series(gaps(defs, instance, "ethereum", window))
    assert [str(start.window) for start in starts(found[LAKE_SERIES])] == [
        "2024-01-01 to 2024-01-14",
        "2024-01-15 to 2024-01-28",
        "2024-01-29 to 2024-01-31",
    ]


def test_what_a_failed_run_left_is_told_as_failed(tmp_path, node_uri):
    """Token transfers were written again from the logs that were there; the same run could not reach the node."""
    graph = Graph(tmp_path, node_uri)
    graph.run(LAKE, DAY)
    without = Graph(tmp_path, "http://127.0.0.1:1", instance=graph.instance)
    without.run('key:"lake/ethereum/erc1155_transfers" or key:"lake/ethereum/traces"', DAY, expect_success=False)
    found = by_series(gaps(defs, graph.instance, "ethereum", DayWindow(DAY, DAY)))
    assert told(LAKE_SERIES, found[LAKE_SERIES]) == ["lake: failed 2024-01-02: erc1155_transfers"]
    assert [start.first for start in starts(found[LAKE_SERIES])] == ["2024-01-02"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["missing", "ethereum", "--to", "0001-01-05"], "0001-01-05 is not from 1970-01-01 to "),
        (["missing", "ethereum", "--to", "9999-12-31"], "9999-12-31 is not from "),
        (["missing", "ethereum", "--from", f"{datetime.now(UTC):%Y-%m-%d}"], "the last UTC day that is over"),
        (["backfill", "exchanges", "2024-01-02", "2924-01-02", "--sandbox"], "2924-01-02 is not from "),
        (["run", "markets", "--from", "yesterday"], "'yesterday' is no day like 2024-01-31"),
        (["run", "markets", "--to", "9" * 5_000], f"'{'9' * 60}' is no day"),
    ],
)
def test_a_day_that_no_source_has_is_refused_before_anything_starts(words, said):
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2, done.output
    assert said in done.output
    assert len(done.output) < 500


@pytest.mark.parametrize(("room", "day"), [("ethereum", "2015-01-01"), ("databridge", "2024-01-02")])
def test_that_nothing_can_be_missing_is_said(tmp_path, monkeypatch, room, day):
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", "")
    done = CliRunner().invoke(main, ["missing", room, "--from", day, "--to", day])
    assert (done.exit_code, done.output) == (
        0,
        f"Nothing of {room} is partitioned by the days of {day}: none of them can be missing.\n",
    )


@pytest.mark.slow
@pytest.mark.xdist_group("dbt")
def test_only_what_is_missing_is_started(tmp_path, monkeypatch):
    """Also that Dagster's record lies in HEADWATER_HOME where no DAGSTER_HOME is named."""
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", "")

    def command(*words):
        return CliRunner().invoke(main, words, catch_exceptions=False)

    days = ["--from", "2024-01-02", "--to", "2024-01-03"]
    done = command("run", "ethereum", "--from", "2024-01-02", "--to", "2024-01-02")
    assert done.exit_code == 0, done.output
    refused = command("missing", "ethereum", *days, "--start")
    assert refused.exit_code == 1
    assert "--sandbox" in refused.output
    filled = command("missing", "ethereum", *days, "--start", "--sandbox")
    assert filled.exit_code == 0, filled.output
    for series in ("lake", "warehouse", "models"):
        assert f"Starting {series}, 2024-01-03 ..." in filled.output
    again = command("missing", "ethereum", *days)
    assert again.output.count(": all there") >= 3
    assert "missing 2024" not in again.output
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        starts_of_runs = [run.tags.get("dagster/asset_partition_range_start") for run in instance.get_runs()]
    assert starts_of_runs.count("2024-01-02") == 3  # those of the first command: that day was not run again
