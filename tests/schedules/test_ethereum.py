"""Stage after stage, days named in UTC, and reorganised days shown as stale."""

from datetime import UTC, datetime

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from assets.ethereum.assets import LAKE_ASSETS, WAREHOUSE_ASSETS
from assets.ethereum.chain_state import CHAIN_KEY
from assets.ethereum.models import ethereum_aggregates
from assets.ethereum.tables import BLOCKS
from core.windows import end_of, start_of
from definitions import defs
from resources.ethereum import EthereumNodeResource
from resources.io_managers.lake import LakeIOManager
from resources.records import PAGE
from schedules import ethereum as schedules
from schedules.stages import newest, to_start
from tests.conftest import SAMPLE_DAYS
from tests.standins.faulty_node import FaultyNode
from tests.standins.runs import Graph
from tests.standins.synthetic_chain import SyntheticChain

DAY = "2024-01-02"
LAKE_KEYS = [key for asset in LAKE_ASSETS for key in asset.keys]
WAREHOUSE_KEYS = [key for asset in WAREHOUSE_ASSETS for key in asset.keys]


@pytest.fixture
def instance(tmp_path):
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


def _written(instance, keys, day=DAY):
    for key in keys:
        instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=day))


def _tick(schedule, instance, at=datetime(2024, 1, 3, 1, 30, tzinfo=UTC)):
    context = dg.build_schedule_context(instance, scheduled_execution_time=at, repository_def=defs.get_repository_def())
    return schedule(context)


def test_the_export_takes_the_utc_day_that_ended(instance):
    request = _tick(schedules.ethereum_export_schedule, instance)
    assert (request.partition_key, request.run_key) == (DAY, DAY)
    assert set(request.asset_selection) == {CHAIN_KEY, *LAKE_KEYS}
    east = datetime.fromisoformat("2024-01-03T11:00:00+10:00")
    assert _tick(schedules.ethereum_export_schedule, instance, east).partition_key == DAY


def test_the_load_waits_for_the_export_and_says_for_what(instance):
    _written(instance, LAKE_KEYS[1:])
    skipped = _tick(schedules.ethereum_load_schedule, instance)
    assert LAKE_KEYS[0].to_user_string() in skipped.skip_message
    assert "2024-01-02 waits for" in skipped.skip_message
    _written(instance, LAKE_KEYS[:1])
    request = _tick(schedules.ethereum_load_schedule, instance)
    assert (request.partition_key, set(request.asset_selection)) == (DAY, set(WAREHOUSE_KEYS))


def test_aggregates_wait_for_the_load_and_run_once(instance):
    _written(instance, LAKE_KEYS)
    assert "waits for" in _tick(schedules.ethereum_aggregates_schedule, instance).skip_message
    _written(instance, WAREHOUSE_KEYS)
    assert _tick(schedules.ethereum_aggregates_schedule, instance).partition_key == DAY
    _written(instance, ethereum_aggregates.keys)
    assert "done already" in _tick(schedules.ethereum_aggregates_schedule, instance).skip_message


def test_a_node_that_cannot_trace_has_no_trace_branch(instance, monkeypatch):
    monkeypatch.setenv("ETHEREUM_TRACER", "off")
    names = {key.path[-1] for key in _tick(schedules.ethereum_export_schedule, instance).asset_selection}
    assert not names & {"traces", "contracts", "tokens"}
    assert {"blocks", "receipts", "token_transfers"} <= names
    _written(instance, [key for key in LAKE_KEYS if key.path[-1] in names])
    request = _tick(schedules.ethereum_load_schedule, instance)
    assert {key.path[-1] for key in request.asset_selection} == names - {"chain"}


def test_a_stage_starts_once_for_each_state_of_the_stage_before(instance):
    before, after = LAKE_KEYS, WAREHOUSE_KEYS
    assert to_start(instance, before, after, [DAY]) == {}
    _written(instance, before)
    first = to_start(instance, before, after, [DAY])
    assert to_start(instance, before, after, [DAY]) == first  # the same key: Dagster starts it once
    _written(instance, after)
    assert to_start(instance, before, after, [DAY]) == {}
    _written(instance, before[:1])  # a day exported again is loaded again
    assert to_start(instance, before, after, [DAY]) not in ({}, first)


def test_a_failed_run_does_not_count_until_it_is_made_good(instance, tmp_path, node_uri, monkeypatch):
    from assets.ethereum.extract import tokens
    from core.errors import InvalidAnswer

    graph = Graph(tmp_path, node_uri, instance=instance)

    def broken(*arguments):
        raise InvalidAnswer("no tokens today")

    with monkeypatch.context() as patch:
        patch.setattr(tokens, "export_tokens", broken)
        graph.run("key:lake/ethereum/*", SAMPLE_DAYS[0], expect_success=False)
    skipped = _tick(schedules.ethereum_load_schedule, instance)
    assert "lake/ethereum/tokens" in skipped.skip_message
    assert "lake/ethereum/blocks (its run failed)" in skipped.skip_message
    graph.run("key:lake/ethereum/*", SAMPLE_DAYS[0])
    assert _tick(schedules.ethereum_load_schedule, instance).partition_key == DAY


def test_the_sensor_starts_what_is_late(instance, monkeypatch):
    monkeypatch.setattr(schedules, "_recent_days", lambda now, count: ["2024-01-01", DAY])
    sense = lambda: schedules.ethereum_stage_sensor(dg.build_sensor_context(instance))  # noqa: E731
    assert "No stage is late" in sense().skip_message
    _written(instance, LAKE_KEYS)
    (request,) = sense().run_requests
    assert (request.job_name, request.partition_key) == ("ethereum_load_job", DAY)
    _written(instance, WAREHOUSE_KEYS)
    (request,) = sense().run_requests
    assert (request.job_name, request.partition_key) == ("ethereum_aggregates_job", DAY)


def test_recent_days_are_utc_and_never_before_the_chain():
    assert schedules._recent_days(datetime(2024, 1, 3, 0, 5, tzinfo=UTC), 2) == ["2024-01-02", "2024-01-01"]
    assert schedules._recent_days(datetime(2015, 7, 31, 12, tzinfo=UTC), 7) == ["2015-07-30"]


def test_a_reorganised_day_is_stale_and_named_until_it_is_exported_again(instance, tmp_path, monkeypatch):
    day = SAMPLE_DAYS[0]
    monkeypatch.setattr(schedules, "_recent_days", lambda now, count: [DAY, "2024-01-03"])
    chain = SyntheticChain([0, start_of(day) + 5, start_of(day) + 9, end_of(day) + 5, end_of(day) + 9])
    with FaultyNode(chain.answer) as server:
        graph = Graph(tmp_path, server.uri, instance=instance)
        step = 'key:"node/ethereum/chain" or ' + " or ".join(
            f'key:"lake/ethereum/{name}"' for name in ("blocks_meta", "blocks", "transactions", "withdrawals")
        )
        graph.run(step, day)
        assert _sense_reorgs(instance, graph).asset_events == []
        assert _status(instance) == StaleStatus.FRESH
        chain.reorganise(2, "fork")
        result = _sense_reorgs(instance, graph)
        for event in result.asset_events:
            instance.report_runless_asset_event(event)
        assert _status(instance) == StaleStatus.STALE
        (named,) = (event for event in result.asset_events if isinstance(event, dg.AssetCheckEvaluation))
        assert named.description == "2024-01-02 was reorganised since its export. Materialize it again."
        assert named.partition == "2024-01-02"
        assert _sense_reorgs(instance, graph, result.cursor).asset_events == []  # said once
        evaluation = graph.evaluate(BLOCKS.lake_key, "still_on_the_chain", day)
        assert chain.hashes[2] in evaluation.description
        graph.run(step, day)
        assert _status(instance) == StaleStatus.FRESH
        assert graph.evaluate(BLOCKS.lake_key, "still_on_the_chain", day).passed


def _sense_reorgs(instance, graph, cursor=None):
    context = dg.build_sensor_context(
        instance,
        cursor=cursor,
        resources={
            "ethereum": EthereumNodeResource(provider_uri=graph.node_uri),
            "lake": LakeIOManager(uri=str(graph.home / "lake")),
        },
    )
    return schedules.ethereum_reorg_sensor(context)


def _status(instance):
    """What the UI shows for the day's blocks."""
    resolver = CachingStaleStatusResolver(instance, defs.resolve_asset_graph(), LoadingContextForTest(instance))
    return resolver.get_status(dg.AssetKey(BLOCKS.lake_key), DAY)


def test_a_day_that_was_run_again_and_again_hides_no_other(instance):
    key = LAKE_KEYS[0]
    _written(instance, [key], "2024-01-01")
    for _ in range(2 * PAGE):
        _written(instance, [key])
    assert newest(instance, key, ["2024-01-01", DAY, "2024-01-03"]).keys() == {"2024-01-01", DAY}
