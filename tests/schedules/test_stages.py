"""Which runs count as gone well, so that the next stage may start on what they wrote."""

import dagster as dg
import pytest

from schedules.stages import newest

DAYS = dg.DailyPartitionsDefinition("2024-01-01")
DAY = "2024-01-02"


@dg.asset(partitions_def=DAYS)
def written():
    pass


@dg.asset(partitions_def=DAYS, deps=[written], config_schema={"fails": bool})
def follows(context):
    if context.op_execution_context.op_config["fails"]:
        raise dg.Failure("down")


JOB = dg.Definitions(assets=[written, follows]).resolve_implicit_global_asset_job_def()


def _run(instance, *, fails, of=None):
    """A run, or the re-execution of the first of its family, with the tags that Dagster gives one."""
    tags = {"dagster/root_run_id": of, "dagster/parent_run_id": of} if of else {}
    config = {"ops": {"follows": {"config": {"fails": fails}}}}
    done = JOB.execute_in_process(
        run_config=config, instance=instance, partition_key=DAY, tags=tags, raise_on_error=False
    )
    return done.run_id


@pytest.mark.parametrize(
    ("fails", "succeeded"),
    [
        ([True], False),
        ([True, False], True),
        ([True, True, False], True),
        ([True, False, True], False),
        ([False, True], False),
    ],
)
def test_only_what_was_run_after_a_failed_run_makes_it_good(fails, succeeded):
    with dg.DagsterInstance.ephemeral() as instance:
        first = _run(instance, fails=fails[0])
        for again in fails[1:]:
            _run(instance, fails=again, of=first)
        assert newest(instance, written.key, [DAY])[DAY].succeeded == succeeded
