"""Each check finds its own kind of damage, and blocking ones stop what stands below."""

import re
import shutil
import weakref
from dataclasses import replace

import dagster as dg
import pyarrow as pa
import pytest

from assets.ethereum import checks
from assets.ethereum.consistency import volume_problem
from assets.ethereum.spans import BlockSpan, span_of, telling
from assets.ethereum.tables import BLOCKS, CONTRACTS, LOGS, RECEIPTS, TOKEN_TRANSFERS, TRACES, TRANSACTIONS
from assets.ethereum.transform.rows import Rows
from core.frames import spooled
from core.manifest import Manifest
from core.windows import DayWindow
from resources.clients.lake.reading import LakeDay
from schedules.ethereum import ROOM
from tests.conftest import SAMPLE_DAYS
from tests.standins.runs import LAKE, WAREHOUSE, Graph, failures

DAY, NEXT = SAMPLE_DAYS[:2]


@pytest.fixture(scope="module")
def once(tmp_path_factory, node_uri):
    """Two days, exported and loaded."""
    graph = Graph(tmp_path_factory.mktemp("once"), node_uri)
    graph.run(LAKE, DAY, NEXT)
    graph.run(WAREHOUSE, DAY, NEXT)
    return graph


@pytest.fixture
def graph(once, tmp_path, node_uri):
    """The two days exported, and no warehouse."""
    shutil.copytree(once.home / "lake", tmp_path / "lake")
    return Graph(tmp_path, node_uri)


@pytest.fixture
def loaded(once, graph):
    """The two days exported and loaded."""
    shutil.copy(once.home / "warehouse.duckdb", graph.home)
    return graph


def _damage(graph, table, change):
    """Publish the day with its rows changed, as a wrong exporter would."""
    day = graph.lake.open(table, [DAY]).days[0]
    rows = change(day.table())
    tables = spooled(table, rows, [DAY])
    (one,) = tables.days
    kept = replace(one, telling=telling(span_of(day.manifest)))
    graph.lake.publish(table, tables, kept, "damaged")


def _without_row(at):
    return lambda rows: pa.concat_tables([rows.slice(0, at), rows.slice(at + 1)])


def _with(column, at, value):
    def change(rows):
        values = rows.column(column).to_pylist()
        values[at] = value(values[at])
        index = rows.column_names.index(column)
        return rows.set_column(index, rows.schema.field(column), pa.array(values, rows.schema.field(column).type))

    return change


DAMAGES = [
    (BLOCKS, _without_row(5), "contiguous", "block 13 follows block 11"),
    (BLOCKS, _with("parent_hash", 5, lambda _: "0xother"), "contiguous", "names parent 0xother"),
    (BLOCKS, _with("timestamp", 5, lambda stamp: stamp + 10**6), "inside_the_day", "outside 2024-01-02"),
    (TRANSACTIONS, _without_row(7), "counts_match", "counts .* transactions, the lake holds"),
    (RECEIPTS, _without_row(7), "one_per_transaction", "has no receipt"),
    (RECEIPTS, lambda rows: pa.concat_tables([rows, rows.slice(3, 1)]), "one_per_transaction", "has 2 receipts"),
    (LOGS, _with("log_index", 3, lambda index: index + 50), "indexes_contiguous", "logs with indexes"),
    (TRACES, _without_row(0), "one_call_tree_each", "transaction 0 of block 7 has no trace"),
    (CONTRACTS, _without_row(0), "match_creations", "is not among the contracts"),
]


@pytest.mark.parametrize(
    ("table", "change", "check", "sentence"), DAMAGES, ids=lambda value: getattr(value, "name", None)
)
def test_damage_is_found_by_name(graph, table, change, check, sentence):
    _damage(graph, table, change)
    result = graph.run(f'key:"lake/ethereum/{table.name}"', DAY, NEXT)  # exported anew, all is well again
    assert all(evaluation.passed for evaluation in result.get_asset_check_evaluations())
    _damage(graph, table, change)
    evaluation = graph.evaluate(table.lake_key, check, DAY)
    assert not evaluation.passed
    assert re.search(sentence, evaluation.description)
    assert str(DAY) in evaluation.description


def test_a_range_has_one_evaluation_for_each_day(graph):
    """Dagster plans one for each partition; what is planned and never evaluated shows as skipped."""
    result = graph.run('key:"lake/ethereum/blocks"', DAY, NEXT)
    evaluations = result.get_asset_check_evaluations()
    days = {str(DAY), str(NEXT)}
    by_check = {
        name: {e.partition for e in evaluations if e.check_name == name} for name in {e.check_name for e in evaluations}
    }
    assert set(map(frozenset, by_check.values())) == {frozenset(days)}
    for check in by_check:
        key = dg.AssetCheckKey(dg.AssetKey(BLOCKS.lake_key), check)
        history = graph.instance.event_log_storage.get_asset_check_execution_history(key, limit=50)
        records = [record for record in history if record.run_id == result.run_id]
        assert {record.partition for record in records} == days
        assert {record.status.value for record in records} == {"SUCCEEDED"}


def test_days_are_let_go_one_after_the_other(graph):
    held = weakref.WeakSet()

    class Day:
        """What a check reads of one."""

    def find(lake, day):
        assert not held
        rows = Day()
        held.add(rows)
        return checks._Found(str(rows) for _ in range(3))

    check = checks._lake_checks(BLOCKS, checks._LakeCheck("held", "For this test.", find), blocking=False)
    result = dg.materialize(
        [*ROOM.assets, check],
        selection=dg.AssetSelection.checks(check),
        resources=graph.resources(),
        tags={"dagster/asset_partition_range_start": str(DAY), "dagster/asset_partition_range_end": str(NEXT)},
    )
    assert [e.metadata["problems"].value for e in result.get_asset_check_evaluations()] == [3, 3]


def test_the_day_must_fit_its_neighbour(graph):
    day = graph.lake.open(BLOCKS, [NEXT]).days[0]
    tables = spooled(BLOCKS, day.table(), [NEXT])
    (one,) = tables.days
    moved = BlockSpan(42, 78, span_of(day.manifest).first_hash, span_of(day.manifest).last_hash, "0xother")
    graph.lake.publish(BLOCKS, tables, replace(one, telling=telling(moved)), "damaged")
    evaluation = graph.evaluate(BLOCKS.lake_key, "contiguous", DAY)
    assert "the day after starts with block 42 on parent 0xother" in evaluation.description


def test_an_unusual_volume_is_a_warning(graph):
    assert graph.evaluate(BLOCKS.lake_key, "usual_volume", DAY).passed
    day = graph.lake.open(BLOCKS, [NEXT]).days[0]
    tables = spooled(BLOCKS, day.table().slice(0, 3), [NEXT])
    graph.lake.publish(BLOCKS, tables, tables.days[0], "damaged")
    evaluation = graph.evaluate(BLOCKS.lake_key, "usual_volume", NEXT)
    assert (evaluation.passed, evaluation.severity.value) == (False, "WARN")
    assert evaluation.description == "2024-01-03: 3 rows, the median of the 1 days before is 35"


@pytest.mark.parametrize(("rows", "usual"), [(49, False), (50, True), (200, True), (201, False)])
def test_unusual_is_less_than_half_or_more_than_double_the_median(rows, usual):
    assert (volume_problem(rows, [90, 100, 100]) is None) == usual
    assert volume_problem(rows, []) is None


def test_a_failed_blocking_check_keeps_the_day_out_of_the_warehouse(graph, monkeypatch):
    real = Rows.blocks

    def lossy(self):
        """The blocks as they were proved, but without their first logs."""
        for block in real(self):
            logs = block.tables.get("logs")
            kept = {"logs": logs._replace(start=min(logs.start + 1, logs.stop))} if logs else {}
            yield replace(block, tables=block.tables | kept)

    monkeypatch.setattr(Rows, "blocks", lossy)
    result = graph.run(f"{LAKE} or {WAREHOUSE}", DAY, expect_success=False)
    failed = {(e.asset_key.path[-1], e.check_name) for e in result.get_asset_check_evaluations() if not e.passed}
    assert ("logs", "indexes_contiguous") in failed
    loaded = {
        event.asset_key.path[-1]
        for event in result.get_asset_materialization_events()
        if event.asset_key.path[0] == "warehouse"
    }
    assert "logs" not in loaded
    # What else was checked in the step that failed is told all the same.
    assert ("logs", "header_commitments") in {
        (e.asset_key.path[-1], e.check_name) for e in result.get_asset_check_evaluations()
    }


def test_a_warning_that_cannot_be_made_holds_nothing_up(graph):
    """It looks at the days before, of which one can no longer be read."""
    graph.lake.store.write(TRANSACTIONS.lake.manifest_key(DAY), b"{")
    chosen = 'key:"lake/ethereum/transactions" or key:"warehouse/ethereum/transactions"'
    result = graph.run(chosen, NEXT, expect_success=False)
    (said,) = failures(result)
    assert said.startswith("lake__ethereum__transactions_warning_checks: ")
    assert str(DAY) in said
    loaded = graph.warehouse.count_by_day(TRANSACTIONS, DayWindow(NEXT, NEXT))
    assert loaded == {NEXT: graph.lake.open(TRANSACTIONS, [NEXT]).rows}


def test_rows_that_never_reached_the_warehouse_are_missed(loaded):
    with loaded.warehouse._connection() as connection:
        connection.execute("DELETE FROM ethereum.logs WHERE log_index = 0")
    evaluation = loaded.evaluate(LOGS.warehouse_key, "rows_equal_the_lake", DAY)
    assert not evaluation.passed
    assert "rows in ethereum.logs, 114 in the lake" in evaluation.description


@pytest.mark.parametrize(
    ("table", "change", "sentence"),
    [
        (TRANSACTIONS, "value = value + 1", r"value adds up to \d+ instead of \d+ in the lake"),
        (TRANSACTIONS, "max_fee_per_gas = NULL", r"max_fee_per_gas has \d+ values instead of \d+"),
        (TOKEN_TRANSFERS, "value = '1'", "value adds up to"),
        (LOGS, "data = data || '00'", "data adds up to"),
        (CONTRACTS, "is_erc20 = NOT is_erc20", "is_erc20 adds up to"),
        (BLOCKS, "timestamp = timestamp - 1", "timestamp adds up to"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_contents_that_changed_behind_the_count_are_found(loaded, table, change, sentence):
    with loaded.warehouse._connection() as connection:
        connection.execute("BEGIN")
        connection.execute(f"UPDATE ethereum.{table.name} SET {change} WHERE block_date = DATE '{DAY}'")
        connection.execute("COMMIT")
    evaluation = loaded.evaluate(table.warehouse_key, "contents_equal_the_lake", DAY)
    assert not evaluation.passed
    assert re.search(sentence, evaluation.description), evaluation.description
    assert loaded.evaluate(table.warehouse_key, "contents_equal_the_lake", NEXT).passed
    assert loaded.evaluate(table.warehouse_key, "rows_equal_the_lake", DAY).passed


def test_contents_are_compared_by_the_manifest_without_reading_the_day_again(loaded, monkeypatch):
    read = []
    whole = LakeDay.batches

    def batches(self, columns=None):
        read.append(self.table_.name)
        return whole(self, columns)

    monkeypatch.setattr(LakeDay, "batches", batches)
    assert loaded.evaluate(LOGS.warehouse_key, "contents_equal_the_lake", DAY).passed
    assert read == []
    monkeypatch.setattr(Manifest, "contents", None)  # as in those of before
    assert loaded.evaluate(LOGS.warehouse_key, "contents_equal_the_lake", DAY).passed
    assert read == ["logs"]
