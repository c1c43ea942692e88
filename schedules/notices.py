"""A notice for each failed run, to ``NOTICE_URL`` if it is set."""

import os

import dagster as dg

from core.settings import NOTICE_URL, stage_from
from resources.clients.notices import send

# Chat systems cut longer messages somewhere.
LONGEST = 4000


@dg.run_failure_sensor(
    description="Tells of each failed run, once, after its retries.",
    default_status=dg.DefaultSensorStatus.RUNNING,
    monitor_all_code_locations=False,
)
def failed_run_sensor(context: dg.RunFailureSensorContext) -> None:
    """One notice for the run; what becomes of the notice changes nothing about the run."""
    url = NOTICE_URL.read(os.environ)
    if url and not send(url, notice(context)):
        context.log.warning("The notice of a failed run could not be sent; see the log for where and why.")


def notice(context: dg.RunFailureSensorContext) -> str:
    """What failed: stage, job, partition, run, step and the first line of its reason."""
    run = context.dagster_run
    partition = run.tags.get("dagster/partition") or run.tags.get("dagster/asset_partition_range_start") or "none"
    lines = [
        f"Failed in {stage_from(os.environ)}: {run.job_name}",
        f"partition: {partition}",
        f"run ID: {run.run_id}",
    ]
    for event in context.get_step_failure_events():
        said, cause = event.step_failure_data.user_failure_data, event.step_failure_data.error
        while cause and cause.cause:
            cause = cause.cause
        reason = (said and said.description) or (cause and cause.message) or "no reason given"
        lines.append(f"{event.step_key}: {reason.strip().splitlines()[0]}")
    return "\n".join(lines)[:LONGEST]


SENSORS = (failed_run_sensor,)
