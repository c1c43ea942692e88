"""An asset is fresh by its newest complete day: a backfill of old days changes nothing about that."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.ethereum.tables import BLOCKS
from schedules.freshness import NAME, due_hours, newest_day_checks, newest_due, told

ROOT = Path(__file__).parents[2]
KEY = dg.AssetKey(BLOCKS.lake_key)
DUE = time(3)
NOW = datetime(2024, 1, 10, 4, tzinfo=UTC)


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def _wrote(instance, *days):
    for day in days:
        instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition=day))


@pytest.mark.parametrize(("hour", "day"), [(2, date(2024, 1, 8)), (3, date(2024, 1, 9)), (23, date(2024, 1, 9))])
def test_yesterday_is_due_from_its_hour_on(hour, day):
    assert newest_due(datetime(2024, 1, 10, hour, tzinfo=UTC), DUE) == day


def test_old_days_written_now_are_not_fresh_and_the_newest_is_named(instance):
    _wrote(instance, "2024-01-08", "2024-01-02", "2024-01-03")
    passed, said = told(instance, KEY, DUE, NOW)
    assert not passed
    assert said.startswith("The newest complete day is 2024-01-08; 2024-01-09 was due at 03:00 UTC.")
    _wrote(instance, "2024-01-09")
    assert told(instance, KEY, DUE, NOW) == (True, "The newest complete day is 2024-01-09.")


def test_without_any_day_it_says_so(instance):
    passed, said = told(instance, KEY, DUE, NOW)
    assert not passed
    assert said.startswith("No day of the last 60 is complete; 2024-01-09 was due")


def test_each_daily_asset_with_a_deadline_is_checked_in_one_step(instance):
    policy = dg.FreshnessPolicy.cron(deadline_cron="30 3 * * *", lower_bound_delta=timedelta(hours=3))
    daily = dg.DailyPartitionsDefinition("2024-01-01")

    @dg.asset(partitions_def=daily, freshness_policy=policy)
    def with_a_deadline() -> None: ...

    @dg.asset(partitions_def=daily)
    def without() -> None: ...

    @dg.asset(freshness_policy=policy)
    def without_days() -> None: ...

    @dg.asset(partitions_def=daily, freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=3)))
    def without_an_hour() -> None: ...

    assets = [with_a_deadline, without, without_days, without_an_hour]
    assert due_hours(assets) == {with_a_deadline.key: time(3, 30)}
    check, _ = newest_day_checks(assets)
    result = dg.materialize([*assets, check], selection=dg.AssetSelection.checks(check), instance=instance)
    (evaluation,) = result.get_asset_check_evaluations()
    assert (evaluation.check_name, evaluation.passed, evaluation.severity.value) == (NAME, False, "WARN")
