"""Why stages are started by `schedules/stages.py`: what Dagster's own automation conditions do with half a stage.

When this fails after an upgrade of Dagster, look again whether conditions can take over (docs/decisions.md).
"""

from datetime import UTC, datetime, timedelta

import dagster as dg

DAILY = dg.DailyPartitionsDefinition("2024-01-01")
Condition = dg.AutomationCondition
READY = (
    Condition.in_latest_time_window(timedelta(days=7))
    & (Condition.any_deps_updated() | Condition.missing()).since_last_handled()
    & ~Condition.any_deps_missing()
    & ~Condition.any_deps_in_progress()
    & Condition.all_deps_blocking_checks_passed()
)
DAY = "2024-01-04"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dg.asset(key=["lake", "blocks"], partitions_def=DAILY)
def blocks() -> None:
    """Exported well."""


@dg.asset(key=["lake", "tokens"], partitions_def=DAILY)
def tokens() -> None:
    raise RuntimeError("no tokens today")


def _loaded(name):
    @dg.asset(key=["warehouse", name], deps=[["lake", name]], partitions_def=DAILY, automation_condition=READY)
    def load() -> None: ...

    return load


def test_a_condition_loads_the_half_that_was_exported_by_a_run_that_failed():
    """`to_start` waits until all of the stage is there and its run succeeded, so that no half day is aggregated."""
    job = dg.define_asset_job("export", selection='key:"lake/*"')
    defs = dg.Definitions(assets=[blocks, tokens, _loaded("blocks"), _loaded("tokens")], jobs=[job])
    now = datetime(2024, 1, 5, 1, tzinfo=UTC)
    with dg.DagsterInstance.ephemeral() as instance:
        before = dg.evaluate_automation_conditions(defs, instance, evaluation_time=now)
        export = defs.resolve_job_def("export")
        assert not export.execute_in_process(
            instance=instance, partition_key=DAY, raise_on_error=False, run_config=QUIET
        ).success
        after = dg.evaluate_automation_conditions(defs, instance, evaluation_time=now, cursor=before.cursor)
    assert after.get_requested_partitions(dg.AssetKey(["warehouse", "blocks"])) == {DAY}
    assert after.get_requested_partitions(dg.AssetKey(["warehouse", "tokens"])) == set()
