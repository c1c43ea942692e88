from datetime import UTC, datetime

import dagster as dg
import pytest

from assets.markets.models import markets_chains, markets_network
from assets.markets.tables import BLOCKS, MARKET_DAILY
from schedules.markets import (
    days_to_build,
    markets_chains_schedule,
    markets_prices_schedule,
    partition_of,
)

TICK = datetime(2024, 1, 3, 1, tzinfo=UTC)
DAYS = ["2024-01-02", "2024-01-01"]


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def wrote(instance, key, partition):
    instance.report_runless_asset_event(dg.AssetMaterialization(asset_key=key, partition=partition))


def test_the_day_that_ended_is_fetched_at_one():
    context = dg.build_schedule_context(scheduled_execution_time=TICK)
    assert markets_prices_schedule.cron_schedule == markets_chains_schedule.cron_schedule == "0 1 * * *"
    prices = markets_prices_schedule(context)
    assert prices.partition_key == "2024-01-02"
    assert [request.partition_key for request in markets_chains_schedule(context)] == [
        "bitcoin|2024-01-02",
        "dogecoin|2024-01-02",
        "ethereum|2024-01-02",
    ]


def test_what_follows_is_built_once_for_each_state_of_a_day(instance):
    assert days_to_build(instance, DAYS) == {}
    wrote(instance, BLOCKS.raw_key, partition_of("bitcoin", "2024-01-02"))
    first = days_to_build(instance, DAYS)
    assert list(first) == ["2024-01-02"]
    assert days_to_build(instance, DAYS) == first
    for model in (markets_chains, markets_network):
        for key in model.keys:
            wrote(instance, key, "2024-01-02")
    assert days_to_build(instance, DAYS) == {}
    wrote(instance, BLOCKS.raw_key, partition_of("ethereum", "2024-01-02"))
    second = days_to_build(instance, DAYS)
    assert second["2024-01-02"] > first["2024-01-02"]
    wrote(instance, MARKET_DAILY.raw_key, "2024-01-02")
    assert days_to_build(instance, DAYS)["2024-01-02"] > second["2024-01-02"]


def test_prices_alone_build_no_chain(instance):
    wrote(instance, MARKET_DAILY.raw_key, "2024-01-02")
    assert days_to_build(instance, DAYS) == {}
